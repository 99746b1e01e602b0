#include "cli/gate_answer.h"

#include "base/text.h"
#include "cli/text_width.h"

#include <fmt/format.h>

#include <algorithm>

namespace agentcmd::cli {
namespace {

bool is_named(const OpenGate& gate, std::string_view step) {
  return gate.key.text == step || gate.name == step ||
         gate.key.text.ends_with(fmt::format("/{}", step));
}

std::string keys_of(const Waiting& waiting) {
  std::vector<std::string> keys;
  for (const auto& [key, gate] : waiting.gates) keys.push_back(key.text);
  return join(keys, ", ");
}

bool is_yes(std::string_view word) {
  return word == "y" || word == "Y" || word == "yes" || word == "Yes";
}

bool is_no(std::string_view word) {
  return word == "n" || word == "N" || word == "no" || word == "No";
}

// What follows on the option that the line begins with, its number or its text.
std::optional<std::string_view> after_option(std::string_view line, std::size_t number,
                                             std::string_view option) {
  for (const auto& word : {std::to_string(number), std::string(option)}) {
    if (!line.starts_with(word)) continue;
    const auto rest = line.substr(word.size());
    if (rest.empty() || rest.front() == ' ') return rest;
  }
  return std::nullopt;
}

}  // namespace

Result<OpenGate> find_gate(const Waiting& waiting, std::string_view step) {
  if (waiting.gates.empty()) {
    return fail(ErrorCode::failed_precondition, "the run waits for no approval now");
  }
  if (step.empty()) {
    if (waiting.gates.size() == 1) return waiting.gates.begin()->second;
    return fail(ErrorCode::invalid_argument,
                fmt::format("the run waits for several approvals; name one: {}", keys_of(waiting)));
  }
  std::vector<OpenGate> found;
  for (const auto& [key, gate] : waiting.gates) {
    if (key.text == step) return gate;
    if (is_named(gate, step)) found.push_back(gate);
  }
  if (found.size() == 1) return found.front();
  return fail(found.empty() ? ErrorCode::not_found : ErrorCode::invalid_argument,
              fmt::format("{} '{}'; open are: {}",
                          found.empty() ? "the run does not wait for an approval"
                                        : "several approvals are named",
                          step, keys_of(waiting)));
}

Result<GateAnswer> check_answer(const OpenGate& gate, GateAnswer answer) {
  const auto& options = gate.options;
  if (!answer.input.empty()) {
    const auto input = parse_json(answer.input, "--input");
    if (!input) return tl::unexpected(input.error());
    if (!input->is_object() || gate.step.text.empty()) {
      return fail(ErrorCode::invalid_argument,
                  gate.step.text.empty()
                      ? fmt::format("approval '{}' is not about the input of a tool", gate.key.text)
                      : "--input must be an object, such as '{\"command\": \"npm test\"}'");
    }
  }
  if (answer.option.empty() && answer.approved) answer.option = gate.default_option;
  if (answer.option.empty()) {
    if (!answer.input.empty()) return answer;
    if (answer.approved && options.size() == 1) answer.option = options.front();
    if (!answer.approved || options.size() <= 1) return answer;
    return fail(ErrorCode::invalid_argument,
                fmt::format("approval '{}' has options: choose one with --option: {}",
                            gate.key.text, join(options, ", ")));
  }
  if (std::ranges::find(options, answer.option) != options.end()) return answer;
  return fail(ErrorCode::invalid_argument,
              options.empty() ? fmt::format("approval '{}' has no options", gate.key.text)
                              : fmt::format("approval '{}' has no option '{}'; it has: {}",
                                            gate.key.text, answer.option, join(options, ", ")));
}

Json gate_request(const OpenGate& gate, const std::string& by, const GateAnswer& answer) {
  return {{"by", by},
          {"key", gate.key.text},
          {"approved", answer.approved},
          {"option", answer.option},
          {"reason", answer.reason},
          {"input", answer.input}};
}

std::vector<std::string> question_lines(const OpenGate& gate, const Style& style) {
  std::vector<std::string> lines;
  lines.push_back(fmt::format("{} {}", style.paint(Tint::yellow, style.sign(Sign::asks)),
                              style.paint(Tint::bold, printable(gate.title))));
  for (const auto& line : split(gate.body, '\n')) {
    if (!gate.body.empty()) lines.push_back("  " + printable(line));
  }
  for (std::size_t i = 0; i < gate.options.size(); ++i) {
    lines.push_back(fmt::format("  {}) {}", i + 1, printable(gate.options[i])));
  }
  if (gate.until) {
    lines.push_back(style.paint(
        Tint::dim,
        fmt::format("  Without an answer until {} it is not approved.", to_iso8601(*gate.until))));
  }
  return lines;
}

std::string question_prompt(const OpenGate& gate) {
  const auto yes = gate.options.size() > 1 ? fmt::format("1-{}", gate.options.size()) : "y";
  return fmt::format("Approve? [{}/n, and a reason if you like; Ctrl-C: later] ", yes);
}

std::optional<GateAnswer> parse_answer(const OpenGate& gate, std::string_view line) {
  line = trim(line);
  for (std::size_t i = 0; i < gate.options.size(); ++i) {
    if (const auto rest = after_option(line, i + 1, gate.options[i])) {
      return GateAnswer{true, gate.options[i], std::string(trim(*rest))};
    }
  }
  const auto word = line.substr(0, line.find(' '));
  const std::string reason(trim(line.substr(word.size())));
  if (is_no(word)) return GateAnswer{false, "", reason};
  if (!is_yes(word)) return std::nullopt;
  if (!gate.default_option.empty()) return GateAnswer{true, gate.default_option, reason};
  if (gate.options.size() > 1) return std::nullopt;
  return GateAnswer{true, gate.options.empty() ? "" : gate.options.front(), reason};
}

}  // namespace agentcmd::cli
