#pragma once
// A folder, a loop and a few short words for tests of supervised processes.

#include "process/orphans.h"
#include "process/process_identity.h"
#include "process/supervised_process.h"
#include "process/test_support.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace agentcmd::process {

class SupervisedTest : public testing::Test {
 protected:
  using Started = Result<std::unique_ptr<SupervisedProcess>>;

  SupervisedTest() : stop_(io_.get_executor()) {}
  // Whatever a failing test has left behind.
  ~SupervisedTest() override {
    if (!processes().empty()) {
      for (const pid_t pid : processes()) ::kill(pid, SIGKILL);
      run(io_, kill_orphans(attempt()));
    }
  }

  static std::filesystem::path libexec() { return AGENTCMD_TEST_LIBEXEC; }
  std::filesystem::path attempt() const { return dir_ / "attempt"; }

  ProcessSpec spec(std::vector<std::string> argv) const {
    ProcessSpec spec;
    spec.dir = attempt();
    spec.argv = std::move(argv);
    spec.cwd = dir_.path();
    spec.env = {{"PATH", ::getenv("PATH")}};
    spec.grace = std::chrono::milliseconds(200);
    return spec;
  }
  ProcessSpec shell(std::string script) const { return spec({"sh", "-c", std::move(script)}); }

  Started start(ProcessSpec spec) {
    return run(io_, start_supervised(io_.get_executor(), libexec(), std::move(spec)));
  }
  Result<Exit> wait_for(SupervisedProcess& process) { return run(io_, process.wait(stop_)); }
  Recovered recover() { return run(io_, recover_supervised(io_.get_executor(), attempt())); }

  // Starts and waits; a failed exit where it could not be started.
  Exit finish(ProcessSpec spec) {
    auto process = start(std::move(spec));
    if (!process) {
      ADD_FAILURE() << process.error().message;
      return {};
    }
    auto exit = wait_for(**process);
    if (!exit) {
      ADD_FAILURE() << exit.error().message;
      return {};
    }
    return *exit;
  }

  std::string output() const { return contents(attempt() / "stdout"); }

  // The living processes of the attempt, its supervisor among them, as the machine sees them.
  std::vector<pid_t> processes() const {
    const std::string marker =
        fmt::format("{0}{1}={2}{0}", '\0', attempt_variable, attempt_path(attempt()).string());
    std::vector<pid_t> found;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
      const std::string pid = entry.path().filename();
      if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
      const std::string environment = '\0' + read_kernel_text(entry.path() / "environ");
      if (environment.find(marker) != std::string::npos && is_alive(pid)) {
        found.push_back(std::stoi(pid));
      }
    }
    return found;
  }

  pid_t supervisor() const {
    std::istringstream claim(contents(attempt() / "claim"));
    std::string word;
    pid_t pid = 0;
    claim >> word >> pid;
    return pid;
  }

  bool exists(const std::string& name) const { return std::filesystem::exists(dir_ / name); }

  TempDir dir_;
  boost::asio::io_context io_;
  StopSource stop_;
};

// Each line of descent leaves the session twice, ignores TERM and never stops forking.
inline constexpr const char* hostile_tree = R"(
trap '' TERM
for i in 1 2 3; do
  setsid sh -c '
    trap "" TERM
    (setsid sh -c "trap \"\" TERM; touch deep.\$0; while :; do sleep 0.01; done" $0 &)
    while :; do sleep 0.01; done' $i &
done
while [ ! -e deep.1 ] || [ ! -e deep.2 ] || [ ! -e deep.3 ]; do sleep 0.01; done
touch ready
)";

}  // namespace agentcmd::process
