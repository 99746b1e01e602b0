// What the history log costs, beside what the disk alone costs: figures of different machines
// differ mostly by their fdatasync.

#include "store/store.h"

#include <benchmark/benchmark.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>
#include <vector>

namespace agentcmd::store {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

// In the folder that BENCH_DIR names, else in the current one: /tmp is often no disk.
class TempHome {
 public:
  TempHome() {
    const char* folder = std::getenv("BENCH_DIR");
    auto pattern = fs::absolute(folder != nullptr ? folder : ".") / "store-bench-XXXXXX";
    auto text = pattern.native();
    if (mkdtemp(text.data()) == nullptr) std::abort();
    home = {text};
    prepare(home);
  }
  ~TempHome() { fs::remove_all(home.root); }
  TempHome(const TempHome&) = delete;
  TempHome& operator=(const TempHome&) = delete;

  Home home;
};

const Owner owner{.driver = "bench", .term = 1};

// The three events of a step, as an engine appends them.
std::vector<history::Event> step_events(std::uint64_t after) {
  const history::StepKey key{"implement/step-" + std::to_string(after)};
  std::vector<history::Event> events(3);
  for (std::size_t i = 0; i < events.size(); ++i) {
    events[i].seq = after + i + 1;
    events[i].at = from_millis(1767225600000);
  }
  events[0].detail = history::StepScheduled{.key = key,
                                            .type = "run",
                                            .name = "step",
                                            .phase = "implement",
                                            .input = {R"({"options":{"retries":3}})"}};
  events[1].detail = history::StepStarted{.key = key};
  events[2].detail = history::StepCompleted{
      .key = key, .output = {R"({"success":true,"data":{"exitCode":0,"stdout":"ok"}})"}};
  return events;
}

Task<> append(HistoryLog& log, history::RunId run, std::uint64_t after,
              std::vector<history::Event> events) {
  std::vector<RunAppend> parts(1);
  parts[0] = {
      .run = std::move(run), .expected_seq = after, .owner = owner, .events = std::move(events)};
  const auto done = co_await log.append(std::move(parts));
  if (!done) throw std::runtime_error(done.error().message);
}

Task<> run_steps(HistoryLog& log, std::string id, int steps) {
  std::vector<history::Event> first(2);
  first[0].seq = 1;
  first[0].detail = history::RunCreated{.definition = "bench", .request = {"{}"}};
  first[1].seq = 2;
  first[1].detail = history::RunStarted{};
  co_await append(log, {id}, 0, std::move(first));
  std::uint64_t seq = 2;
  for (int i = 0; i < steps; ++i, seq += 3) co_await append(log, {id}, seq, step_events(seq));
}

// `runs` at once, one append a step.
void appends(benchmark::State& state) {
  const auto runs = state.range(0);
  const auto steps = static_cast<int>(state.range(1));
  TempHome temp;
  asio::io_context io;
  auto store = open_store(io.get_executor(), temp.home);
  int round = 0;
  for (auto _ : state) {
    std::vector<std::future<void>> all;
    for (int i = 0; i < runs; ++i) {
      auto id = "r" + std::to_string(round) + "." + std::to_string(i);
      all.push_back(
          asio::co_spawn(io, run_steps(store->log(), std::move(id), steps), asio::use_future));
    }
    io.restart();
    io.run();
    for (auto& one : all) one.get();
    ++round;
  }
  const auto total = static_cast<double>(state.iterations() * runs * steps);
  state.counters["steps/s"] = benchmark::Counter(total, benchmark::Counter::kIsRate);
  state.counters["events/s"] = benchmark::Counter(3 * total, benchmark::Counter::kIsRate);
}
BENCHMARK(appends)
    ->ArgNames({"runs", "steps"})
    ->Args({1, 1000})
    ->Args({200, 20})
    ->Args({200, 200})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void opening(benchmark::State& state) {
  TempHome temp;
  asio::io_context io;
  open_store(io.get_executor(), temp.home);
  for (auto _ : state) {
    auto store = open_store(io.get_executor(), temp.home);
    state.PauseTiming();
    store.reset();
    state.ResumeTiming();
  }
}
BENCHMARK(opening)->Unit(benchmark::kMillisecond)->UseRealTime();

void disk_fdatasync_4k(benchmark::State& state) {
  TempHome temp;
  const auto file = temp.home.root / "sync";
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const std::string block(4096, 'x');
  off_t at = 0;
  for (auto _ : state) {
    if (pwrite(fd, block.data(), block.size(), at) < 0 || fdatasync(fd) != 0) std::abort();
    at += static_cast<off_t>(block.size());
  }
  close(fd);
}
BENCHMARK(disk_fdatasync_4k)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace agentcmd::store

BENCHMARK_MAIN();
