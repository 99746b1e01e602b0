#include "many_runs.h"

#include "bench_home.h"

#include <sys/wait.h>

#include <csignal>
#include <cstdint>
#include <map>
#include <set>

namespace agentcmd::bench {
namespace {

using history::Event;
using history::RunId;
using history::StepCompleted;
using history::TimerStarted;

// Seconds that are waited for all runs to go on.
constexpr double patience = 30;

struct Memory {
  double driver = 0;
  double workers = 0;
  double peak = 0;
};

// In MB: "VmRSS" or "VmHWM".
double memory_of(const fs::path& process, const std::string& what) {
  std::ifstream status(process / "status");
  for (std::string name; status >> name;) {
    double kilobytes = 0;
    if (name == what + ":" && status >> kilobytes) return kilobytes / 1024;
    std::getline(status, name);
  }
  return 0;
}

Memory memory() {
  const fs::path self = "/proc/self";
  Memory memory{.driver = memory_of(self, "VmRSS"), .peak = memory_of(self, "VmHWM")};
  for (const auto& thread : fs::directory_iterator(self / "task")) {
    std::ifstream children(thread.path() / "children");
    for (std::string child; children >> child;) {
      memory.workers += memory_of(fs::path("/proc") / child, "VmRSS");
      memory.peak += memory_of(fs::path("/proc") / child, "VmHWM");
    }
  }
  return memory;
}

std::uint64_t bytes_of(const store::Home& home) {
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(home.root)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

Task<> begin_runs(Bench& bench, int count, int steps, int sleep) {
  for (int i = 0; i < count; ++i) bench.driver().begin(co_await bench.create(steps, sleep));
}

void begin_all(Bench& bench, int count, int steps, int sleep) {
  constexpr int at_once = 100;
  TaskGroup group(bench.io().get_executor());
  for (int i = 0; i < at_once; ++i) {
    const int share = count / at_once + (i < count % at_once ? 1 : 0);
    group.spawn("begin", begin_runs(bench, share, steps, sleep));
  }
  bench.wait(group.join());
}

// What the home takes when so many runs sleep in it, and, where that is asked for, the memory
// then.
std::uint64_t put_to_sleep(const fs::path& libexec, int runs, int steps, Memory* taken) {
  Bench bench(libexec);
  if (runs > 0) {
    bench.start_driver();
    int asleep = 0;
    bench.watcher().on_event = [&asleep](const RunId&, const Event& event) {
      if (std::holds_alternative<TimerStarted>(event.detail)) ++asleep;
    };
    begin_all(bench, runs, steps, 36'000'000);
    while (asleep < runs) bench.io().run_one();
    // What the last of them leaves is given up by then, and the workers have taken note of it.
    bench.io().run_for(std::chrono::seconds(2));
    if (taken != nullptr) *taken = memory();
    bench.watcher().on_event = nullptr;
    bench.wait(bench.store().catalog().runs({.limit = 1}));
  }
  bench.close();
  return bytes_of(bench.home());
}

// Of the process that is killed: tells the other one when each run has completed a few steps, and
// executes them until then and beyond.
[[noreturn]] void execute_until_killed(Bench& bench, int runs, int told) {
  constexpr int steps_before = 10;
  bench.start_driver();
  struct {
    std::map<RunId, int> of_run;
    int ready = 0;
    std::uint64_t all = 0;
  } steps;
  bench.watcher().on_event = [&](const RunId& run, const Event& event) {
    if (!std::holds_alternative<StepCompleted>(event.detail)) return;
    ++steps.all;
    if (++steps.of_run[run] == steps_before) ++steps.ready;
  };
  TaskGroup group(bench.io().get_executor());
  for (int i = 0; i < runs; ++i) {
    group.spawn("run", [](Bench& bench) -> Task<> {
      co_await bench.drive(co_await bench.create(1'000'000));
    }(bench));
  }
  while (steps.ready < runs) bench.io().run_one();
  if (write(told, &steps.all, sizeof steps.all) != sizeof steps.all) std::abort();
  while (true) bench.io().run_one();
}

}  // namespace

void asleep(const fs::path& libexec, int runs, int steps) {
  Memory memory;
  const auto whole = put_to_sleep(libexec, runs, steps, &memory);
  const auto empty = put_to_sleep(libexec, 0, 0, nullptr);
  const auto without_steps = put_to_sleep(libexec, runs, 0, nullptr);
  fmt::print("{:.1f} {:.1f} {:.1f} {} {}\n", memory.driver, memory.workers, memory.peak,
             (without_steps - empty) / static_cast<std::uint64_t>(runs),
             (whole - without_steps) / static_cast<std::uint64_t>(runs) /
                 static_cast<std::uint64_t>(steps));
}

void killed(const fs::path& libexec, int runs) {
  const auto root = make_folder();
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  const auto child = fork();
  if (child < 0) throw std::runtime_error("no process");
  if (child == 0) {
    close(pipe_ends[0]);
    Bench bench(libexec, root);
    execute_until_killed(bench, runs, pipe_ends[1]);
  }
  close(pipe_ends[1]);
  std::uint64_t steps_before = 0;
  const bool told = read(pipe_ends[0], &steps_before, sizeof steps_before) == sizeof steps_before;
  const auto start = steady_clock::now();
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(pipe_ends[0]);
  if (!told) throw std::runtime_error("the process that was to be killed has ended by itself");

  Bench bench(libexec, root);
  bench.start_driver();
  std::set<RunId> gone_on;
  bench.watcher().on_event = [&gone_on](const RunId& run, const Event& event) {
    if (std::holds_alternative<StepCompleted>(event.detail)) gone_on.insert(run);
  };
  TaskGroup group(bench.io().get_executor());
  group.spawn("keep", bench.driver().keep({}));
  while (gone_on.size() < static_cast<std::size_t>(runs) && seconds_since(start) < patience) {
    bench.io().run_one_for(std::chrono::seconds(1));
  }
  const double seconds = seconds_since(start);
  bench.watcher().on_event = nullptr;
  bench.stop_driver();
  bench.wait(group.join());
  fmt::print("{:.2f} {} {}\n", seconds, gone_on.size(), steps_before);
}

}  // namespace agentcmd::bench
