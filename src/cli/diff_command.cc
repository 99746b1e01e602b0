// runs diff: two runs beside each other.

#include "base/duration.h"
#include "base/text.h"
#include "cli/dispatch.h"
#include "cli/exit_code.h"
#include "cli/run_facts.h"
#include "cli/text_width.h"
#include "git/git.h"
#include "git/trees.h"
#include "runtime/fork.h"
#include "runtime/run_diff.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace agentcmd::cli {
namespace {

using runtime::RunDiff;
using runtime::RunSide;
using runtime::StepDifference;
using runtime::StepFacts;

struct Side {
  store::RunRow row;
  std::vector<history::Event> events;
};

Task<Result<Side>> read_side(Services& services, std::string typed) {
  auto row = co_await services.store().catalog().find_run(std::move(typed));
  if (!row) co_return tl::unexpected(row.error());
  auto events = co_await services.store().log().read(row->id, 0);
  co_return Side{*std::move(row), std::move(events)};
}

// --- Files.

struct FilesDiff {
  std::string a;  // what is compared: commits, or branches
  std::string b;
  std::vector<git::FileChange> changes;
  std::string patch;
  std::string reason;  // why nothing is compared
};

// The last files of a run that are known: its last snapshot, else the branch that has its work.
std::optional<std::string> last_files(const Side& side) {
  if (auto snapshot = runtime::last_snapshot(side.events)) return snapshot;
  RunFacts facts;
  for (const auto& event : side.events) facts.apply(event);
  const auto branch = facts.update("branch");
  if (facts.mode == "stay" || branch.empty()) return std::nullopt;
  return "refs/heads/" + branch;
}

std::string no_files(const Side& side) {
  return fmt::format(
      "run {} left no files that could be compared: it worked in the project's own "
      "checkout, and no snapshots were kept (setting `snapshots`)",
      side.row.id.text);
}

// `of` is what last_files() says of that side; empty, or why it is not there.
Task<std::string> missing_files(git::Repository repository, Side side,
                                std::optional<std::string> of) {
  if (!of) co_return no_files(side);
  const auto found = co_await git::find_commit(std::move(repository), *of);
  if (!found) co_return found.error().message;
  if (*found) co_return std::string();
  co_return fmt::format("the files of run {} ({}) are not in the repository of '{}' any more",
                        side.row.id.text, *of, side.row.project);
}

Task<FilesDiff> compare_files(Services& services, Side a, Side b, bool with_patch) {
  FilesDiff diff;
  const git::Repository repository{services.executor, a.row.project};
  const auto of_a = last_files(a);
  const auto of_b = last_files(b);
  diff.reason = co_await missing_files(repository, a, of_a);
  if (diff.reason.empty()) diff.reason = co_await missing_files(repository, b, of_b);
  if (!diff.reason.empty()) co_return diff;
  diff.a = *of_a;
  diff.b = *of_b;
  auto changes = co_await git::changed_files(repository, diff.a, diff.b);
  if (!changes) {
    diff.reason = changes.error().message;
    co_return diff;
  }
  diff.changes = *std::move(changes);
  if (!with_patch) co_return diff;
  auto patch = co_await git::patch(repository, diff.a, diff.b);
  if (patch) {
    diff.patch = *std::move(patch);
  } else {
    diff.reason = patch.error().message;
  }
  co_return diff;
}

// --- As JSON.

Json payload(const JsonText& text) {
  return text.text.empty() ? Json() : parse_trusted(text.text, "stored payload");
}

Json milliseconds(const std::optional<Milliseconds>& duration) {
  return duration ? Json(duration->count()) : Json();
}

Json dollars(const std::optional<double>& cost) {
  return cost ? Json(*cost) : Json();
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

Json to_json(const RunSide& side) {
  return {{"id", side.id},
          {"definition", side.definition},
          {"code_hash", side.code_hash},
          {"project", side.project},
          {"status", side.status},
          {"args", payload(side.args)},
          {"result", payload(side.result)},
          {"error", text_or_null(side.error)},
          {"duration_ms", milliseconds(side.duration)},
          {"cost_usd", dollars(side.cost_usd)}};
}

Json to_json(const std::optional<StepFacts>& step) {
  if (!step) return nullptr;
  return {{"type", step->type},
          {"status", step->status},
          {"success", step->success},
          {"imported", step->imported},
          {"input", payload(step->input)},
          {"output", payload(step->output)},
          {"error", text_or_null(step->error)},
          {"duration_ms", milliseconds(step->duration)},
          {"cost_usd", dollars(step->cost_usd)}};
}

Json steps_json(const RunDiff& diff) {
  Json different = Json::array();
  for (const auto& step : diff.steps) {
    different.push_back({{"key", step.a ? step.a->key : step.b->key},
                         {"difference", to_string(step.kind)},
                         {"a", to_json(step.a)},
                         {"b", to_json(step.b)}});
  }
  Json times = Json::array();
  for (const auto& [a, b] : diff.costs) {
    times.push_back({{"key", a.key},
                     {"a_ms", milliseconds(a.duration)},
                     {"b_ms", milliseconds(b.duration)},
                     {"a_usd", dollars(a.cost_usd)},
                     {"b_usd", dollars(b.cost_usd)}});
  }
  return {{"same", diff.same_steps}, {"different", different}, {"times", times}};
}

Json files_json(const FilesDiff& diff) {
  if (!diff.reason.empty()) return {{"reason", diff.reason}};
  Json changes = Json::array();
  for (const auto& change : diff.changes) {
    changes.push_back({{"path", change.path},
                       {"insertions", change.insertions},
                       {"deletions", change.deletions},
                       {"binary", change.binary}});
  }
  Json files{{"a", diff.a}, {"b", diff.b}, {"changes", changes}};
  if (!diff.patch.empty()) files["patch"] = diff.patch;
  return files;
}

// --- For people.

std::string padded(std::string_view text, std::size_t width) {
  auto shown = cut_to_width(printable(text), width);
  shown.append(width - std::min(width, display_width(shown)), ' ');
  return shown;
}

std::string cost_text(const std::optional<double>& cost) {
  return cost ? fmt::format("  ${:.4f}", *cost) : "";
}

std::string duration_text(const std::optional<Milliseconds>& duration) {
  return duration ? format_duration(*duration) : "";
}

void print_side(Output& output, std::string_view name, const RunSide& side) {
  output.line(fmt::format("{}  {}  {}  {}  {}{}", name, side.id, padded(side.status, 9),
                          padded(side.definition, 20), padded(duration_text(side.duration), 8),
                          cost_text(side.cost_usd)));
}

constexpr std::size_t shown_bytes_max = 400;

std::string shown(const std::string& text) {
  return text.empty() ? "nothing" : ellipsis(printable(text), shown_bytes_max);
}

void print_heads(Output& output, const RunDiff& diff) {
  print_side(output, "A", diff.a);
  print_side(output, "B", diff.b);
  if (diff.a.code_hash != diff.b.code_hash) output.line("code       another");
  output.line(diff.args.empty() ? "arguments  the same" : "arguments");
  for (const auto& [name, a, b] : diff.args) {
    output.line(fmt::format("  {}: {} → {}", printable(name), shown(a), shown(b)));
  }
}

std::string outcome(const std::optional<StepFacts>& step) {
  if (!step) return "";
  auto text = step->status;
  if (step->status == "completed" && !step->success) text += " without success";
  if (step->imported) text += " (taken over)";
  return text;
}

void print_payloads(Output& output, const StepDifference& step) {
  const auto print = [&](std::string_view what, const JsonText StepFacts::* member) {
    const auto of = [&](const std::optional<StepFacts>& facts) {
      return facts ? ((*facts).*member).text : std::string();
    };
    if (of(step.a) == of(step.b)) return;
    if (step.a) output.line(fmt::format("      {} A  {}", what, shown(of(step.a))));
    if (step.b) output.line(fmt::format("      {} B  {}", what, shown(of(step.b))));
  };
  print("input ", &StepFacts::input);
  print("result", &StepFacts::output);
}

void print_steps(Output& output, const RunDiff& diff, bool whole) {
  output.line(fmt::format("steps      {} the same, {} not", diff.same_steps, diff.steps.size()));
  for (const auto& step : diff.steps) {
    const auto& facts = step.a ? *step.a : *step.b;
    auto line = fmt::format("  {}  {}  {}", padded(to_string(step.kind), 22), padded(facts.type, 9),
                            printable(facts.key));
    const auto a = outcome(step.a);
    const auto b = outcome(step.b);
    if (step.a && step.b && a != b) line += fmt::format("  {} → {}", a, b);
    output.line(line);
    if (whole) print_payloads(output, step);
  }
  if (!whole) return;
  for (const auto& [a, b] : diff.costs) {
    output.line(fmt::format("  time  {}  {}{} → {}{}", printable(a.key), duration_text(a.duration),
                            cost_text(a.cost_usd), duration_text(b.duration),
                            cost_text(b.cost_usd)));
  }
}

void print_result(Output& output, const RunDiff& diff) {
  if (diff.same_result) return output.line("result     the same");
  const auto of = [](const RunSide& side) {
    return side.result.text.empty() ? side.status + (side.error.empty() ? "" : ": " + side.error)
                                    : side.result.text;
  };
  output.line("result");
  output.line("  A  " + shown(of(diff.a)));
  output.line("  B  " + shown(of(diff.b)));
}

void print_files(Output& output, const FilesDiff& diff) {
  if (!diff.reason.empty())
    return output.line("files      not compared: " + printable(diff.reason));
  if (diff.changes.empty()) return output.line("files      the same");
  output.line(fmt::format("files      {} changed (A → B)", diff.changes.size()));
  for (const auto& change : diff.changes) {
    output.line(fmt::format("  {}  {}", printable(change.path),
                            change.binary
                                ? std::string("binary")
                                : fmt::format("+{} -{}", change.insertions, change.deletions)));
  }
  if (!diff.patch.empty()) output.out(to_utf8(diff.patch));
}

}  // namespace

Task<int> diff_runs(Services& services, RunsDiffCommand command) {
  const auto a = co_await read_side(services, command.a);
  if (!a) co_return refuse(services, a.error());
  const auto b = co_await read_side(services, command.b);
  if (!b) co_return refuse(services, b.error());
  const bool all = command.files == command.steps;
  const auto diff = runtime::compare_runs(a->row.id, a->events, b->row.id, b->events);
  std::optional<FilesDiff> files;
  if (all || command.files) {
    files = co_await compare_files(services, *a, *b, command.files);
  }
  if (command.json) {
    Json document{{"a", to_json(diff.a)}, {"b", to_json(diff.b)}, {"args", Json::array()}};
    for (const auto& [name, of_a, of_b] : diff.args) {
      document["args"].push_back({{"name", name}, {"a", payload({of_a})}, {"b", payload({of_b})}});
    }
    document["same_code"] = diff.a.code_hash == diff.b.code_hash;
    document["same_result"] = diff.same_result;
    if (all || command.steps) document["steps"] = steps_json(diff);
    if (files) document["files"] = files_json(*files);
    services.output.out(to_pretty_text(document) + "\n");
    co_return static_cast<int>(ExitCode::ok);
  }
  auto& output = services.output;
  print_heads(output, diff);
  if (all || command.steps) print_steps(output, diff, command.steps);
  if (all) print_result(output, diff);
  if (files) print_files(output, *files);
  co_return static_cast<int>(ExitCode::ok);
}

}  // namespace agentcmd::cli
