#include "runtime/worker_host.h"

#include "base/limits.h"
#include "runtime/home_fixture.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <utility>

namespace agentcmd::runtime {
namespace {

// The workers that this process has.
std::set<pid_t> workers() {
  std::set<pid_t> found;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(thread.path() / "children");
    for (pid_t pid = 0; children >> pid;) {
      std::string name;
      std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), name);
      if (name == "agentcmd-worker") found.insert(pid);
    }
  }
  return found;
}

class WorkerHostTest : public HomeFixture {
 protected:
  std::unique_ptr<WorkerHost> make_host() {
    script::WorkerHandlers handlers;
    handlers.died = [this](const std::string&) {
      died = true;
      few_were_in_it = host->was_in_it(run(0));
      many_were_in_it = host->was_in_it(run(limits::runs_in_a_worker));
    };
    return make_worker_host(io.get_executor(), AGENTCMD_TEST_LIBEXEC, home.bundles(),
                            std::move(handlers));
  }
  static history::RunId run(std::size_t number) { return {"run" + std::to_string(number)}; }

  void start(std::size_t runs) {
    for (std::size_t i = 0; i < runs; ++i) wait(host->ensure_started(run(i)));
  }

  std::unique_ptr<WorkerHost> host = make_host();
  bool died = false;
  bool few_were_in_it = false;
  bool many_were_in_it = false;
};

TEST_F(WorkerHostTest, FewRunsShareOneProcess) {
  start(limits::runs_in_a_worker);
  EXPECT_EQ(workers().size(), 1U);
  EXPECT_EQ(host->generation(run(0)), host->generation(run(1)));
  wait(host->stop());
}

TEST_F(WorkerHostTest, ADeathTakesTheContextsOfItsOwnRunsOnly) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one processor has one worker";
  start(limits::runs_in_a_worker);
  const auto first = workers();
  ASSERT_EQ(first.size(), 1U);
  const auto last = run(limits::runs_in_a_worker);
  wait(host->ensure_started(last));
  ASSERT_EQ(workers().size(), 2U);
  const auto kept = host->generation(last);
  EXPECT_NE(host->generation(run(0)), kept);
  ASSERT_EQ(kill(*first.begin(), SIGKILL), 0);
  run_until([this] { return died; });
  EXPECT_TRUE(few_were_in_it);
  EXPECT_FALSE(many_were_in_it);
  EXPECT_EQ(host->generation(run(0)), WorkerHost::nowhere);
  EXPECT_EQ(host->generation(last), kept);
  wait(host->stop());
}

}  // namespace
}  // namespace agentcmd::runtime
