#include "cli/run_json.h"

#include "cli/summary.h"

#include <filesystem>

namespace agentcmd::cli {
namespace {

Json time_or_null(const std::optional<Time>& time) {
  return time ? Json(to_iso8601(*time)) : Json();
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

Json duration_or_null(const std::optional<Time>& from, const std::optional<Time>& to) {
  return from && to ? Json((*to - *from).count()) : Json();
}

Json payload_or_null(const JsonText& text) {
  return text.text.empty() ? Json() : parse_trusted(text.text, "stored payload");
}

Json error_of(const store::RunRow& run, const RunFacts& facts) {
  if (facts.failure) {
    return {{"name", facts.failure->name},
            {"message", facts.failure->message},
            {"stack", facts.failure->stack}};
  }
  if (run.status == store::RunStatus::paused) {
    return {{"reason", facts.paused_reason}, {"message", facts.paused_message}};
  }
  return nullptr;
}

Json paths_of(const store::RunRow& run) {
  const auto folder =
      std::filesystem::path(run.project) / ".agent" / "workflows" / "executions" / run.id.text;
  return {{"project", run.project},
          {"working_dir", text_or_null(run.working_dir)},
          {"run", folder.string()},
          {"logs", (folder / "logs").string()},
          {"artifacts", (folder / "artifacts").string()}};
}

}  // namespace

Json to_json(const store::RunRow& run, bool interrupted) {
  return {{"id", run.id.text},
          {"name", run.name},
          {"definition", run.definition},
          {"file", run.file},
          {"project", run.project},
          {"status", store::to_string(run.status)},
          {"interrupted", interrupted},
          {"phase", text_or_null(run.phase)},
          {"reason", text_or_null(run.reason)},
          {"driver", text_or_null(run.driver)},
          {"branch", text_or_null(run.branch)},
          {"working_dir", text_or_null(run.working_dir)},
          {"pr_url", text_or_null(run.pr_url)},
          {"forked_from", text_or_null(run.forked_from)},
          {"forked_at", text_or_null(run.forked_at)},
          {"origin", text_or_null(run.origin)},
          {"parent", text_or_null(run.parent)},
          {"parent_step", text_or_null(run.parent_key)},
          {"created_at", to_iso8601(run.created_at)},
          {"started_at", time_or_null(run.started_at)},
          {"ended_at", time_or_null(run.ended_at)},
          {"duration_ms", duration_or_null(run.started_at, run.ended_at)},
          {"events", run.events}};
}

Json to_json(const store::StepRow& step) {
  return {{"key", step.key.text},
          {"type", step.type},
          {"name", step.name},
          {"phase", text_or_null(step.phase)},
          {"status", store::to_string(step.status)},
          {"attempts", step.attempts},
          {"success", step.success},
          {"error", text_or_null(step.error)},
          {"scheduled_at", to_iso8601(step.scheduled_at)},
          {"started_at", time_or_null(step.started_at)},
          {"ended_at", time_or_null(step.ended_at)},
          {"duration_ms", duration_or_null(step.started_at, step.ended_at)}};
}

Json run_document(const store::RunRow& run, bool interrupted,
                  const std::vector<store::StepRow>& steps, const std::vector<store::RunRow>& forks,
                  const RunFacts& facts) {
  Json document = to_json(run, interrupted);
  document["code_hash"] = run.code_hash;
  document["request"] = payload_or_null(run.request);
  document["result"] = payload_or_null(run.result);
  document["error"] = error_of(run, facts);
  document["waiting"] = facts.waiting.to_json();
  document["steps"] = Json::array();
  for (const auto& step : steps) {
    auto entry = to_json(step);
    entry["attempt_list"] = Json::array();
    for (const auto& attempt : facts.attempts.of(step.key)) {
      entry["attempt_list"].push_back(
          to_json(attempt, step.key, paths_of(run)["logs"].get<std::string>()));
    }
    if (const auto agent = facts.agents.find(step.key); agent != facts.agents.end()) {
      entry["agent"] = {{"session_id", text_or_null(agent->second.session_id)},
                        {"usage", agent->second.usage},
                        {"cost_usd", agent->second.cost_usd}};
    }
    if (const auto said = facts.progress.find(step.key); said != facts.progress.end()) {
      entry["progress"] = said->second;
    }
    document["steps"].push_back(std::move(entry));
  }
  document["forks"] = Json::array();
  for (const auto& fork : forks) {
    document["forks"].push_back({{"id", fork.id.text},
                                 {"origin", fork.origin},
                                 {"forked_at", text_or_null(fork.forked_at)},
                                 {"status", store::to_string(fork.status)}});
  }
  document["artifacts"] = Json::array();
  for (const auto& artifact : facts.artifacts) {
    Json file{{"step", artifact.step.text}};
    file.update(artifact.data);
    document["artifacts"].push_back(std::move(file));
  }
  document["annotations"] = Json::array();
  for (const auto& note : facts.annotations) {
    document["annotations"].push_back({{"step", note.step},
                                       {"phase", text_or_null(note.phase)},
                                       {"message", note.message},
                                       {"at", to_iso8601(note.at)}});
  }
  for (const auto& [field, value] : facts.updates.items()) {
    if (!document.contains(field) || document[field].is_null()) document[field] = value;
  }
  const auto merge = merge_command(facts);
  document["merge_command"] = text_or_null(merge);
  document["paths"] = paths_of(run);
  return document;
}

}  // namespace agentcmd::cli
