#include "base/id.h"

#include <gtest/gtest.h>

#include <set>

namespace agentcmd {
namespace {

TEST(Id, HasItsPrefixAndIsUnique) {
  SystemRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(make_id('r', random));
  EXPECT_EQ(seen.size(), 1000U);
  EXPECT_EQ(seen.begin()->size(), 12U);
  EXPECT_EQ(seen.begin()->front(), 'r');
}

TEST(Id, Sha256IsTheKnownOne) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace agentcmd
