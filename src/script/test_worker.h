#pragma once
// A real worker process with a small SDK of the tests, driven from a test's own loop.

#include "base/id.h"
#include "base/random.h"
#include "script/worker_client.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <utility>
#include <vector>

namespace agentcmd::script {

// A folder that is gone after the test.
class TempFolder {
 public:
  TempFolder() {
    SystemRandom random;
    path_ = std::filesystem::temp_directory_path() / ("agentcmd-script-" + make_id('t', random));
    std::filesystem::create_directories(path_);
    path_ = std::filesystem::canonical(path_);
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    const auto file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file;
  }

 private:
  std::filesystem::path path_;
};

template <typename T>
T wait(boost::asio::io_context& io, Task<T> task) {
  auto future = boost::asio::co_spawn(io, std::move(task), boost::asio::use_future);
  io.restart();
  while (future.wait_for(std::chrono::seconds(0)) != std::future_status::ready) io.run_one();
  return future.get();
}

class WorkerTest : public testing::Test {
 protected:
  WorkerTest() {
    const auto data = std::filesystem::path(AGENTCMD_SOURCE_DIR) / "src/script/testdata";
    std::filesystem::copy_file(data / "sdk.js", libexec.path() / "sdk.js");
    std::filesystem::copy_file(data / "analyze.js", libexec.path() / "analyze.js");
    std::filesystem::create_symlink(
        std::filesystem::path(AGENTCMD_TEST_LIBEXEC) / "agentcmd-worker",
        libexec.path() / "agentcmd-worker");
    handlers.effect = [this](Effect effect) { return answer(std::move(effect)); };
    handlers.closure_ended = [this](history::RunId run, history::ClosureEnd end) {
      ended.emplace_back(std::move(run), std::move(end));
    };
    handlers.stopped = [this](const history::RunId& run, RunStopped stop) {
      stopped.emplace_back(run, std::move(stop));
    };
    handlers.died = [this](const std::string& message) { deaths.push_back(message); };
  }

  ~WorkerTest() override {
    if (worker) wait(io, worker->stop());
  }

  void start(std::vector<std::string> arguments = {},
             std::chrono::milliseconds answer_max = limits::worker_answer_max) {
    WorkerOptions options{
        .libexec = libexec.path(), .arguments = std::move(arguments), .answer_max = answer_max};
    auto started = wait(io, start_worker_with(io.get_executor(), options, handlers));
    ASSERT_TRUE(started) << started.error().message;
    worker = std::move(started->worker);
    pid = started->pid;
  }

  // Sends code that maps line n to line n + 10 of flow.ts, and returns its hash.
  std::string load(const std::string& code) {
    std::string mappings = "AAUA";
    for (const char c : code) {
      if (c == '\n') mappings += ";AACA";
    }
    Bundle bundle{
        .hash = sha256_hex(code),
        .file = "flow.ts",
        .code = code,
        .map = R"({"version":3,"sources":["flow.ts"],"names":[],"mappings":")" + mappings + "\"}"};
    worker->load(bundle);
    return bundle.hash;
  }

  static history::Activation start_of(const std::string& run, const std::string& hash) {
    const history::StartJob job{.run_name = "a run",
                                .project = "/project",
                                .seed = 18446744073709551615U,
                                .request = {R"({"args":{"big":123456789012345678901234567890}})"}};
    return {.run = {run}, .code_hash = hash, .jobs = {{from_millis(1000), job}}};
  }

  template <typename What>
  static history::Activation then(const std::string& run, const std::string& hash, What what) {
    return {.run = {run}, .code_hash = hash, .jobs = {{from_millis(2000), std::move(what)}}};
  }

  ActivationOutcome activate(history::Activation activation) {
    return wait(io, worker->activate(std::move(activation)));
  }

  // The completion; a test failure if it ended otherwise.
  history::Completion complete(history::Activation activation) {
    auto outcome = activate(std::move(activation));
    if (auto* completion = std::get_if<history::Completion>(&outcome)) return *completion;
    if (auto* stop = std::get_if<RunStopped>(&outcome)) {
      ADD_FAILURE() << stop->reason << ": " << stop->message << "\n" << stop->stack;
    } else {
      ADD_FAILURE() << std::get<WorkerDied>(outcome).message;
    }
    return {};
  }

  template <typename Condition>
  void run_until(Condition condition) {
    io.restart();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      io.run_one_for(std::chrono::milliseconds(100));
    }
    ASSERT_TRUE(condition());
  }

  virtual Task<EffectResult> answer(Effect effect) {
    effects.push_back(effect);
    if (effect.name == "fail") {
      co_return EffectResult{
          .ok = false,
          .value = {R"({"name":"Error","message":"ENOENT: no such file","code":"ENOENT"})"}};
    }
    co_return EffectResult{.ok = true, .value = effect.args};
  }

  boost::asio::io_context io;
  TempFolder libexec;
  WorkerHandlers handlers;
  std::vector<Effect> effects;
  std::vector<std::pair<history::RunId, history::ClosureEnd>> ended;
  std::vector<std::pair<history::RunId, RunStopped>> stopped;
  std::vector<std::string> deaths;
  std::unique_ptr<Worker> worker;
  pid_t pid = -1;
};

}  // namespace agentcmd::script
