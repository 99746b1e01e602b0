// What a driver does in a second, for bench/run, in a home of its own (bench_home.h).
//
//   runs_bench LIBEXEC throughput RUNS STEPS
//       "RATE DISK EACH": steps per second of RUNS runs of STEPS closures each, all started at
//       once; microseconds of an fdatasync; microseconds a step. In a second line, the CPU time of
//       each thread and child.
//   runs_bench LIBEXEC latency RUNS
//       "P50 P99 DISK": from start to result of a run of one step, in microseconds, one after the
//       other
//   runs_bench LIBEXEC growth
//       "EARLY MIDDLE LATE": microseconds a step of one run, around the 10th, the 1,000th and the
//       10,000th
//   runs_bench LIBEXEC replay STEPS
//       "MILLISECONDS EVENTS": until a run with a history of so many events goes on in a context of
//       its own
//   runs_bench LIBEXEC asleep RUNS STEPS, killed RUNS
//       many_runs.h

#include "bench_home.h"
#include "many_runs.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace agentcmd::bench {
namespace {

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

// The median, over some runs one after the other, of what a step costs around the nth. Results
// become visible in commits of many steps, so the cost of one is that of 500 divided. The first run
// is not counted: a process that has executed 10,000 steps of one has compiled their code.
void growth(Bench& bench) {
  constexpr std::size_t window = 500;
  constexpr std::array<std::size_t, 3> firsts{10, 1000 - window / 2, 10'000 - window / 2};
  constexpr int runs = 9;
  std::vector<steady_clock::time_point> ends;
  bench.watcher().on_event = [&ends](const history::RunId&, const history::Event& event) {
    if (std::holds_alternative<history::StepCompleted>(event.detail))
      ends.push_back(steady_clock::now());
  };
  std::array<std::vector<double>, firsts.size()> micros;
  for (int i = 0; i <= runs; ++i) {
    ends.clear();
    bench.wait(bench.run(10'400));
    for (std::size_t n = 0; i > 0 && n < firsts.size(); ++n) {
      const std::chrono::duration<double> passed = ends.at(firsts[n] + window) - ends.at(firsts[n]);
      micros[n].push_back(1e6 * passed.count() / window);
    }
  }
  bench.watcher().on_event = nullptr;
  for (auto& of_runs : micros) std::ranges::sort(of_runs);
  fmt::print("{:.1f} {:.1f} {:.1f}\n", micros[0][runs / 2], micros[1][runs / 2],
             micros[2][runs / 2]);
}

// A sleeping run is left and driven again; it has gone on when it has taken a cancellation.
void replay(Bench& bench, int steps) {
  bool asleep = false;
  bench.watcher().on_event = [&asleep](const history::RunId&, const history::Event& event) {
    asleep = asleep || std::holds_alternative<history::TimerStarted>(event.detail);
  };
  const auto id = bench.wait(bench.create(steps, 3'600'000));
  TaskGroup group(bench.io().get_executor());
  group.spawn("run", bench.drive(id));
  while (!asleep) bench.io().run_one();
  bench.stop_driver();
  bench.wait(group.join());
  bench.start_warm_driver();
  bench.wait([](Bench& bench, history::RunId id) -> Task<> {
    const auto adopted = co_await bench.driver().adopt(std::move(id));
    if (!adopted) throw std::runtime_error(adopted.error().message);
  }(bench, id));
  std::uint64_t events = 0;
  bench.watcher().on_event = [&events](const history::RunId&, const history::Event& event) {
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
    bench.start_warm_driver();
    throughput(bench, number(3), number(4));
  } else if (what == "latency" && count == 4) {
    Bench bench(arguments[1]);
    bench.start_warm_driver();
    latency(bench, number(3));
  } else if (what == "growth" && count == 3) {
    Bench bench(arguments[1]);
    bench.start_warm_driver();
    growth(bench);
  } else if (what == "replay" && count == 4) {
    Bench bench(arguments[1]);
    bench.start_warm_driver();
    replay(bench, number(3));
  } else if (what == "asleep" && count == 5) {
    asleep(arguments[1], number(3), number(4));
  } else if (what == "killed" && count == 4) {
    killed(arguments[1], number(3));
  } else {
    fmt::print(stderr,
               "usage: runs_bench LIBEXEC throughput RUNS STEPS | latency RUNS | growth | replay "
               "STEPS | asleep RUNS STEPS | killed RUNS\n");
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace agentcmd::bench

int main(int argc, char** argv) {
  try {
    return agentcmd::bench::run({argv, static_cast<std::size_t>(argc)});
  } catch (const std::exception& failure) {
    fmt::print(stderr, "runs_bench: {}\n", failure.what());
    return 1;
  }
}
