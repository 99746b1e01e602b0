#include "cli/run_view.h"

#include "async/deadline.h"
#include "base/text.h"
#include "cli/gate_answer.h"
#include "cli/progress.h"
#include "history/codec.h"

#include <fmt/format.h>

#include <utility>

namespace agentcmd::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto frame_time = 100ms;
constexpr std::string_view erase_line = "\r\x1b[K";

Style style_of(const Output& output) {
  Style style;
  style.color = output.has_color();
  style.unicode = output.has_unicode();
  style.live = output.can_redraw();
  style.width = output.width();
  return style;
}

// Lines, and on a terminal one more that shows what runs now.
class PeopleView final : public RunView {
 public:
  PeopleView(Output& output, const Clock& clock, bool quiet)
      : RunView(output), clock_(clock), quiet_(quiet), progress_(style_of(output)) {}

  bool wants_output() const override { return !quiet_; }

  void notice(std::string_view text) override {
    if (quiet_) {
      output_.complain(text);
    } else {
      print({progress_.style().paint(Tint::yellow, text)});
    }
  }

  void close() override {
    if (is_live()) output_.out(erase_line);
    finished_ = true;
  }

  void detached() override { progress_.set_style(style_of(output_)); }

  void ask(const OpenGate& gate) override {
    question_ = question_prompt(gate);
    auto text = progress_.style().live && !quiet_ ? std::string(erase_line) : "";
    for (const auto& line : question_lines(gate, progress_.style())) text += line + "\n";
    output_.out(text + question_);
  }
  void asked() override { question_.clear(); }

  Task<> animate() override {
    for (;; ++frame_) {
      co_await sleep_until(deadline_in(frame_time));
      const bool moves = is_live() && question_.empty();
      if (moves && output_.is_idle()) output_.out(std::string(erase_line) + status());
    }
  }

 protected:
  void begun(const history::RunId& run, const std::vector<history::Event>& past) override {
    for (const auto& event : past) progress_.remember(event);
    if (quiet_) return;
    const auto& style = progress_.style();
    print({fmt::format("{} {} {}", style.paint(Tint::bold, facts().definition),
                       style.paint(Tint::dim, run.text),
                       facts().name == facts().definition ? "" : printable_name())});
  }

  void shown(const history::RunId&, const history::Event& event) override {
    auto lines = progress_.on_event(event);
    if (!quiet_) print(lines);
  }

  void shown_output(const history::RunId&, const history::StepKey& step, std::string_view stream,
                    std::string_view text) override {
    if (!quiet_) print(progress_.on_output(step, stream, text));
  }

  void ended(const Ending& ending) override {
    finished_ = true;
    print(summary(ending, facts(), progress_.style()));
  }

  void held_up(const history::RunId&, std::size_t position, const std::string& reason) override {
    if (quiet_) return;
    print({progress_.style().paint(
        Tint::yellow, fmt::format("Waits at position {}: {}", position, to_utf8(reason)))});
  }

  void cut(const history::StepKey& step) override { print(progress_.cut_output(step)); }

  void left_out(const history::RunId& run, std::size_t bytes) override {
    print({progress_.style().paint(Tint::yellow, left_out_note(run, bytes))});
  }

 private:
  bool is_live() const { return progress_.style().live && !quiet_ && !finished_; }

  std::string printable_name() const { return to_utf8(facts().name); }

  std::string status() {
    if (!question_.empty()) return question_;
    auto style = progress_.style();
    style.width = output_.width();
    progress_.set_style(style);
    return progress_.status(clock_.now(), frame_);
  }

  void print(const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    std::string text;
    if (progress_.style().live && !quiet_) text += erase_line;
    for (const auto& line : lines) {
      text += trim_end(line);
      text += '\n';
    }
    if (is_live()) text += status();
    output_.out(text);
  }

  const Clock& clock_;
  const bool quiet_;
  Progress progress_;
  std::size_t frame_ = 0;
  std::string question_;  // not empty while it is asked
  bool finished_ = false;
};

// One JSON object a line.
class JsonView final : public RunView {
 public:
  JsonView(Output& output, bool quiet) : RunView(output), quiet_(quiet) {}

  bool wants_output() const override { return !quiet_; }
  void notice(std::string_view text) override {
    print({{"type", "notice"}, {"message", text}});
    output_.complain(text);
  }
  void close() override {}
  void detached() override {}
  void ask(const OpenGate&) override {}
  void asked() override {}
  Task<> animate() override { co_return; }

 protected:
  void begun(const history::RunId& run, const std::vector<history::Event>&) override {
    print({{"type", "run"},
           {"run",
            {{"id", run.text},
             {"definition", facts().definition},
             {"name", facts().name},
             {"project", facts().project}}}});
  }
  void shown(const history::RunId& run, const history::Event& event) override {
    print({{"type", "event"}, {"run", run.text}, {"event", history::to_json(event)}});
  }
  void shown_output(const history::RunId& run, const history::StepKey& step,
                    std::string_view stream, std::string_view text) override {
    print({{"type", "output"},
           {"run", run.text},
           {"step", step.text},
           {"stream", stream},
           {"text", to_utf8(text)}});
  }
  void ended(const Ending& ending) override { output_.out(result_line(ending, facts()) + "\n"); }
  void held_up(const history::RunId& run, std::size_t position,
               const std::string& reason) override {
    print({{"type", "queued"}, {"run", run.text}, {"position", position}, {"reason", reason}});
  }
  void cut(const history::StepKey&) override {}
  void left_out(const history::RunId& run, std::size_t bytes) override {
    print({{"type", "output_left_out"},
           {"run", run.text},
           {"bytes", bytes},
           {"message", left_out_note(run, bytes)}});
  }

 private:
  void print(const Json& line) {
    if (!quiet_) output_.out(to_text(line) + "\n");
  }

  const bool quiet_;
};

Json error_of(const Ending& ending, const RunFacts& facts) {
  if (facts.failure) {
    return {{"name", facts.failure->name},
            {"message", facts.failure->message},
            {"stack", facts.failure->stack}};
  }
  if (ending.status == store::RunStatus::paused) {
    return {{"reason", facts.paused_reason}, {"message", ending.message}};
  }
  if (ending.message.empty()) return nullptr;
  return {{"message", ending.message}};
}

}  // namespace

bool RunView::is_ours(const history::RunId& run) {
  if (run_.text.empty()) run_ = run;
  return run_ == run;
}

void RunView::committed(const history::RunId& run, const history::Event& event) {
  if (!is_ours(run)) return;
  facts_.apply(event);
  if (output_.has_room()) mention_left_out(run);
  shown(run, event);
  if (listener_) listener_(event);
}

void RunView::queued(const history::RunId& run, std::size_t position, const std::string& reason) {
  held_up(run, position, reason);
}

void RunView::output(const history::RunId& run, const history::StepKey& step,
                     std::string_view stream, std::string_view text) {
  if (!wants_output() || !is_ours(run)) return;
  if (output_.has_room()) {
    mention_left_out(run);
    shown_output(run, step, stream, text);
  } else {
    cut(step);
    left_out_ += text.size();
  }
}

void RunView::finish(const Ending& ending) {
  mention_left_out(ending.run);
  ended(ending);
}

void RunView::mention_left_out(const history::RunId& run) {
  if (left_out_ > 0) left_out(run, std::exchange(left_out_, 0));
}

std::string left_out_note(const history::RunId& run, std::size_t bytes) {
  return fmt::format("… {} bytes not shown; see agentcmd runs logs {}", bytes, run.text);
}

void RunView::begin(const history::RunId& run, const std::vector<history::Event>& past) {
  run_ = run;
  for (const auto& event : past) facts_.apply(event);
  begun(run, past);
}

std::unique_ptr<RunView> make_run_view(ViewKind kind, Output& output, const Clock& clock) {
  if (kind == ViewKind::json || kind == ViewKind::quiet_json) {
    return std::make_unique<JsonView>(output, kind == ViewKind::quiet_json);
  }
  return std::make_unique<PeopleView>(output, clock, kind == ViewKind::quiet);
}

std::string result_line(const Ending& ending, const RunFacts& facts) {
  Json run{{"id", ending.run.text},
           {"definition", facts.definition},
           {"name", facts.name},
           {"project", facts.project},
           {"status", store::to_string(ending.status)},
           {"interrupted", ending.interrupted},
           {"error", error_of(ending, facts)}};
  for (const auto& [field, value] : facts.updates.items()) {
    if (!run.contains(field)) run[field] = value;
  }
  const auto& children = facts.waiting.children;
  if (ending.status == store::RunStatus::waiting || !children.gates.empty() ||
      !children.paused.empty()) {
    run["waiting"] = facts.waiting.to_json();
  }
  const auto merge = merge_command(facts);
  if (!merge.empty()) run["merge_command"] = merge;
  // The workflow's result is spliced in as it was stored.
  auto text = to_text(run);
  text.pop_back();
  return fmt::format(R"({{"type":"result","run":{},"result":{}}}}})", text,
                     facts.result ? facts.result->text : "null");
}

}  // namespace agentcmd::cli
