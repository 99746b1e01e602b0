#include "cli/run_report.h"

#include "base/duration.h"
#include "base/text.h"
#include "cli/run_facts.h"
#include "cli/summary.h"
#include "history/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace agentcmd::cli {
namespace {

// What is quoted may have fences of its own.
std::string fenced(std::string_view text, std::string_view language = "") {
  std::string fence = "```";
  while (text.contains(fence)) fence += '`';
  return fmt::format("{}{}\n{}\n{}\n", fence, language, trim(text), fence);
}

std::string on_one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

std::string in_code(const std::string& code) {
  const auto text = on_one_line(code);
  const auto fence = text.contains('`') ? "``" : "`";
  const auto pad = text.contains('`') ? " " : "";
  return fmt::format("{}{}{}{}{}", fence, pad, text, pad, fence);
}

std::string in_cell(std::string text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c == '\n' ? ' ' : c;
  }
  return cell;
}

Json parsed(const JsonText& text) {
  const auto json = parse_json(text.text, "history");
  return json ? *json : Json();
}

class Report {
 public:
  Report(const history::RunId& run, const std::vector<history::Event>& events) : run_(run) {
    for (const auto& event : events) {
      facts_.apply(event);
      apply(event);
    }
  }

  std::string take() {
    add(fmt::format("# {}\n", on_one_line(facts_.name)));
    add(outcome());
    asked();
    changes();
    table("Commands run by agentcmd", "| Command | Outcome | Time |\n|---|---|---|\n", commands_);
    table("Questions", "| Question | Answer | By |\n|---|---|---|\n", questions_);
    agents();
    notes();
    return std::move(text_);
  }

 private:
  void add(std::string_view text) {
    if (text.empty()) return;
    if (!text_.empty()) text_ += '\n';
    text_ += text;
  }

  void table(std::string_view title, std::string_view head, const std::string& rows) {
    if (!rows.empty()) add(fmt::format("## {}\n\n{}{}", title, head, rows));
  }

  void apply(const history::Event& event) {
    const auto& detail = event.detail;
    if (const auto* created = std::get_if<history::RunCreated>(&detail)) {
      request_ = parsed(created->request);
    } else if (const auto* scheduled = std::get_if<history::StepScheduled>(&detail)) {
      open_[scheduled->key] = {*scheduled, event.at};
    } else if (const auto* started = std::get_if<history::StepStarted>(&detail)) {
      open_[started->key].begun = event.at;
    } else if (const auto* completed = std::get_if<history::StepCompleted>(&detail)) {
      end(completed->key, ended_words(*completed), event.at);
    } else if (const auto* failed = std::get_if<history::StepFailed>(&detail)) {
      if (!failed->retry) end(failed->key, "failed: " + failed->failure.message, event.at);
    } else if (const auto* late = std::get_if<history::StepTimedOut>(&detail)) {
      end(late->key, "timed out", event.at);
    } else if (const auto* cancelled = std::get_if<history::StepCancelled>(&detail)) {
      end(cancelled->key, "cancelled", event.at);
    } else if (const auto* opened = std::get_if<history::GateOpened>(&detail)) {
      titles_[opened->key] = string_or(parsed(opened->gate), "title");
    } else if (const auto* decided = std::get_if<history::GateDecided>(&detail)) {
      answered(*decided);
    }
  }

  static std::string ended_words(const history::StepCompleted& completed) {
    const auto code = member_or_null(member_or_null(parsed(completed.output), "data"), "exitCode");
    if (!code.is_number_integer()) return completed.success ? "ok" : "no success";
    const auto number = code.get<int>();
    return number == 0 ? "ok" : fmt::format("exit code {}", number);
  }

  void end(const history::StepKey& key, const std::string& how, Time at) {
    const auto found = open_.find(key);
    if (found == open_.end()) return;
    const auto& [step, begun] = found->second;
    const auto took = format_duration(std::max(at - begun, Milliseconds(0)));
    if (step.type == "cli") {
      const auto command = string_or(member_or_null(parsed(step.input), "config"), "command");
      commands_ += fmt::format("| {} | {} | {} |\n", in_cell(in_code(command)), in_cell(how), took);
    } else if (step.type == "agent") {
      agents_.push_back({step, how, took});
    }
  }

  void answered(const history::GateDecided& decided) {
    auto answer = decided.timed_out  ? std::string("none in time")
                  : decided.approved ? "approved"
                                     : "denied";
    if (!decided.option.empty()) answer += ": " + decided.option;
    if (!decided.reason.empty()) answer += fmt::format(" ({})", decided.reason);
    questions_ += fmt::format("| {} | {} | {} |\n", in_cell(titles_[decided.key]), in_cell(answer),
                              in_cell(decided.by));
  }

  std::string outcome() const {
    const auto took = facts_.begun && facts_.ended
                          ? " in " + format_duration(*facts_.ended - *facts_.begun)
                          : std::string();
    const auto how = facts_.failure                  ? "Failed"
                     : facts_.result                 ? "Completed"
                     : facts_.ended                  ? "Cancelled"
                     : !facts_.paused_reason.empty() ? "Paused"
                                                     : "Not ended yet";
    auto text =
        fmt::format("{}{}: run `{}` of {}.\n", how, took, run_.text, in_code(facts_.definition));
    if (facts_.failure) text += "\n" + fenced(facts_.failure->message);
    return text;
  }

  void asked() {
    const auto args = member_or_null(request_, "args");
    const auto task = string_or(args.is_object() ? args : Json::object(), "task");
    const auto spec = string_or(request_, "specFile");
    std::string text;
    if (!task.empty()) text += fenced(task);
    if (!spec.empty()) text += fmt::format("The spec {}.\n", in_code(spec));
    if (text.empty() && args.is_object() && !args.empty()) {
      text = fenced(to_pretty_text(args), "json");
    }
    if (!text.empty()) add("## Asked\n\n" + text);
  }

  void changes() {
    const auto stat = diffstat_of(facts_);
    const auto branch = facts_.update("branch");
    const auto request = facts_.update("pr_url");
    if (stat.empty() && request.empty()) return;
    std::string text = "## Changed\n\n";
    if (!stat.empty())
      text += stat + (branch.empty() ? "" : " on branch " + in_code(branch)) + ".\n";
    if (!request.empty()) text += fmt::format("Pull request: {}\n", request);
    add(text);
  }

  void agents() {
    std::string rows;
    for (const auto& [step, how, took] : agents_) {
      const auto config = member_or_null(parsed(step.input), "config");
      const auto use = facts_.agents.find(step.key);
      const bool known = use != facts_.agents.end();
      const auto tokens = known ? member_or_null(use->second.usage, "totalTokens") : Json();
      const auto cost = known ? use->second.cost_usd : Json();
      rows += fmt::format(
          "| {} | {} | {} | {} | {} | {} |\n", in_cell(step.name),
          in_cell(string_or(config.is_object() ? config : Json::object(), "agent", "claude")),
          in_cell(how), took, tokens.is_number() ? to_text(tokens) : "",
          cost.is_number() ? fmt::format("${:.2f}", cost.get<double>()) : "");
    }
    table("Agents",
          "| Step | Agent | Outcome | Time | Tokens | Cost |\n|---|---|---|---|---|---|\n", rows);
  }

  void notes() {
    std::string text;
    for (const auto& note : facts_.annotations)
      text += fmt::format("- {}\n", in_cell(note.message));
    if (!text.empty()) add("## Notes\n\n" + text);
  }

  struct Step {
    history::StepScheduled step;
    Time begun;
  };
  struct AgentStep {
    history::StepScheduled step;
    std::string how;
    std::string took;
  };

  const history::RunId run_;
  RunFacts facts_;
  Json request_;
  std::map<history::StepKey, Step> open_;
  std::map<history::StepKey, std::string> titles_;
  std::vector<AgentStep> agents_;
  std::string commands_;
  std::string questions_;
  std::string text_;
};

}  // namespace

std::string run_report(const history::RunId& run, const std::vector<history::Event>& events) {
  return Report(run, events).take();
}

}  // namespace agentcmd::cli
