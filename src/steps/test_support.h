#pragma once
// A run of its own for each test: project folder, loop, and a host that remembers what it was told.

#include "async/wakeup.h"
#include "process/test_support.h"
#include "steps/environment.h"
#include "steps/step.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace agentcmd::steps {

class RecordingHost final : public StepHost {
 public:
  explicit RecordingHost(boost::asio::io_context& io)
      : io_(io), pool_(2), changed_(io.get_executor()) {}

  boost::asio::any_io_executor executor() override { return io_.get_executor(); }
  BlockingPool& pool() override { return pool_; }
  void note(const Step&, history::Detail detail) override { notes.push_back(std::move(detail)); }
  Task<> checkpoint(const Step&, JsonText data) override {
    checkpoints.push_back(std::move(data));
    co_return;
  }
  // Gates are answered by `on_ask`, as a person would; without one, or where it says nothing, they
  // stay open.
  void ask(const Step&, Question question) override {
    asked.push_back(question);
    if (!on_ask) return;
    if (auto decision = on_ask(question)) decide(question.gate, std::move(*decision));
  }
  void decide(const history::StepKey& gate, history::GateDecided decision) {
    answers[gate] = std::move(decision);
    ++recorded_;
    changed_.notify();
  }
  std::optional<history::GateDecided> answer(const Step&,
                                             const history::StepKey& gate) const override {
    const auto found = answers.find(gate);
    return found == answers.end() ? std::nullopt : std::optional(found->second);
  }
  void withdraw_question(const Step&, const history::StepKey& gate) override {
    withdrawn.push_back(gate);
  }
  std::vector<std::string> allowed_in_run() const override { return allowed; }
  std::uint64_t recorded() const override { return recorded_; }
  Task<> recorded_after(std::uint64_t seen) override {
    while (recorded_ <= seen) co_await changed_.wait();
  }
  bool has_audience() const override { return audience; }
  void output(const Step&, std::string_view stream, std::string_view text) override {
    shown[std::string(stream)] += std::string(text);
    if (on_output) on_output();
  }

  bool audience = true;
  std::vector<JsonText> checkpoints;
  std::vector<history::Detail> notes;
  std::map<std::string, std::string> shown;
  std::function<void()> on_output;
  std::function<std::optional<history::GateDecided>(const Question&)> on_ask;
  std::vector<Question> asked;
  std::vector<history::StepKey> withdrawn;
  std::map<history::StepKey, history::GateDecided> answers;
  std::vector<std::string> allowed;

 private:
  boost::asio::io_context& io_;
  BlockingPool pool_;
  std::uint64_t recorded_ = 0;
  Wakeup changed_;
};

class StepTest : public testing::Test {
 protected:
  StepTest() : host_(io_), stop_(io_.get_executor()) {
    std::filesystem::create_directories(project());
  }

  std::filesystem::path project() const { return dir_ / "project"; }

  Step make_step(std::string type, Json config, Json options = Json::object()) {
    Step step;
    step.run.run = {"r1"};
    step.run.name = "test run";
    step.run.project = project();
    step.run.working_dir = project();
    step.run.run_dir = dir_ / "run";
    step.run.libexec = AGENTCMD_TEST_LIBEXEC;
    step.run.env = step_environment();
    step.key = {"phase/" + type};
    step.type = std::move(type);
    step.name = step.type;
    step.phase = "phase";
    step.input = {to_text({{"config", std::move(config)}, {"options", std::move(options)}})};
    return step;
  }

  template <typename T>
  T wait(Task<T> task) {
    return process::run(io_, std::move(task));
  }

  Outcome run(Step step) {
    const auto* type = find_step_type(step.type);
    if (type == nullptr) throw std::runtime_error("no step type " + step.type);
    return wait(type->run(host_, std::move(step), stop_));
  }

  // The result of a step that completed; its failure's message as {"failed": …} otherwise.
  Json result_of(const Outcome& outcome) {
    if (const auto* completed = std::get_if<Completed>(&outcome.what)) {
      auto result = parse_trusted(completed->output.text, "result");
      EXPECT_EQ(completed->success, bool_or(result, "success"));
      return result;
    }
    if (const auto* failed = std::get_if<Failed>(&outcome.what)) {
      return {{"failed", failed->failure.message}};
    }
    if (const auto* late = std::get_if<TimedOut>(&outcome.what)) {
      return {{"timedOut", late->failure.message}};
    }
    if (const auto* lost = std::get_if<Lost>(&outcome.what)) return {{"lost", lost->reason}};
    return {{"cancelled", true}};
  }
  Json run_to_result(Step step) { return result_of(run(std::move(step))); }

  // Begins the step as a driver does that is then killed: the loop stops as soon as `condition`
  // holds, and nothing of the driver's side is told or asked again.
  template <typename Condition>
  void run_until_killed(Step step, Condition condition) {
    boost::asio::io_context doomed;
    RecordingHost host(doomed);
    host.on_ask = on_ask_;
    StopSource never(doomed.get_executor());
    const auto* type = find_step_type(step.type);
    boost::asio::co_spawn(doomed, type->run(host, std::move(step), never),
                          [](std::exception_ptr, const Outcome&) {});
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition() && std::chrono::steady_clock::now() < end) {
      doomed.run_for(std::chrono::milliseconds(5));
    }
    EXPECT_TRUE(condition());
    checkpoint_before_ =
        host.checkpoints.empty() ? std::nullopt : std::optional(host.checkpoints.back());
  }

  // Whether a living process has that argument. Pids that a contained process sees are not ours.
  static bool runs_anywhere(const std::string& argument) {
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
      const auto line = process::contents(entry.path() / "cmdline");
      if (line.find('\0' + argument + '\0') != line.npos) return true;
    }
    return false;
  }

  // An argument for sleep that no other test uses.
  const std::string unique_ =
      std::to_string(100'000 + ::getpid()) + "." +
      std::to_string(std::chrono::steady_clock::now().time_since_epoch().count() % 1'000'000);
  process::TempDir dir_;
  boost::asio::io_context io_;
  RecordingHost host_;
  StopSource stop_;
  std::optional<JsonText> checkpoint_before_;
  // As the driver that is killed was answered.
  std::function<std::optional<history::GateDecided>(const Question&)> on_ask_;
};

}  // namespace agentcmd::steps
