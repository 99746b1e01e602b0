// What a driver does in a second, for bench/run. Data goes to the folder that BENCH_DIR names, else
// to the current one: /tmp is often no disk.
//
//   runs_bench LIBEXEC throughput RUNS STEPS   "RATE DISK EACH": steps per second of RUNS runs of
//   STEPS
//                                              closures each, all started at once; microseconds of
//                                              an fdatasync; microseconds a step. In a second line,
//                                              the CPU time of each thread and child.
//   runs_bench LIBEXEC latency RUNS            "P50 P99 DISK": from start to result of a run of one
//   step,
//                                              in microseconds, one after the other
//   runs_bench LIBEXEC growth                  "EARLY MIDDLE LATE": microseconds a step of one run,
//   of 1,000
//                                              steps from the 10th, the 1,000th and the 10,000th on
//   runs_bench LIBEXEC replay STEPS            "MILLISECONDS EVENTS": until a run with a history of
//   so many
//                                              events goes on in a context of its own

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
#include <functional>
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
  const { steps, sleep } = event.data.args;
  for (let i = 0; i < steps; i++) await step.run("step", async () => i);
  if (sleep) await step.sleep("wait", sleep);
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

// Calls a function with each event that was committed.
class Watcher final : public runtime::Observer {
 public:
  std::function<void(const history::Event&)> on_event;

  void committed(const history::RunId&, const history::Event& event) override {
    if (on_event) on_event(event);
  }
  bool wants_output() const override { return false; }
  void output(const history::RunId&, const history::StepKey&, std::string_view,
              std::string_view) override {}
};

// A home of its own with one definition, and a driver for it.
class Bench {
 public:
  explicit Bench(const fs::path& libexec) : libexec_(fs::absolute(libexec)) {
    const char* named = std::getenv("BENCH_DIR");
    auto pattern = (fs::absolute(named != nullptr ? named : ".") / "runs-bench-XXXXXX").native();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder " + pattern);
    root_ = pattern;
    fs::create_directories(root_ / "project/.agent/workflows/definitions");
    std::ofstream(file()) << definition;
    home_ = {.root = root_ / "home"};
    store::prepare(home_);
    store_ = store::open_store(io_.get_executor(), home_);
    bundle_ = wait(script::make_bundle(io_.get_executor(), libexec_, root_ / "project", file(),
                                       home_.bundles()))
                  .value();
    start_driver();
  }
  ~Bench() {
    stop_driver();
    wait(store_->log().stop());
    store_.reset();
    fs::remove_all(root_);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  Watcher& watcher() { return watcher_; }
  runtime::Driver& driver() { return *driver_; }

  // The worker is warm when this returns.
  void start_driver() {
    runtime::DriverOptions options{.home = home_, .libexec = libexec_, .observer = &watcher_};
    driver_ = *wait(
        runtime::start_driver(io_.get_executor(), *store_, clock_, random_, std::move(options)));
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
    close(fd);
    std::ranges::sort(micros);
    return micros[micros.size() / 2];
  }

 private:
  fs::path file() const { return root_ / "project/.agent/workflows/definitions/steps.ts"; }

  asio::io_context io_;
  fs::path libexec_;
  fs::path root_;
  store::Home home_;
  std::unique_ptr<store::Store> store_;
  script::Bundle bundle_;
  Watcher watcher_;
  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<runtime::Driver> driver_;
};

void throughput(Bench& bench, int runs, int steps) {
  const double disk = bench.fdatasync_micros();
  const auto before = cpu_times();
  const auto start = steady_clock::now();
  bench.wait(bench.run_all(runs, steps));
  const double seconds = seconds_since(start);
  auto cpu = cpu_times();
  for (const auto& [name, used] : before) cpu[name] -= used;
  const double all = static_cast<double>(runs) * steps;
  fmt::print("{:.0f} {:.0f} {:.1f}\n", all / seconds, disk, 1e6 * seconds / all);
  fmt::print("CPU, µs a step:");
  for (const auto& [name, used] : cpu) fmt::print(" {} {:.1f};", name, 1e6 * used / all);
  fmt::print("\n");
}

void latency(Bench& bench, int runs) {
  const double disk = bench.fdatasync_micros();
  std::vector<double> micros;
  for (int i = 0; i < runs; ++i) {
    const auto start = steady_clock::now();
    bench.wait(bench.run(1));
    micros.push_back(1e6 * seconds_since(start));
  }
  std::ranges::sort(micros);
  fmt::print("{:.0f} {:.0f} {:.0f}\n", micros[micros.size() / 2], micros[micros.size() * 99 / 100],
             disk);
}

// Results become visible in commits of many steps, so the cost is taken over 1,000 of them.
void growth(Bench& bench) {
  std::vector<steady_clock::time_point> ends;
  bench.watcher().on_event = [&ends](const history::Event& event) {
    if (std::holds_alternative<history::StepCompleted>(event.detail))
      ends.push_back(steady_clock::now());
  };
  bench.wait(bench.run(11'100));
  bench.watcher().on_event = nullptr;
  const auto each = [&ends](std::size_t from) {
    const std::chrono::duration<double> passed = ends.at(from + 1000) - ends.at(from);
    return 1e6 * passed.count() / 1000;
  };
  fmt::print("{:.1f} {:.1f} {:.1f}\n", each(10), each(1000), each(10'000));
}

// A sleeping run is left and driven again; it has gone on when it has taken a cancellation.
void replay(Bench& bench, int steps) {
  bool asleep = false;
  bench.watcher().on_event = [&asleep](const history::Event& event) {
    asleep = asleep || std::holds_alternative<history::TimerStarted>(event.detail);
  };
  const auto id = bench.wait(bench.create(steps, 3'600'000));
  TaskGroup group(bench.io().get_executor());
  group.spawn("run", bench.drive(id));
  while (!asleep) bench.io().run_one();
  bench.stop_driver();
  bench.wait(group.join());
  bench.start_driver();
  bench.wait([](Bench& bench, history::RunId id) -> Task<> {
    const auto adopted = co_await bench.driver().adopt(std::move(id));
    if (!adopted) throw std::runtime_error(adopted.error().message);
  }(bench, id));
  std::uint64_t events = 0;
  bench.watcher().on_event = [&events](const history::Event& event) {
    if (std::holds_alternative<history::RunCancelRequested>(event.detail)) events = event.seq;
  };
  const auto start = steady_clock::now();
  group.spawn("run", bench.drive(id));
  group.spawn("cancel", bench.driver().cancel(id, "bench"));
  while (events == 0) bench.io().run_one();
  const double seconds = seconds_since(start);
  bench.wait(group.join());
  bench.watcher().on_event = nullptr;
  fmt::print("{:.0f} {}\n", 1e3 * seconds, events);
}

int run(std::span<char*> arguments) {
  const auto count = arguments.size();
  const std::string what = count > 2 ? arguments[2] : "";
  const auto number = [&](std::size_t index) { return std::stoi(arguments[index]); };
  if (what == "throughput" && count == 5) {
    Bench bench(arguments[1]);
    throughput(bench, number(3), number(4));
  } else if (what == "latency" && count == 4) {
    Bench bench(arguments[1]);
    latency(bench, number(3));
  } else if (what == "growth" && count == 3) {
    Bench bench(arguments[1]);
    growth(bench);
  } else if (what == "replay" && count == 4) {
    Bench bench(arguments[1]);
    replay(bench, number(3));
  } else {
    fmt::print(stderr,
               "usage: runs_bench LIBEXEC throughput RUNS STEPS | latency RUNS | growth | replay "
               "STEPS\n");
    return 2;
  }
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
