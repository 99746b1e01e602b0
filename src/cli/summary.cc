#include "cli/summary.h"

#include "base/duration.h"
#include "base/text.h"
#include "cli/text_width.h"

#include <fmt/format.h>

namespace agentcmd::cli {
namespace {

struct Headline {
  Sign sign;
  Tint tint;
  std::string text;
};

Headline headline(const Ending& ending) {
  if (ending.interrupted) return {Sign::stopped, Tint::yellow, "Left as it is"};
  switch (ending.status) {
    case store::RunStatus::completed:
      return {Sign::ok, Tint::green, "Completed"};
    case store::RunStatus::cancelled:
      return {Sign::stopped, Tint::yellow, "Cancelled"};
    case store::RunStatus::paused:
      return {Sign::stopped, Tint::yellow, "Paused"};
    case store::RunStatus::failed:
      return {Sign::bad, Tint::red, "Failed"};
    case store::RunStatus::waiting:
      return {Sign::asks, Tint::yellow, "Waiting"};
    case store::RunStatus::queued:
    case store::RunStatus::running:
      return {Sign::step, Tint::cyan, std::string(store::to_string(ending.status))};
  }
  return {Sign::step, Tint::plain, ""};
}

class Lines {
 public:
  explicit Lines(const Style& style) : style_(style) {}

  // A value of several lines stands indented below its label.
  void add(std::string_view label, const std::string& value) {
    if (value.empty()) return;
    const auto rows = split(value, '\n');
    const auto shown = style_.paint(Tint::dim, fmt::format("{:<9}", label));
    if (rows.size() == 1) {
      lines_.push_back(fmt::format("  {} {}", shown, printable(value)));
      return;
    }
    lines_.push_back("  " + shown);
    for (const auto& row : rows) lines_.push_back("    " + printable(row));
  }
  void add_line(std::string line) { lines_.push_back(std::move(line)); }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  const Style& style_;
  std::vector<std::string> lines_;
};

std::string result_text(const RunFacts& facts) {
  if (!facts.result || facts.result->text == "null") return "";
  const auto parsed = parse_json(facts.result->text, "result");
  return parsed ? to_pretty_text(*parsed) : facts.result->text;
}

std::string failure_text(const Ending& ending, const RunFacts& facts) {
  if (!facts.failure) return ending.message;
  auto text = facts.failure->message;
  if (!facts.failure->stack.empty()) text += "\n" + facts.failure->stack;
  return text;
}

void add_gate(Lines& lines, const history::RunId& run, const OpenGate& gate) {
  if (!gate.answered_by.empty()) return;  // `runs resume`, which is named last, goes on
  lines.add("about", gate.body);
  if (gate.options.size() > 1) lines.add("options", join(gate.options, ", "));
  lines.add("approve", approve_command(run, gate));
  lines.add("deny", deny_command(run, gate));
}

void add_waiting(Lines& lines, const history::RunId& run, const Waiting& waiting) {
  for (const auto& line : waiting.lines()) lines.add("waits for", line);
  for (const auto& [key, gate] : waiting.gates) add_gate(lines, run, gate);
  for (const auto& gate : waiting.children.gates) add_gate(lines, run, gate);
  for (const auto& child : waiting.children.paused) {
    lines.add("first", fmt::format("agentcmd runs resume {}", child.run.text));
  }
}

void add_workspace(Lines& lines, const history::RunId& run, const RunFacts& facts) {
  lines.add("branch", facts.update("branch"));
  lines.add("worktree", facts.update("worktree"));
  lines.add("changes", diffstat_of(facts));
  lines.add("merge", merge_command(facts));
  if (!diffstat_of(facts).empty()) lines.add("report", "agentcmd runs report " + run.text);
  lines.add("pr", facts.update("pr_url"));
}

}  // namespace

std::string diffstat_of(const RunFacts& facts) {
  const auto found = facts.updates.find("diffstat");
  if (found == facts.updates.end()) return "";
  if (found->is_string()) return std::string(trim(found->get<std::string>()));
  const auto files = int_or(*found, "files");
  if (files == 0) return "";
  return fmt::format("{} file{} changed, {} insertions(+), {} deletions(-)", files,
                     files == 1 ? "" : "s", int_or(*found, "insertions"),
                     int_or(*found, "deletions"));
}

std::string merge_command(const RunFacts& facts) {
  const auto branch = facts.update("branch");
  const bool is_apart = facts.mode == "worktree" || facts.mode == "branch";
  const bool has_changes = !diffstat_of(facts).empty();
  if (branch.empty() || !is_apart || !has_changes) return "";
  return fmt::format("git -C {} merge {}", shell_quoted(facts.project), shell_quoted(branch));
}

std::vector<std::string> summary(const Ending& ending, const RunFacts& facts, const Style& style) {
  const auto head = headline(ending);
  Lines lines(style);
  auto first = fmt::format("{} {}", style.paint(head.tint, style.sign(head.sign)),
                           style.paint(Tint::bold, head.text));
  if (facts.begun && facts.ended) {
    first += fmt::format(" in {}", format_duration(*facts.ended - *facts.begun));
  }
  lines.add_line(first);
  lines.add("run", ending.run.text);
  if (ending.status == store::RunStatus::failed) lines.add("error", failure_text(ending, facts));
  if (ending.status == store::RunStatus::paused) lines.add("reason", ending.message);
  add_waiting(lines, ending.run, facts.waiting);
  lines.add("result", result_text(facts));
  add_workspace(lines, ending.run, facts);
  for (const auto& artifact : facts.artifacts) {
    lines.add("artifact", string_or(artifact.data, "path"));
  }
  const bool is_left = ending.interrupted || ending.status == store::RunStatus::paused ||
                       ending.status == store::RunStatus::waiting;
  if (is_left) {
    lines.add("go on", fmt::format("agentcmd runs resume {}", ending.run.text));
  } else {
    lines.add("more", fmt::format("agentcmd runs show {}", ending.run.text));
  }
  return lines.take();
}

}  // namespace agentcmd::cli
