#include "cli/run_facts.h"

#include "history/history.h"

namespace agentcmd::cli {

std::optional<Json> progress_in(const history::StepCheckpoint& checkpoint) {
  const auto data = parse_json(checkpoint.data.text, "checkpoint");
  if (!data || !data->is_object() || !data->contains("progress")) return std::nullopt;
  const auto details = parse_json(string_or(*data, "progress"), "progress");
  if (!details) return std::nullopt;
  return *details;
}

void RunFacts::apply(const history::Event& event) {
  attempts.apply(event);
  const auto& detail = event.detail;
  waiting.apply(detail);
  if (history::is_end(detail)) ended = event.at;
  if (const auto* run = std::get_if<history::RunCreated>(&detail)) {
    created(*run);
    begun = event.at;
  } else if (const auto* scheduled = std::get_if<history::StepScheduled>(&detail)) {
    step_types_[scheduled->key] = scheduled->type;
  } else if (const auto* step = std::get_if<history::StepCompleted>(&detail)) {
    completed(*step);
  } else if (const auto* note = std::get_if<history::Annotated>(&detail)) {
    annotations.push_back({note->key.text, note->phase, note->message, event.at});
  } else if (const auto* updated = std::get_if<history::RunUpdated>(&detail)) {
    const auto fields = parse_json(updated->fields.text, "RunUpdated");
    if (fields && fields->is_object()) updated_fields(*fields);
  } else if (const auto* said = std::get_if<history::StepCheckpoint>(&detail)) {
    if (auto told = progress_in(*said)) progress[said->key] = *std::move(told);
  } else if (const auto* done = std::get_if<history::RunCompleted>(&detail)) {
    result = done->result;
  } else if (const auto* failed = std::get_if<history::RunFailed>(&detail)) {
    failure = failed->failure;
  } else if (const auto* paused = std::get_if<history::RunPaused>(&detail)) {
    paused_reason = paused->reason;
    paused_message = paused->message;
  } else if (std::holds_alternative<history::RunResumed>(detail)) {
    paused_reason.clear();
    paused_message.clear();
  }
}

// What became of the workspace replaces what was said when it was set up.
void RunFacts::updated_fields(const Json& fields) {
  updates.update(fields);
  const auto report = fields.find("finalized");
  if (report == fields.end() || !report->is_object()) return;
  for (const auto* field : {"branch", "diffstat", "commitSha", "message"}) {
    if (report->contains(field)) updates[field] = report->at(field);
  }
  if (bool_or(*report, "removed")) updates["worktree"] = nullptr;
  updates.erase("finalized");
}

std::string RunFacts::update(std::string_view field) const {
  const auto found = updates.find(field);
  if (found == updates.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : to_text(*found);
}

void RunFacts::created(const history::RunCreated& run) {
  name = run.name;
  definition = run.definition;
  project = run.project;
  const auto request = parse_json(run.request.text, "request");
  if (request) mode = string_or(*request, "mode");
}

void RunFacts::completed(const history::StepCompleted& step) {
  const auto type = step_types_.find(step.key);
  if (type == step_types_.end()) return;
  const bool is_agent = type->second == "agent";
  if (!is_agent && type->second != "artifact") return;
  const auto output = parse_json(step.output.text, type->second);
  if (!output || !output->is_object()) return;
  if (is_agent) {
    agents[step.key] = {.session_id = string_or(*output, "sessionId"),
                        .usage = output->value("usage", Json()),
                        .cost_usd = output->value("cost", Json())};
    return;
  }
  const auto data = output->value("data", Json::object());
  const auto kept = data.find("artifacts");
  if (kept == data.end() || !kept->is_array()) return;
  for (const auto& artifact : *kept) artifacts.push_back({step.key, artifact});
}

}  // namespace agentcmd::cli
