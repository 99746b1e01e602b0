#include "base/secret.h"

#include <gtest/gtest.h>

namespace agentcmd {
namespace {

TEST(Secret, KnownValuesAreRedactedEverywhere) {
  const std::vector<Secret> secrets{Secret("sk-ant-0123456789"), Secret("short")};
  EXPECT_EQ(redact("a sk-ant-0123456789 b sk-ant-0123456789 short", secrets),
            "a [redacted] b [redacted] short");
}

TEST(Secret, AValueThatIsPartOfItsReplacementIsRedactedOnce) {
  EXPECT_EQ(redact("is redacted or redacted", {Secret("redacted")}), "is [redacted] or [redacted]");
}

TEST(Secret, OwnVariablesAreKnownByName) {
  EXPECT_TRUE(is_own_secret_variable("AGENTCMD_TOKEN"));
  EXPECT_TRUE(is_own_secret_variable("AGENTCMD_API_KEY"));
  EXPECT_FALSE(is_own_secret_variable("AGENTCMD_HOME"));
  EXPECT_FALSE(is_own_secret_variable("ANTHROPIC_API_KEY"));
}

}  // namespace
}  // namespace agentcmd
