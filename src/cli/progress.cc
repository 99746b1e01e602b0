#include "cli/progress.h"

#include "base/duration.h"
#include "base/text.h"
#include "cli/run_facts.h"
#include "cli/text_width.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace agentcmd::cli {
namespace {

constexpr std::array<std::string_view, 10> frames{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
constexpr std::array<std::string_view, 4> ascii_frames{"|", "/", "-", "\\"};

// A line without end is cut into pieces of this size.
constexpr std::size_t partial_bytes_max = 16 * 1024;
// Larger results are not looked into for a reason to show.
constexpr std::size_t reason_bytes_max = 64 * 1024;

std::string first_line(std::string_view text) {
  text = trim(text);
  return printable(text.substr(0, text.find('\n')));
}

// Why a result says success: false, in few words: "exit 2", or its error.
std::string reason_of(const JsonText& output) {
  if (output.text.size() > reason_bytes_max) return "no success";
  const auto result = parse_json(output.text, "result");
  if (!result || !result->is_object()) return "no success";
  const auto data = result->find("data");
  const auto code = data == result->end() ? -1 : int_or(*data, "exitCode", -1);
  if (code > 0) return fmt::format("exit {}", code);
  const auto error = string_or(*result, "error");
  return error.empty() ? "no success" : first_line(error);
}

std::string first_line_of(const history::Failure& failure) {
  return failure.message.empty() ? failure.name : first_line(failure.message);
}

std::string until(Time timeout_at) {
  return timeout_at == Time() ? "" : ", until " + to_iso8601(timeout_at);
}

std::string decision_of(const history::GateDecided& decided) {
  if (decided.timed_out) return "nobody decided in time";
  auto text = fmt::format("{} by {}", decided.approved ? "approved" : "denied", decided.by);
  if (!decided.option.empty()) text += " (" + decided.option + ")";
  if (!decided.reason.empty()) text += ": " + decided.reason;
  return first_line(text);
}

}  // namespace

std::string progress_text(const Json& details) {
  constexpr std::size_t width_max = 60;
  const auto text = details.is_string() ? details.get<std::string>() : to_text(details);
  return cut_to_width(first_line(text), width_max);
}

std::vector<std::string> Progress::on_event(const history::Event& event) {
  auto lines = lines_of(event);
  remember(event);
  return lines;
}

void Progress::remember(const history::Event& event) {
  const auto& detail = event.detail;
  const auto ends = [&](const history::StepKey& key) {
    steps_[key].running = false;
    std::erase(running_, key);
  };
  const auto begins = [&](const history::StepKey& key) {
    auto& begun = steps_[key];
    begun.started = event.at;
    if (!begun.running) running_.push_back(key);
    begun.running = true;
  };
  if (const auto* scheduled = std::get_if<history::StepScheduled>(&detail)) {
    know(scheduled->key, scheduled->type, scheduled->name, scheduled->phase);
  } else if (const auto* timer = std::get_if<history::TimerStarted>(&detail)) {
    know(timer->key, "sleep", timer->name, timer->phase);
    begins(timer->key);
  } else if (const auto* wait = std::get_if<history::WaitStarted>(&detail)) {
    know(wait->key, "waitForEvent", wait->name, wait->phase);
    begins(wait->key);
  } else if (const auto* gate = std::get_if<history::GateOpened>(&detail)) {
    know(gate->key, "approve", gate->name, gate->phase);
    begins(gate->key);
  } else if (const auto* matched = std::get_if<history::WaitMatched>(&detail)) {
    ends(matched->key);
  } else if (const auto* late = std::get_if<history::WaitTimedOut>(&detail)) {
    ends(late->key);
  } else if (const auto* given_up = std::get_if<history::WaitCancelled>(&detail)) {
    ends(given_up->key);
  } else if (const auto* decided = std::get_if<history::GateDecided>(&detail)) {
    ends(decided->key);
  } else if (const auto* withdrawn = std::get_if<history::GateCancelled>(&detail)) {
    ends(withdrawn->key);
  } else if (const auto* said = std::get_if<history::StepCheckpoint>(&detail)) {
    if (const auto told = progress_in(*said)) step(said->key).progress = progress_text(*told);
  } else if (const auto* started = std::get_if<history::StepStarted>(&detail)) {
    begins(started->key);
  } else if (const auto* completed = std::get_if<history::StepCompleted>(&detail)) {
    ends(completed->key);
  } else if (const auto* failed = std::get_if<history::StepFailed>(&detail)) {
    ends(failed->key);
  } else if (const auto* timed_out = std::get_if<history::StepTimedOut>(&detail)) {
    ends(timed_out->key);
  } else if (const auto* cancelled = std::get_if<history::StepCancelled>(&detail)) {
    ends(cancelled->key);
  } else if (const auto* lost = std::get_if<history::StepLost>(&detail)) {
    ends(lost->key);
  } else if (const auto* fired = std::get_if<history::TimerFired>(&detail)) {
    ends(fired->key);
  } else if (const auto* stopped = std::get_if<history::TimerCancelled>(&detail)) {
    ends(stopped->key);
  }
}

std::vector<std::string> Progress::lines_of(const history::Event& event) {
  const auto& detail = event.detail;
  if (const auto* phase = std::get_if<history::PhaseStarted>(&detail)) {
    const auto& label = phase->label.empty() ? phase->phase : phase->label;
    return {fmt::format("{} {}", style_.paint(Tint::cyan, style_.sign(Sign::phase)),
                        style_.paint(Tint::bold, printable(label)))};
  }
  if (const auto* failed = std::get_if<history::PhaseFailed>(&detail)) {
    return {fmt::format("{} {}", style_.paint(Tint::red, style_.sign(Sign::bad)),
                        style_.paint(Tint::dim, "phase " + printable(failed->phase) + " failed"))};
  }
  if (const auto* cancel = std::get_if<history::RunCancelRequested>(&detail)) {
    return {fmt::format("{} cancelling ({})",
                        style_.paint(Tint::yellow, style_.sign(Sign::stopped)),
                        printable(cancel->by))};
  }
  if (std::holds_alternative<history::RunResumed>(detail)) {
    return {fmt::format("{} resumed", style_.paint(Tint::cyan, style_.sign(Sign::again)))};
  }
  auto lines = step_lines(event);
  return lines.empty() ? note_lines(event) : lines;
}

std::vector<std::string> Progress::step_lines(const history::Event& event) {
  const auto& detail = event.detail;
  std::vector<std::string> lines;
  if (const auto* started = std::get_if<history::StepStarted>(&detail)) {
    const auto& begun = step(started->key);
    const bool again = started->attempt > 1;
    if (style_.live && !again) return {};
    return {fmt::format("{}{} {} {}", indent(begun.phase),
                        style_.paint(Tint::cyan, style_.sign(again ? Sign::again : Sign::step)),
                        printable(begun.name),
                        style_.paint(Tint::dim, again ? fmt::format("attempt {}", started->attempt)
                                                      : fmt::format("({})", begun.type)))};
  }
  if (const auto* timer = std::get_if<history::TimerStarted>(&detail)) {
    return {begun_line(timer->name, timer->phase, "sleeps until " + to_iso8601(timer->fire_at))};
  }
  if (const auto* wait = std::get_if<history::WaitStarted>(&detail)) {
    return {begun_line(
        wait->name, wait->phase,
        fmt::format("waits for event {}{}", printable(wait->event), until(wait->timeout_at)))};
  }
  if (const auto* gate = std::get_if<history::GateOpened>(&detail)) {
    const auto said = parse_json(gate->gate.text, "gate");
    const auto title = said ? first_line(string_or(*said, "title")) : std::string();
    return {begun_line(gate->name, gate->phase,
                       fmt::format("waits for approval: {}{}", title, until(gate->timeout_at)))};
  }
  if (const auto* matched = std::get_if<history::WaitMatched>(&detail)) {
    lines.push_back(step_ended(matched->key, event.at, Sign::ok, Tint::green, ""));
  } else if (const auto* late = std::get_if<history::WaitTimedOut>(&detail)) {
    lines.push_back(
        step_ended(late->key, event.at, Sign::stopped, Tint::yellow, "no event in time"));
  } else if (const auto* decided = std::get_if<history::GateDecided>(&detail)) {
    const bool yes = decided->approved;
    lines.push_back(step_ended(decided->key, event.at, yes ? Sign::ok : Sign::bad,
                               yes ? Tint::green : Tint::red, decision_of(*decided)));
  } else if (const auto* completed = std::get_if<history::StepCompleted>(&detail)) {
    rest_of_output(completed->key, lines);
    const bool good = completed->success;
    lines.push_back(step_ended(completed->key, event.at, good ? Sign::ok : Sign::bad,
                               good ? Tint::green : Tint::red,
                               good ? "" : reason_of(completed->output)));
  } else if (const auto* failed = std::get_if<history::StepFailed>(&detail)) {
    rest_of_output(failed->key, lines);
    const auto why = first_line_of(failed->failure) + (failed->retry ? "; it is tried again" : "");
    lines.push_back(step_ended(failed->key, event.at, failed->retry ? Sign::warn : Sign::bad,
                               failed->retry ? Tint::yellow : Tint::red, why));
  } else if (const auto* timed_out = std::get_if<history::StepTimedOut>(&detail)) {
    rest_of_output(timed_out->key, lines);
    lines.push_back(step_ended(timed_out->key, event.at, Sign::bad, Tint::red,
                               first_line_of(timed_out->failure)));
  } else if (const auto* cancelled = std::get_if<history::StepCancelled>(&detail)) {
    rest_of_output(cancelled->key, lines);
    lines.push_back(step_ended(cancelled->key, event.at, Sign::stopped, Tint::yellow, "cancelled"));
  } else if (const auto* lost = std::get_if<history::StepLost>(&detail)) {
    lines.push_back(
        step_ended(lost->key, event.at, Sign::warn, Tint::yellow,
                   fmt::format("lost: {} ({})", first_line(lost->reason), lost->policy)));
  } else if (const auto* fired = std::get_if<history::TimerFired>(&detail)) {
    lines.push_back(step_ended(fired->key, event.at, Sign::ok, Tint::green, ""));
  }
  return lines;
}

std::vector<std::string> Progress::note_lines(const history::Event& event) {
  if (const auto* note = std::get_if<history::Annotated>(&event.detail)) {
    return {fmt::format("{}{} {}", indent(note->phase),
                        style_.paint(Tint::cyan, style_.sign(Sign::note)),
                        printable(note->message))};
  }
  const auto* logged = std::get_if<history::Logged>(&event.detail);
  if (logged == nullptr) return {};
  const bool is_error = logged->level == "error";
  const bool is_plain = !is_error && logged->level != "warn";
  std::vector<std::string> lines;
  for (const auto& line : split(logged->message, '\n')) {
    const auto sign =
        is_plain ? style_.paint(Tint::dim, style_.sign(Sign::bar))
                 : style_.paint(is_error ? Tint::red : Tint::yellow, style_.sign(Sign::warn));
    lines.push_back(fmt::format("{}{} {}", indent(logged->phase), sign, printable(line)));
  }
  return lines;
}

std::string Progress::begun_line(std::string_view name, std::string_view phase,
                                 std::string_view what) const {
  return fmt::format("{}{} {} {}", indent(phase), style_.paint(Tint::cyan, style_.sign(Sign::step)),
                     printable(name), style_.paint(Tint::dim, what));
}

void Progress::know(const history::StepKey& key, std::string type, std::string name,
                    std::string phase) {
  Step known;
  known.type = std::move(type);
  known.name = std::move(name);
  known.phase = std::move(phase);
  steps_[key] = std::move(known);
}

std::string Progress::step_ended(const history::StepKey& key, Time at, Sign sign, Tint tint,
                                 std::string_view more) {
  const auto& ended = step(key);
  auto line = fmt::format("{}{} {}", indent(ended.phase), style_.paint(tint, style_.sign(sign)),
                          printable(ended.name));
  if (ended.started) {
    const auto took = std::max(at - *ended.started, Milliseconds(0));
    line += "  " + style_.paint(Tint::dim, format_duration(took));
  }
  if (!more.empty()) line += "  " + style_.paint(tint, more);
  return line;
}

std::vector<std::string> Progress::on_output(const history::StepKey& key, std::string_view stream,
                                             std::string_view text) {
  auto& rest = partial_[{key, std::string(stream)}];
  rest += text;
  const auto prefix = output_prefix(key);
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (auto end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', begin)) {
    lines.push_back(output_line(prefix, stream, std::string_view(rest).substr(begin, end - begin)));
    begin = end + 1;
  }
  rest.erase(0, begin);
  if (rest.size() > partial_bytes_max) {
    lines.push_back(output_line(prefix, stream, rest));
    rest.clear();
  }
  return lines;
}

std::vector<std::string> Progress::cut_output(const history::StepKey& key) {
  std::vector<std::string> lines;
  rest_of_output(key, lines);
  return lines;
}

std::string Progress::output_prefix(const history::StepKey& key) const {
  const auto found = steps_.find(key);
  const auto name = found == steps_.end() ? key.text : found->second.name;
  return fmt::format("    {} {} ", cut_to_width(printable(name), 24), style_.sign(Sign::bar));
}

std::string Progress::output_line(std::string_view prefix, std::string_view stream,
                                  std::string_view line) const {
  std::string text(prefix);
  text += printable(line);
  if (style_.live) text = cut_to_width(text, style_.width);
  if (!style_.color) return text;
  return style_.paint(stream == "stderr" ? Tint::yellow : Tint::dim, text);
}

// The last line of a step's output need not end with a line break.
void Progress::rest_of_output(const history::StepKey& key, std::vector<std::string>& lines) {
  for (auto it = partial_.begin(); it != partial_.end();) {
    if (it->first.first != key) {
      ++it;
      continue;
    }
    if (!it->second.empty()) {
      lines.push_back(output_line(output_prefix(key), it->first.second, it->second));
    }
    it = partial_.erase(it);
  }
}

std::string Progress::status(Time now, std::size_t frame) const {
  const auto spinner = style_.unicode ? frames.at(frame % frames.size())
                                      : ascii_frames.at(frame % ascii_frames.size());
  std::vector<std::string> words;
  for (const auto& key : running_) {
    const auto& one = steps_.at(key);
    const auto for_so_long = std::max(now - one.started.value_or(now), Milliseconds(0));
    auto word = fmt::format("{} {}", printable(one.name), format_duration(for_so_long));
    if (!one.progress.empty()) word += " " + one.progress;
    words.push_back(std::move(word));
  }
  const auto text = words.empty() ? std::string("working") : join(words, ", ");
  return fmt::format("{} {}", style_.paint(Tint::cyan, spinner),
                     cut_to_width(text, style_.width > 2 ? style_.width - 2 : 1));
}

Progress::Step& Progress::step(const history::StepKey& key) {
  auto& found = steps_[key];
  if (found.name.empty()) found.name = key.text;
  return found;
}

}  // namespace agentcmd::cli
