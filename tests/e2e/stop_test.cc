// Steps that no supervisor watches (git, set-up of a workspace) end early, too: when the run is
// cancelled, and when their time is over. Git's locks are not left behind.

#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr std::string_view stays = "touch '{}'; while :; do sleep 0.05; done";

class StopTest : public testing::Test {
 protected:
  fs::path begun() const { return sandbox.root / "begun"; }
  std::string staying() const { return fmt::format(stays, begun().string()); }
  void wait_until_begun() {
    wait_until([&] { return fs::exists(begun()); }, "the command runs");
  }
  // A commit that waits in its hook for ever.
  void make_slow_repository() {
    sandbox.make_repository();
    const fs::path hook = ".git/hooks/pre-commit";
    sandbox.write(hook, "#!/bin/sh\n" + staying() + "\n");
    fs::permissions(sandbox.project / hook, fs::perms::owner_all);
    sandbox.write("new.txt", "new\n");
  }
  void define(const std::string& options) {
    sandbox.define("one.ts", fmt::format(R"(
export default defineWorkflow({{ id: "one" }}, async ({{ step }}) => {{
  try {{
    return await step.git("save", {{ operation: "commit", message: "one" }}, {});
  }} catch (error) {{
    return [error.name, error.message];
  }}
}});)",
                                         options));
  }
  void expect_unlocked() {
    EXPECT_FALSE(fs::exists(sandbox.project / ".git/index.lock"));
    wait_until([&] { return sandbox.processes().empty(); }, "every process is gone");
  }
  Sandbox sandbox;
};

TEST_F(StopTest, CancelEndsAGitStepInTheMiddleOfAHook) {
  define("{}");
  make_slow_repository();
  auto running = sandbox.start({"run", "one", "--json"});
  wait_until_begun();
  const auto asked = steady_clock::now();
  running->signal(SIGINT);
  const auto finished = running->wait();
  EXPECT_LT(steady_clock::now() - asked, std::chrono::seconds(30));
  EXPECT_EQ(finished.code, 130) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["status"], "cancelled");
  expect_unlocked();
}

TEST_F(StopTest, ATimeoutOfAGitStepIsThrownIntoTheWorkflow) {
  define("{ timeout: 700 }");
  make_slow_repository();
  const auto finished = sandbox.agentcmd({"run", "one", "--json"});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  const auto result = result_of(finished)["result"];
  EXPECT_EQ(result[0], "TimeoutError") << result;
  EXPECT_TRUE(result[1].dump().contains("git commit timed out after")) << result;
  expect_unlocked();
}

TEST_F(StopTest, CancelEndsTheSetUpCommandOfAWorktree) {
  sandbox.define("one.ts", "export default defineWorkflow({ id: 'one' }, async () => 1);");
  sandbox.write(".agent/config.json", Json{{"setup", staying()}}.dump());
  sandbox.make_repository();
  auto running = sandbox.start({"run", "one", "--json", "--mode", "worktree"});
  wait_until_begun();
  running->signal(SIGINT);
  const auto finished = running->wait();
  EXPECT_EQ(finished.code, 130) << finished.out << finished.err;
  EXPECT_EQ(result_of(finished)["status"], "cancelled");
  expect_unlocked();
}

}  // namespace
}  // namespace agentcmd::test
