#pragma once
// A home of its own for what bench/run measures, with one definition and a driver. It lies in the
// folder that BENCH_DIR names, else in the current one: /tmp is often no disk. Errors are thrown.

#include "async/task_group.h"
#include "runtime/driver.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace agentcmd::bench {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using std::chrono::steady_clock;

inline constexpr auto definition = R"(
export default defineWorkflow({ id: "steps" }, async ({ event, step }) => {
  const { steps, sleep } = event.data.args;
  for (let i = 0; i < steps; i++) await step.run("step", async () => i);
  if (sleep) await step.sleep("wait", sleep);
  return "done";
});
)";

inline double seconds_since(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

// Calls a function with each event that was committed.
class Watcher final : public runtime::Observer {
 public:
  std::function<void(const history::RunId&, const history::Event&)> on_event;

  void committed(const history::RunId& run, const history::Event& event) override {
    if (on_event) on_event(run, event);
  }
  bool wants_output() const override { return false; }
  void output(const history::RunId&, const history::StepKey&, std::string_view,
              std::string_view) override {}
};

inline fs::path make_folder() {
  const char* named = std::getenv("BENCH_DIR");
  auto pattern = (fs::absolute(named != nullptr ? named : ".") / "runs-bench-XXXXXX").native();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder " + pattern);
  return pattern;
}

class Bench {
 public:
  // Makes the home below `root`, or opens the one that is there, in which no run can be created
  // then. The driver is the caller's to start. The folder is gone when we are.
  explicit Bench(const fs::path& libexec, fs::path root = make_folder())
      : libexec_(fs::absolute(libexec)), root_(std::move(root)), home_{.root = root_ / "home"} {
    const bool is_new = !fs::exists(home_.root);
    store::prepare(home_);
    store_ = store::open_store(io_.get_executor(), home_);
    if (is_new) bundle_ = make_bundle();
  }
  ~Bench() {
    close();
    fs::remove_all(root_);
  }
  void close() {
    stop_driver();
    if (store_) wait(store_->log().stop());
    store_.reset();
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  Watcher& watcher() { return watcher_; }
  runtime::Driver& driver() { return *driver_; }

  void start_driver() {
    runtime::DriverOptions options{.home = home_, .libexec = libexec_, .observer = &watcher_};
    driver_ = *wait(
        runtime::start_driver(io_.get_executor(), *store_, clock_, random_, std::move(options)));
  }
  // The worker is warm when this returns.
  void start_warm_driver() {
    start_driver();
    wait(run(1));
  }
  void stop_driver() {
    if (driver_) wait(driver_->stop());
    driver_.reset();
  }

  Task<history::RunId> create(int steps, int sleep = 0) {
    runtime::NewRun run{
        .bundle = bundle_,
        .definition = "steps",
        .project = root_ / "project",
        .name = "bench",
        .request = {
            fmt::format(R"({{"args":{{"steps":{},"sleep":{}}},"mode":"stay"}})", steps, sleep)}};
    const auto id = co_await driver_->create(std::move(run));
    co_return id.value();
  }

  // A run from its start to its result.
  Task<> run(int steps) {
    const auto id = co_await create(steps);
    const auto driven = co_await driver_->drive(id, false);
    if (driven.value().status != store::RunStatus::completed)
      throw std::runtime_error(driven->message);
  }

  Task<> run_all(int count, int steps) {
    TaskGroup group(io_.get_executor());
    for (int i = 0; i < count; ++i) group.spawn("run", run(steps));
    co_await group.join();
  }

  Task<> drive(history::RunId id) { (void)co_await driver_->drive(std::move(id), true); }

  asio::io_context& io() { return io_; }
  store::Store& store() { return *store_; }
  const store::Home& home() const { return home_; }

  template <typename T>
  T wait(Task<T> task) {
    auto future = asio::co_spawn(io_, std::move(task), asio::use_future);
    io_.restart();
    while (future.wait_for(std::chrono::seconds(0)) != std::future_status::ready) io_.run_one();
    return future.get();
  }

  // The median of writing 4 KiB into a file that exists, in microseconds.
  double fdatasync_micros() const {
    const auto probe = root_ / "probe";
    const int fd = open(probe.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) throw std::runtime_error("cannot write " + probe.string());
    const std::array<char, 4096> block{};
    std::vector<double> micros;
    for (int i = 0; i < 200; ++i) {
      const auto start = steady_clock::now();
      if (pwrite(fd, block.data(), block.size(), 0) < 0 || fdatasync(fd) != 0)
        throw std::runtime_error("cannot write " + probe.string());
      micros.push_back(1e6 * seconds_since(start));
    }
    ::close(fd);
    std::ranges::sort(micros);
    return micros[micros.size() / 2];
  }

 private:
  script::Bundle make_bundle() {
    const auto file = root_ / "project/.agent/workflows/definitions/steps.ts";
    fs::create_directories(file.parent_path());
    std::ofstream(file) << definition;
    return wait(script::make_bundle(io_.get_executor(), libexec_, root_ / "project", file,
                                    home_.bundles()))
        .value();
  }

  asio::io_context io_;
  const fs::path libexec_;
  const fs::path root_;
  const store::Home home_;
  std::unique_ptr<store::Store> store_;
  script::Bundle bundle_;
  Watcher watcher_;
  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<runtime::Driver> driver_;
};

}  // namespace agentcmd::bench
