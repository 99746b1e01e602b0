// home_bench HOME RUNS STEPS [ENDED]: makes a home of RUNS runs of STEPS steps each, the first
// ENDED of them ended (default: all), and prints what a run and a step take on the disk and how
// long it takes to verify the store: "BYTES_PER_RUN BYTES_PER_STEP SECONDS". The cost of a run is
// that of a run without steps.

#include "engine/run_state.h"
#include "store/store.h"
#include "store/verify.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace agentcmd {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace history;

constexpr std::size_t runs_at_once = 100;

struct Scale {
  std::size_t runs = 0;
  std::size_t steps = 0;
  std::size_t ended = 0;
};

// As a command of a real run leaves it.
void add_step(std::vector<Detail>& details, std::size_t n) {
  const StepKey key{fmt::format("build/step-{}", n)};
  details.emplace_back(StepScheduled{
      .key = key,
      .type = "cli",
      .name = fmt::format("step {}", n),
      .phase = "build",
      .input = {R"({"command":"make -s test","cwd":"packages/one","timeout":300000})"}});
  details.emplace_back(StepStarted{.key = key});
  details.emplace_back(StepCompleted{
      .key = key,
      .output = {fmt::format(
          R"({{"success":true,"data":{{"exitCode":0,"stdout":"{:.<200}","stderr":""}}}})", n)}});
}

store::RunAppend run_of(std::size_t n, const Scale& scale) {
  std::vector<Detail> details;
  details.emplace_back(RunCreated{.definition = "build",
                                  .file = ".agent/workflows/definitions/build.ts",
                                  .code_hash = std::string(64, 'a'),
                                  .project = fmt::format("/home/me/projects/p{}", n % 10),
                                  .name = fmt::format("Build {}", n),
                                  .seed = n,
                                  .request = {R"({"args":{"target":"all"},"mode":"stay"})"}});
  details.emplace_back(RunStarted{});
  for (std::size_t i = 0; i < scale.steps; ++i) add_step(details, i);
  if (n < scale.ended) details.emplace_back(RunCompleted{{R"({"ok":true})"}});
  store::RunAppend part{.run = {fmt::format("r{:011}", n)}, .owner = {.driver = "dgone0000000"}};
  for (auto& detail : details) {
    part.events.push_back({.seq = part.events.size() + 1,
                           .at = from_millis(1'790'000'000'000 + static_cast<std::int64_t>(n)),
                           .detail = std::move(detail)});
  }
  return part;
}

std::uint64_t bytes_of(const store::Home& home) {
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(home.root)) {
    if (entry.is_regular_file() && !entry.path().native().ends_with("-shm")) {
      bytes += entry.file_size();
    }
  }
  return bytes;
}

// What the home takes, with its log carried into the database.
std::uint64_t make_home(const store::Home& home, const Scale& scale) {
  store::prepare(home);
  asio::io_context io;
  const auto wait = [&io](auto task) {
    auto future = asio::co_spawn(io, std::move(task), asio::use_future);
    io.restart();
    io.run();
    return future.get();
  };
  {
    auto store = store::open_store(io.get_executor(), home);
    for (std::size_t n = 0; n < scale.runs; n += runs_at_once) {
      std::vector<store::RunAppend> parts;
      for (std::size_t i = n; i < std::min(n + runs_at_once, scale.runs); ++i) {
        parts.push_back(run_of(i, scale));
      }
      if (!wait(store->log().append(std::move(parts)))) std::abort();
    }
    wait(store->catalog().runs({.limit = 1}));
    wait(store->log().stop());
  }
  return bytes_of(home);
}

double seconds_to_verify(const store::Home& home) {
  const auto start = std::chrono::steady_clock::now();
  const auto verified =
      store::verify_store(home, [](const std::vector<Event>& events) { engine::state_of(events); });
  for (const auto& finding : verified.findings) fmt::print(stderr, "{}\n", finding.what);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::size_t number(const char* text) {
  std::size_t value = 0;
  std::from_chars(text, text + std::string_view(text).size(), value);
  return value;
}

int run(std::span<char*> words) {
  if (words.size() < 4) {
    fmt::print(stderr, "home_bench HOME RUNS STEPS [ENDED]\n");
    return 2;
  }
  Scale scale{.runs = number(words[2]), .steps = number(words[3])};
  scale.ended = words.size() > 4 ? number(words[4]) : scale.runs;
  const store::Home home{words[1]};
  const store::Home bare{home.root.native() + ".bare"};
  const auto empty = make_home(bare, {});
  fs::remove_all(bare.root);
  const auto without_steps = make_home(bare, {.runs = scale.runs, .ended = scale.ended}) - empty;
  fs::remove_all(bare.root);
  const auto whole = make_home(home, scale) - empty;
  const auto each = [](std::uint64_t bytes, std::size_t count) {
    return count == 0 ? 0 : bytes / count;
  };
  fmt::print("{} {} {:.2f}\n", each(without_steps, scale.runs),
             each(whole - std::min(whole, without_steps), scale.runs * scale.steps),
             seconds_to_verify(home));
  return 0;
}

}  // namespace
}  // namespace agentcmd

int main(int argc, char** argv) {
  return agentcmd::run({argv, static_cast<std::size_t>(argc)});
}
