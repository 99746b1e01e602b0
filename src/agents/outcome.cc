#include "agents/outcome.h"

#include "base/text.h"

#include <fmt/format.h>

namespace agentcmd::agents {
namespace {

constexpr std::size_t complaints_bytes_max = 2000;
constexpr std::size_t denials_shown_max = 5;

std::string login_advice(std::string_view agent) {
  return agent == "claude" ? "log in with `claude` and /login, or set ANTHROPIC_API_KEY"
                           : "log in, or set its key";
}

// The end of what was written to stderr, on lines of its own.
std::string with_complaints(std::string message, std::string_view complaints) {
  auto shown = trim(complaints);
  if (shown.size() > complaints_bytes_max) shown.remove_prefix(shown.size() - complaints_bytes_max);
  if (!shown.empty()) message += "\n" + to_utf8(shown);
  return message;
}

std::string denial_list(const std::vector<Denial>& denials) {
  std::vector<std::string> labels;
  for (const auto& denial : denials) {
    if (labels.size() == denials_shown_max) {
      labels.push_back(fmt::format("and {} more", denials.size() - denials_shown_max));
      break;
    }
    labels.push_back(tool_label(denial.tool, denial.input));
  }
  return join(labels, ", ");
}

std::string reason_of(const Final& final) {
  if (!final.errors.empty()) return join(final.errors, "; ");
  if (!final.text.empty()) return final.text;
  return final.subtype;
}

bool is_login_problem(const Final& final) {
  return final.api_status == 401 || final.api_status == 403 ||
         final.text.starts_with("Not logged in") || final.text.starts_with("Invalid API key");
}

}  // namespace

void Tally::add(const AgentEvent& event) {
  if (const auto* started = std::get_if<SessionStarted>(&event)) {
    session_id_ = started->session_id;
  } else if (const auto* text = std::get_if<Text>(&event)) {
    if (!text->nested) last_text_ = text->text;
  } else if (const auto* retry = std::get_if<ApiRetry>(&event)) {
    if (retry->status == 401 || retry->status == 403) rejected_status_ = retry->status;
  } else if (const auto* final = std::get_if<Final>(&event)) {
    final_ = *final;
  }
}

Verdict judge(std::string_view agent, const Tally& tally, const std::string& ending,
              std::string_view complaints, const std::set<std::string>& decided) {
  const auto& final = tally.last_word();
  if (!final) {
    if (tally.rejected()) {
      return {.error = fmt::format("{}: the model API refused the login or key ({}); {}", agent,
                                   tally.rejected_status(), login_advice(agent)),
              .text = tally.last_text()};
    }
    return {.error = with_complaints(
                fmt::format("{} ended without a final answer ({})", agent, ending), complaints),
            .text = tally.last_text()};
  }
  const auto text = final->text.empty() ? tally.last_text() : final->text;
  if (final->is_error || final->subtype != "success") {
    auto message = fmt::format("{}: {}", agent, reason_of(*final));
    if (is_login_problem(*final)) message += "; " + login_advice(agent);
    return {.error = with_complaints(std::move(message), complaints), .text = text};
  }
  auto refused = final->denials;
  std::erase_if(refused, [&](const Denial& denial) { return decided.contains(denial.id); });
  if (!refused.empty()) {
    return {
        .error = fmt::format("{} was not allowed to use {}; allow it by permissionMode, allow or "
                             "allowedTools",
                             agent, denial_list(refused)),
        .text = text};
  }
  return {.success = true, .error = {}, .text = text};
}

}  // namespace agentcmd::agents
