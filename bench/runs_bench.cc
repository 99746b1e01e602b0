// runs_bench LIBEXEC RUNS STEPS: steps per second of RUNS runs of STEPS closures each, in one
// process, beside what the disk alone needs for an fdatasync; in a second line, the CPU time of
// each thread and child. Data goes to the folder that BENCH_DIR names, else to the current one:
// /tmp is often no disk.

#include "async/task_group.h"
#include "runtime/driver.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace agentcmd {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr auto definition = R"(
export default defineWorkflow({ id: "steps" }, async ({ event, step }) => {
  for (let i = 0; i < event.data.args.steps; i++) await step.run("step", async () => i);
  return "done";
});
)";

double seconds_since(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

double seconds_on_cpu(const fs::path& task) {
  double nanoseconds = 0;
  std::ifstream(task / "schedstat") >> nanoseconds;
  return nanoseconds / 1e9;
}

std::string name_of(const fs::path& task) {
  std::string name;
  std::getline(std::ifstream(task / "comm"), name);
  return name;
}

// Seconds by thread of this process, by living child, and of all children that have ended.
std::map<std::string, double> cpu_times() {
  rusage ended{};
  getrusage(RUSAGE_CHILDREN, &ended);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  std::map<std::string, double> times{
      {"ended children", seconds(ended.ru_utime) + seconds(ended.ru_stime)}};
  for (const auto& thread : fs::directory_iterator("/proc/self/task")) {
    times[name_of(thread)] += seconds_on_cpu(thread);
    std::ifstream children(thread.path() / "children");
    for (std::string child; children >> child;) {
      const auto process = fs::path("/proc") / child;
      for (const auto& task : fs::directory_iterator(process / "task"))
        times[name_of(process)] += seconds_on_cpu(task);
    }
  }
  return times;
}

class Bench {
 public:
  Bench(const fs::path& libexec, int steps) : libexec_(fs::absolute(libexec)), steps_(steps) {
    const char* named = std::getenv("BENCH_DIR");
    auto pattern = (fs::absolute(named != nullptr ? named : ".") / "runs-bench-XXXXXX").native();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder " + pattern);
    root_ = pattern;
    fs::create_directories(root_ / "project/.agent/workflows/definitions");
    std::ofstream(file()) << definition;
    home_ = {.root = root_ / "home"};
    store::prepare(home_);
    store_ = store::open_store(io_.get_executor(), home_);
  }
  ~Bench() {
    store_.reset();
    fs::remove_all(root_);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

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
    close(fd);
    std::ranges::sort(micros);
    return micros[micros.size() / 2];
  }

  // Seconds from the first to the last of the runs, all started at once.
  double drive(int count) {
    const auto made = wait(script::make_bundle(io_.get_executor(), libexec_, root_ / "project",
                                               file(), home_.bundles()));
    if (!made) throw std::runtime_error(made.error().message);
    const auto& bundle = *made;
    runtime::DriverOptions options{.home = home_, .libexec = libexec_};
    auto driver = *wait(
        runtime::start_driver(io_.get_executor(), *store_, clock_, random_, std::move(options)));
    wait(drive_one(*driver, new_run(bundle, 1)));  // starts the worker and warms it
    const auto cpu = cpu_times();
    const auto start = steady_clock::now();
    {
      TaskGroup group(io_.get_executor());
      for (int i = 0; i < count; ++i)
        group.spawn("run", drive_one(*driver, new_run(bundle, steps_)));
      wait(group.join());
    }
    const auto seconds = seconds_since(start);
    cpu_ = cpu_times();
    for (const auto& [name, before] : cpu) cpu_[name] -= before;
    wait(driver->stop());
    driver.reset();
    wait(store_->log().stop());
    if (completed_ != count + 1)
      throw std::runtime_error(fmt::format("{} of {} runs completed", completed_, count + 1));
    return seconds;
  }

  // What drive() used, by name.
  const std::map<std::string, double>& cpu() const { return cpu_; }

 private:
  fs::path file() const { return root_ / "project/.agent/workflows/definitions/steps.ts"; }

  runtime::NewRun new_run(const script::Bundle& bundle, int steps) const {
    return {.bundle = bundle,
            .definition = "steps",
            .project = root_ / "project",
            .name = "bench",
            .request = {fmt::format(R"({{"args":{{"steps":{}}},"mode":"stay"}})", steps)}};
  }

  Task<> drive_one(runtime::Driver& driver, runtime::NewRun run) {
    const auto id = co_await driver.create(std::move(run));
    const auto driven = co_await driver.drive(id.value(), false);
    if (driven.value().status == store::RunStatus::completed)
      ++completed_;
    else
      fmt::print(stderr, "{}\n", driven->message);
  }

  template <typename T>
  T wait(Task<T> task) {
    auto future = asio::co_spawn(io_, std::move(task), asio::use_future);
    io_.restart();
    while (future.wait_for(std::chrono::seconds(0)) != std::future_status::ready) io_.run_one();
    return future.get();
  }

  asio::io_context io_;
  fs::path libexec_;
  int steps_;
  int completed_ = 0;
  std::map<std::string, double> cpu_;
  fs::path root_;
  store::Home home_;
  std::unique_ptr<store::Store> store_;
  SystemClock clock_;
  SystemRandom random_;
};

int run(std::span<char*> arguments) {
  if (arguments.size() != 4) {
    fmt::print(stderr, "usage: runs_bench LIBEXEC RUNS STEPS\n");
    return 2;
  }
  const int runs = std::stoi(arguments[2]);
  const int steps = std::stoi(arguments[3]);
  Bench bench(arguments[1], steps);
  const double disk = bench.fdatasync_micros();
  const double seconds = bench.drive(runs);
  const double all = static_cast<double>(runs) * steps;
  fmt::print("{:.0f} {:.0f} {:.1f}\n", all / seconds, disk, 1e6 * seconds / all);
  fmt::print("CPU, µs a step:");
  for (const auto& [name, used] : bench.cpu()) fmt::print(" {} {:.1f};", name, 1e6 * used / all);
  fmt::print("\n");
  return 0;
}

}  // namespace
}  // namespace agentcmd

int main(int argc, char** argv) {
  try {
    return agentcmd::run({argv, static_cast<std::size_t>(argc)});
  } catch (const std::exception& failure) {
    fmt::print(stderr, "runs_bench: {}\n", failure.what());
    return 1;
  }
}
