#include "runtime/closures.h"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <optional>

namespace agentcmd::runtime {
namespace {

const history::StepKey key{"a"};

class ClosuresTest : public testing::Test {
 protected:
  boost::asio::io_context io;
  int idle = 0;
  std::optional<Closures> closures{std::in_place, io.get_executor(), [this] { ++idle; }};
};

// The first effect of a closure is asked for before the commit of its start.
TEST_F(ClosuresTest, TheStartOfAClosureLeavesItsOwnEffectsAlone) {
  auto effect = closures->begin_effect(key, 1, 7);
  closures->begin(key, {.attempt = 1});
  EXPECT_FALSE(effect.stop().requested());
}

TEST_F(ClosuresTest, ANewAttemptStopsTheEffectsOfTheOneBefore) {
  closures->begin(key, {.attempt = 1});
  auto effect = closures->begin_effect(key, 1, 7);
  closures->begin(key, {.attempt = 2});
  EXPECT_TRUE(effect.stop().requested());
}

TEST_F(ClosuresTest, ItIsIdleOnceTheStoppedEffectsHaveEnded) {
  closures->begin(key, {.attempt = 1});
  {
    auto effect = closures->begin_effect(key, 1, 7);
    closures->end(key);
    EXPECT_TRUE(effect.stop().requested());
    EXPECT_TRUE(closures->empty());
    EXPECT_TRUE(closures->has_effects());
    EXPECT_EQ(idle, 0);
  }
  EXPECT_FALSE(closures->has_effects());
  EXPECT_EQ(idle, 1);
}

TEST_F(ClosuresTest, OneEffectCanBeCancelledWithoutTheOthers) {
  closures->begin(key, {.attempt = 1});
  auto one = closures->begin_effect(key, 1, 7);
  auto other = closures->begin_effect(key, 1, 8);
  closures->cancel_effect(key, 8);
  EXPECT_FALSE(one.stop().requested());
  EXPECT_TRUE(other.stop().requested());
}

TEST_F(ClosuresTest, AnEffectMayOutliveThem) {
  auto effect = closures->begin_effect(key, 1, 7);
  closures.reset();
  EXPECT_FALSE(effect.stop().requested());
}

}  // namespace
}  // namespace agentcmd::runtime
