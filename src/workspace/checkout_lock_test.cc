#include "workspace/checkout_lock.h"

#include "workspace/test_support.h"

namespace agentcmd::workspace {
namespace {

class CheckoutLockTest : public WorkspaceTest {
 protected:
  Result<CheckoutLock> lock(const std::filesystem::path& project, Mode mode,
                            const std::string& run) {
    return wait(lock_checkout(io_.get_executor(), pool_, project, mode, run));
  }
};

TEST_F(CheckoutLockTest, ARunInModeBranchHasTheCheckoutAlone) {
  auto first = lock(project_, Mode::branch, "r1");
  ASSERT_TRUE(first) << first.error().message;
  for (const auto mode : {Mode::branch, Mode::stay}) {
    const auto second = lock(project_, mode, "r2");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::conflict);
    EXPECT_TRUE(second.error().message.contains("run r1.")) << second.error().message;
  }
  EXPECT_TRUE(lock(project_, Mode::worktree, "r3"));
  first->release();
  EXPECT_TRUE(lock(project_, Mode::branch, "r2"));
}

TEST_F(CheckoutLockTest, RunsInModeStayShareItAndAreNamedToOthers) {
  const auto one = lock(project_, Mode::stay, "r1");
  const auto two = lock(project_, Mode::stay, "r2");
  ASSERT_TRUE(one && two);
  const auto third = lock(project_, Mode::branch, "r3");
  ASSERT_FALSE(third);
  EXPECT_TRUE(third.error().message.contains("r1, r2")) << third.error().message;
}

TEST_F(CheckoutLockTest, WorktreesOfOneRepositoryAreCheckoutsOfTheirOwn) {
  git(project_, {"worktree", "add", "--quiet", "-b", "side", (root_ / "side").string()});
  const auto one = lock(project_, Mode::branch, "r1");
  EXPECT_TRUE(one);
  EXPECT_TRUE(lock(root_ / "side", Mode::branch, "r2"));
}

TEST_F(CheckoutLockTest, WithoutARepositoryThereIsNothingToLock) {
  const auto lock_of_none = lock(root_, Mode::branch, "r1");
  ASSERT_TRUE(lock_of_none);
  EXPECT_FALSE(lock_of_none->holds());
}

}  // namespace
}  // namespace agentcmd::workspace
