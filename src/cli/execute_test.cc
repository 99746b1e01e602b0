#include "cli/execute.h"

#include "async/task_group.h"
#include "async/wakeup.h"
#include "base/id.h"
#include "cli/detach.h"
#include "cli/exit_code.h"

#include <boost/asio/io_context.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>

namespace agentcmd::cli {
namespace {

namespace fs = std::filesystem;

// Drives nothing: `on_drive` and `on_cancel` say what happens, and end() what drive() returns.
class FakeDriver final : public runtime::Driver {
 public:
  explicit FakeDriver(const boost::asio::any_io_executor& executor) : changed_(executor) {}

  Task<Result<runtime::Requested>> request(runtime::NewRun, runtime::StartPolicy) override {
    co_return runtime::Requested{.run = {"r1"}, .message = {}};
  }
  Task<Result<history::RunId>> create(runtime::NewRun) override { co_return history::RunId{"r1"}; }
  void begin(history::RunId) override {}
  Task<Result<void>> adopt(history::RunId) override { co_return Result<void>(); }
  Task<Result<runtime::Driven>> drive(history::RunId, bool) override {
    if (on_drive) on_drive();
    while (!ended_ && !stopped) co_await changed_.wait();
    if (!ended_) co_return fail(ErrorCode::cancelled, "the run was left");
    co_return *ended_;
  }
  void change_code(history::RunId, std::string) override {}
  std::vector<runtime::StuckRun> check_stuck() override { return {}; }
  Task<> cancel(history::RunId, std::string by) override {
    cancelled_by = std::move(by);
    if (on_cancel) on_cancel();
    co_return;
  }
  Task<> keep(runtime::KeepOptions) override { co_return; }
  Task<> stop() override {
    stopped = true;
    changed_.notify();
    co_return;
  }

  void end(store::RunStatus status, std::string message = "") {
    runtime::Driven driven;
    driven.status = status;
    driven.message = std::move(message);
    ended_ = driven;
    changed_.notify();
  }

  std::function<void()> on_drive;
  std::function<void()> on_cancel;
  std::string cancelled_by;
  bool stopped = false;

 private:
  Wakeup changed_;
  std::optional<Result<runtime::Driven>> ended_;
};

class ExecuteTest : public testing::Test {
 protected:
  ExecuteTest() {
    root_ = fs::temp_directory_path() / make_id('t', random_);
    fs::create_directories(root_ / "logs");
    out_ = open((root_ / "out").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    output_.emplace(out_, out_);
  }
  ~ExecuteTest() override {
    close(out_);
    fs::remove_all(root_);
  }

  // Executes a run of the fake driver; the exit code.
  int execute(ViewKind kind = ViewKind::people) {
    Services services{.executor = loop_.get_executor(),
                      .output = *output_,
                      .clock = clock_,
                      .random = random_,
                      .home = {root_},
                      .can_ask = can_ask_};
    view_ = make_run_view(kind, *output_, clock_);
    int code = -1;
    TaskGroup tasks(loop_.get_executor());
    tasks.spawn("test", execute_into(services, *view_, code));
    loop_.run();
    return code;
  }

  std::string text_of(const std::string& file) const {
    std::ifstream in(root_ / file);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string printed() const { return text_of("out"); }

  void show_on(int out) { output_.emplace(out, out); }

  boost::asio::io_context loop_;
  FakeDriver driver_{loop_.get_executor()};
  bool can_ask_ = false;
  std::unique_ptr<RunView> view_;  // while it executes

 private:
  Task<> execute_into(Services& services, RunView& view, int& code) {
    view.begin({"r1"}, {});
    code = co_await execute_run(services, driver_, view, {"r1"}, false);
  }

  SystemClock clock_;
  SystemRandom random_;
  fs::path root_;
  int out_ = -1;
  std::optional<Output> output_;
};

TEST_F(ExecuteTest, TheExitCodeFollowsTheStatus) {
  driver_.on_drive = [&] { driver_.end(store::RunStatus::completed); };
  EXPECT_EQ(execute(), 0);
  EXPECT_NE(printed().find("Completed"), std::string::npos);
}

TEST_F(ExecuteTest, AFailedRunExitsWithOne) {
  driver_.on_drive = [&] { driver_.end(store::RunStatus::failed, "it broke"); };
  EXPECT_EQ(execute(), 1);
  EXPECT_NE(printed().find("it broke"), std::string::npos);
}

TEST_F(ExecuteTest, APausedRunExitsWithFiveAndSaysHowToGoOn) {
  driver_.on_drive = [&] { driver_.end(store::RunStatus::paused, "a step was lost"); };
  EXPECT_EQ(execute(), 5);
  EXPECT_NE(printed().find("agentcmd runs resume r1"), std::string::npos);
}

TEST_F(ExecuteTest, AFaultOfTheDriverLeavesThroughTheBorder) {
  driver_.on_drive = [] { throw std::runtime_error("disk full"); };
  EXPECT_EQ(execute(), -1);
}

TEST_F(ExecuteTest, TheFirstCtrlCCancels) {
  driver_.on_drive = [] { std::raise(SIGINT); };
  driver_.on_cancel = [&] { driver_.end(store::RunStatus::cancelled); };
  EXPECT_EQ(execute(), 130);
  EXPECT_EQ(driver_.cancelled_by, "Ctrl-C");
  EXPECT_NE(printed().find("Ctrl-C again leaves the run"), std::string::npos);
  EXPECT_FALSE(driver_.stopped);
}

TEST_F(ExecuteTest, TheSecondCtrlCLeavesTheRun) {
  driver_.on_drive = [] { std::raise(SIGINT); };
  driver_.on_cancel = [] { std::raise(SIGINT); };
  EXPECT_EQ(execute(), 130);
  EXPECT_TRUE(driver_.stopped);
  EXPECT_NE(printed().find("agentcmd runs resume r1"), std::string::npos);
}

TEST_F(ExecuteTest, TermLeavesTheRunAtOnce) {
  driver_.on_drive = [] { std::raise(SIGTERM); };
  EXPECT_EQ(execute(), 143);
  EXPECT_TRUE(driver_.stopped);
  EXPECT_EQ(driver_.cancelled_by, "");
}

TEST_F(ExecuteTest, ALeftRunSaysSoInItsLastJsonLine) {
  driver_.on_drive = [] { std::raise(SIGTERM); };
  EXPECT_EQ(execute(ViewKind::json), 143);
  const auto text = printed();
  const auto last = Json::parse(text.substr(text.rfind("{\"type\":\"result\"")));
  EXPECT_EQ(last["run"]["id"], "r1");
  EXPECT_EQ(last["run"]["interrupted"], true);
}

TEST_F(ExecuteTest, QuietJsonIsTheResultAlone) {
  driver_.on_drive = [&] { driver_.end(store::RunStatus::completed); };
  EXPECT_EQ(execute(ViewKind::quiet_json), 0);
  const auto only = Json::parse(printed());
  EXPECT_EQ(only["type"], "result");
  EXPECT_EQ(only["run"]["status"], "completed");
}

TEST_F(ExecuteTest, AGateBesideOtherWorkIsAnnouncedWithTheCommandsThatAnswerIt) {
  driver_.on_drive = [&] {
    view_->committed({"r1"}, {1, from_millis(0), history::StepScheduled{.key = {"s"}}});
    view_->committed({"r1"}, {2, from_millis(0),
                              history::GateOpened{.key = {"go"},
                                                  .name = "go",
                                                  .phase = {},
                                                  .timeout_at = {},
                                                  .gate = {R"({"title":"Go?"})"}}});
    driver_.end(store::RunStatus::completed);
  };
  EXPECT_EQ(execute(), 0);
  EXPECT_NE(printed().find("agentcmd approve r1 go"), std::string::npos) << printed();
}

// Descriptors 1 and 2 are the test's own, so they are put back.
class DetachTest : public ExecuteTest {
 protected:
  void TearDown() override {
    dup2(saved_out_, STDOUT_FILENO);
    dup2(saved_err_, STDERR_FILENO);
    close(saved_out_);
    close(saved_err_);
  }

 private:
  int saved_out_ = dup(STDOUT_FILENO);
  int saved_err_ = dup(STDERR_FILENO);
};

TEST_F(DetachTest, AClosedTerminalLeavesTheRunGoingOnIntoItsLog) {
  driver_.on_drive = [] {
    std::raise(SIGHUP);
    std::raise(SIGINT);
  };
  driver_.on_cancel = [&] { driver_.end(store::RunStatus::cancelled); };
  EXPECT_EQ(execute(), 130);
  EXPECT_NE(text_of("logs/r1.log").find("goes on in the background"), std::string::npos);
}

// On a terminal that is stdin, too; the standard streams are put back.
class AskTest : public ExecuteTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(openpty(&user_, &terminal_, nullptr, nullptr, nullptr), 0);
    dup2(terminal_, STDIN_FILENO);
    show_on(terminal_);
    getrlimit(RLIMIT_NOFILE, &files_);
  }
  void TearDown() override {
    dup2(saved_out_, STDOUT_FILENO);
    dup2(saved_err_, STDERR_FILENO);
    setrlimit(RLIMIT_NOFILE, &files_);
    dup2(saved_in_, STDIN_FILENO);
    for (const int fd : {saved_in_, saved_out_, saved_err_, user_, terminal_}) close(fd);
  }

  void type(std::string_view text) const {
    ASSERT_EQ(write(user_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void lose_a_command() {
    history::RunPaused paused;
    paused.reason = "lost";
    view_->committed({"r1"}, {1, from_millis(0), paused});
    driver_.end(store::RunStatus::paused, "a command was lost");
  }
  void open_a_gate() {
    view_->committed({"r1"}, {1, from_millis(0),
                              history::GateOpened{.key = {"go"},
                                                  .name = "go",
                                                  .phase = {},
                                                  .timeout_at = {},
                                                  .gate = {R"({"title":"Go?"})"}}});
  }
  void allow_no_more_files() const {
    auto none = files_;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
  }

 private:
  int user_ = -1;
  int terminal_ = -1;
  int saved_in_ = dup(STDIN_FILENO);
  int saved_out_ = dup(STDOUT_FILENO);
  int saved_err_ = dup(STDERR_FILENO);
  rlimit files_{};
};

TEST_F(AskTest, ALostCommandIsRunAgainWhenTheUserSaysSo) {
  int drives = 0;
  driver_.on_drive = [&] {
    if (++drives == 1) {
      lose_a_command();
      type("y\n");
    } else {
      driver_.end(store::RunStatus::completed);
    }
  };
  EXPECT_EQ(execute(), 0);
  EXPECT_EQ(drives, 2);
}

TEST_F(AskTest, ALostCommandIsNotRunAgainOtherwise) {
  driver_.on_drive = [&] {
    lose_a_command();
    type("\n");
  };
  EXPECT_EQ(execute(), 5);
}

TEST_F(AskTest, AGateIsAskedAndCtrlCLeavesTheRunWaiting) {
  can_ask_ = true;
  driver_.on_drive = [&] {
    open_a_gate();
    type("perhaps\n");
    std::raise(SIGINT);
  };
  EXPECT_EQ(execute(), 4);
  EXPECT_TRUE(driver_.stopped);
  EXPECT_EQ(driver_.cancelled_by, "");
}

TEST_F(AskTest, AGateIsNotAskedWhileAStepIsUnderWay) {
  can_ask_ = true;
  driver_.on_drive = [&] {
    open_a_gate();
    view_->committed({"r1"}, {2, from_millis(0), history::StepScheduled{.key = {"s"}}});
    std::raise(SIGINT);
  };
  driver_.on_cancel = [&] { driver_.end(store::RunStatus::cancelled); };
  EXPECT_EQ(execute(), 130) << "no question was there to take back";
}

TEST_F(AskTest, WithoutItsTerminalARunThatAskedGoesOn) {
  can_ask_ = true;
  driver_.on_drive = [&] {
    open_a_gate();
    std::raise(SIGHUP);
    std::raise(SIGINT);
  };
  driver_.on_cancel = [&] { driver_.end(store::RunStatus::cancelled); };
  EXPECT_EQ(execute(), 130);
  EXPECT_NE(text_of("logs/r1.log").find("goes on in the background"), std::string::npos);
}

TEST_F(AskTest, AQuestionThatCannotBeAskedIsNotWaitedFor) {
  driver_.on_drive = [&] {
    lose_a_command();
    allow_no_more_files();
  };
  EXPECT_EQ(execute(), 5);
}

}  // namespace
}  // namespace agentcmd::cli
