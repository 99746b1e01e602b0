// simulate [--seed N | --from N --seeds N] [--broken commit|fence|timer] [--faults MASK] …: runs
// simulations, and shows the first that breaks a promise, made as small as is cheap.
// simulate --seeds N --can-fail: breaks each rule on purpose, and says how many seeds notice.

#include "base/log.h"
#include "simulation/simulation.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::simulation {
namespace {

struct Request {
  Options options;
  std::uint64_t from = 1;
  std::uint64_t seeds = 1;
  bool trace = false;
  bool count_only = false;  // goes on after failures, and says how many there are of each rule
  bool can_fail = false;    // the same for each rule that can be broken on purpose
};

std::optional<Broken> broken_from(std::string_view name) {
  if (name == "nothing") return Broken::nothing;
  if (name == "commit") return Broken::commit;
  if (name == "fence") return Broken::fence;
  if (name == "timer") return Broken::timer;
  return std::nullopt;
}

std::string_view name_of(Broken broken) {
  switch (broken) {
    case Broken::nothing:
      return "nothing";
    case Broken::commit:
      return "commit";
    case Broken::fence:
      return "fence";
    case Broken::timer:
      return "timer";
  }
  return {};
}

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

bool read_option(std::string_view name, std::string_view value, Request& request) {
  auto& options = request.options;
  if (name == "--seed") {
    request.trace = options.keep_trace = true;
    return read_number(value, request.from);
  }
  if (name == "--from") return read_number(value, request.from);
  if (name == "--seeds") return read_number(value, request.seeds);
  if (name == "--faults") return read_number(value, options.faults);
  if (name == "--runs") return read_number(value, options.runs);
  if (name == "--leaves") return read_number(value, options.leaves);
  if (name == "--mishaps") return read_number(value, options.mishaps);
  if (name == "--broken") {
    const auto broken = broken_from(value);
    if (broken) options.broken = *broken;
    return broken.has_value();
  }
  return false;
}

std::optional<Request> read_arguments(const std::vector<std::string_view>& arguments) {
  Request request;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--count") {
      request.count_only = true;
    } else if (arguments[i] == "--can-fail") {
      request.can_fail = request.count_only = true;
    } else if (i + 1 == arguments.size() || !read_option(arguments[i], arguments[i + 1], request)) {
      fmt::print(stderr, "simulate: {} is not understood\n", arguments[i]);
      return std::nullopt;
    } else {
      ++i;
    }
  }
  return request;
}

std::string command_for(const Options& options) {
  const Options usual;
  auto command = fmt::format("build/dev/bin/simulate --seed {}", options.seed);
  if (options.faults != usual.faults) command += fmt::format(" --faults {}", options.faults);
  if (options.runs != usual.runs) command += fmt::format(" --runs {}", options.runs);
  if (options.leaves != usual.leaves) command += fmt::format(" --leaves {}", options.leaves);
  if (options.mishaps != usual.mishaps) command += fmt::format(" --mishaps {}", options.mishaps);
  if (options.broken != usual.broken)
    command += fmt::format(" --broken {}", name_of(options.broken));
  return command;
}

// Whether the smaller simulation breaks the same rule, in no longer a trace.
bool still_fails(const Options& options, const Report& report, Report& smaller) {
  auto kept = options;
  kept.keep_trace = true;
  smaller = simulate(kept);
  return !smaller.violations.empty() &&
         smaller.violations.front().rule == report.violations.front().rule &&
         smaller.trace.size() <= report.trace.size();
}

// Leaves out kinds of faults, runs, steps and mishaps as long as the same rule is broken.
void shrink(Options& options, Report& report) {
  const auto try_smaller = [&](Options smaller) {
    Report found;
    if (!still_fails(smaller, report, found)) return;
    options = smaller;
    report = std::move(found);
  };
  for (unsigned fault = 1; fault <= all_faults; fault *= 2) {
    auto smaller = options;
    smaller.faults &= ~fault;
    if (smaller.faults != options.faults) try_smaller(smaller);
  }
  for (const int runs : {1, 2}) {
    auto smaller = options;
    smaller.runs = runs;
    if (runs < options.runs) try_smaller(smaller);
  }
  for (const int leaves : {2, 3, 4, 6, 8}) {
    auto smaller = options;
    smaller.leaves = leaves;
    if (leaves < options.leaves) try_smaller(smaller);
  }
  for (const int mishaps : {0, 2, 5, 10, 20}) {
    auto smaller = options;
    smaller.mishaps = mishaps;
    if (mishaps < options.mishaps) try_smaller(smaller);
  }
}

void show(const Report& report) {
  fmt::print("{}", report.programs);
  for (const auto& line : report.trace) fmt::print("{}\n", line);
}

int run(const Request& request) {
  std::uint64_t events = 0;
  std::uint64_t steps = 0;
  std::uint64_t runs = 0;
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> broken;  // count, first seed
  for (auto seed = request.from; seed < request.from + request.seeds; ++seed) {
    auto options = request.options;
    options.seed = seed;
    auto report = simulate(options);
    events += report.events;
    steps += report.steps;
    runs += report.runs;
    if (request.trace) show(report);
    if (report.violations.empty()) continue;
    if (request.count_only) {
      auto& [count, first] = broken[report.violations.front().rule];
      if (count++ == 0) first = seed;
      continue;
    }
    const auto replay = command_for(options);
    if (!request.trace) {
      options.keep_trace = true;
      report = simulate(options);
      shrink(options, report);
      show(report);
    }
    for (const auto& violation : report.violations) {
      fmt::print("seed {} breaks \"{}\": {}\n", seed, violation.rule, violation.what);
    }
    fmt::print("replay: {}\nsmaller: {}\n", replay, command_for(options));
    return 1;
  }
  fmt::print("{} seeds from {}: {} runs, {} events, {} things happened\n", request.seeds,
             request.from, runs, events, steps);
  for (const auto& [rule, counted] : broken) {
    fmt::print("{} seeds break \"{}\", the first is {}\n", counted.first, rule, counted.second);
  }
  return broken.empty() ? 0 : 1;
}

// For each rule what run() counts when it is broken; 1 where no seed notices.
int show_that_it_can_fail(Request request) {
  int unnoticed = 0;
  for (const auto broken : {Broken::commit, Broken::fence, Broken::timer}) {
    fmt::print("the {} rule is broken: ", name_of(broken));
    request.options.broken = broken;
    if (run(request) == 0) unnoticed = 1;
  }
  return unnoticed;
}

}  // namespace
}  // namespace agentcmd::simulation

int main(int argc, char** argv) {
  agentcmd::log::configure(agentcmd::log::Level::off);
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  const auto request = agentcmd::simulation::read_arguments(arguments);
  if (!request) return 2;
  return request->can_fail ? agentcmd::simulation::show_that_it_can_fail(*request)
                           : agentcmd::simulation::run(*request);
}
