#pragma once
// A run as lines for people: each event and each piece of output becomes the lines to print, and
// one more line says what runs now. Pure: it is told the time and prints nothing.

#include "cli/style.h"
#include "history/event.h"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agentcmd::cli {

// What a closure told progress(), in few words.
std::string progress_text(const Json& details);

class Progress {
 public:
  explicit Progress(Style style) : style_(style) {}

  // Lines for something that was committed now.
  std::vector<std::string> on_event(const history::Event& event);
  // Lines that are complete by this piece; the rest waits for more, or for the end of the step.
  std::vector<std::string> on_output(const history::StepKey& key, std::string_view stream,
                                     std::string_view text);
  // What follows on the output so far is left out: the lines that wait for more.
  std::vector<std::string> cut_output(const history::StepKey& key);
  // Something that was committed before this process: known, not shown.
  void remember(const history::Event& event);

  // "⠙ run-tests 3.2 s, look-around 12 s", at most style.width columns.
  std::string status(Time now, std::size_t frame) const;

  void set_style(Style style) { style_ = style; }
  const Style& style() const { return style_; }

 private:
  struct Step {
    std::string type;
    std::string name;
    std::string phase;
    std::optional<Time> started;  // none: its result was taken over, or it never began
    std::string progress;         // what it said last
    bool running = false;
  };

  std::vector<std::string> lines_of(const history::Event& event);
  std::vector<std::string> step_lines(const history::Event& event);
  std::vector<std::string> note_lines(const history::Event& event);
  std::string begun_line(std::string_view name, std::string_view phase,
                         std::string_view what) const;
  void know(const history::StepKey& key, std::string type, std::string name, std::string phase);
  std::string step_ended(const history::StepKey& key, Time at, Sign sign, Tint tint,
                         std::string_view more);
  std::string output_prefix(const history::StepKey& key) const;
  std::string output_line(std::string_view prefix, std::string_view stream,
                          std::string_view line) const;
  void rest_of_output(const history::StepKey& key, std::vector<std::string>& lines);
  std::string indent(std::string_view phase) const { return phase.empty() ? "" : "  "; }
  Step& step(const history::StepKey& key);

  Style style_;
  std::map<history::StepKey, Step> steps_;
  std::vector<history::StepKey> running_;  // in the order they began
  std::map<std::pair<history::StepKey, std::string>, std::string> partial_;
};

}  // namespace agentcmd::cli
