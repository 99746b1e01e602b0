#include "script/worker_messages.h"

#include "base/fault.h"
#include "base/json_slice.h"

#include <algorithm>
#include <utility>

namespace agentcmd::script {
namespace {

using history::Command;
using history::Detail;

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};

void append_member(std::string& out, std::string_view name, std::string_view text) {
  out += ",\"";
  out += name;
  out += "\":";
  append_quoted(out, text);
}

void append_failure(std::string& out, const history::Failure& failure) {
  out += R"(,"failure":{"name":)";
  append_quoted(out, failure.name);
  append_member(out, "message", failure.message);
  append_member(out, "stack", failure.stack);
  if (!failure.timeout.empty()) append_member(out, "timeout", failure.timeout);
  out += '}';
}

void append_job(std::string& out, const history::Job& job) {
  fmt::format_to(std::back_inserter(out), R"({{"at":{},"job":)", to_millis(job.at));
  std::visit(
      Overloaded{[&](const history::StartJob& start) {
                   out += "\"start\"";
                   if (!start.run.text.empty()) append_member(out, "run", start.run.text);
                   append_member(out, "name", start.run_name);
                   append_member(out, "project", start.project);
                   append_member(out, "seed", std::to_string(start.seed));
                   append_member(out, "request", start.request.text);
                 },
                 [&](const history::StepResolvedJob& resolved) {
                   out += "\"resolve\"";
                   append_member(out, "key", resolved.key.text);
                   append_member(out, "output", resolved.output.text);
                 },
                 [&](const history::StepRejectedJob& rejected) {
                   out += "\"reject\"";
                   append_member(out, "key", rejected.key.text);
                   append_failure(out, rejected.failure);
                 },
                 [&](const history::TimerFiredJob& fired) {
                   out += "\"fire\"";
                   append_member(out, "key", fired.key.text);
                 },
                 [&](const history::CancelJob& cancel) {
                   out += "\"cancel\"";
                   append_member(out, "reason", cancel.reason);
                   if (cancel.timeout) out += R"(,"timeout":true)";
                 },
                 [&](const history::EventJob& event) {
                   out += "\"event\"";
                   append_member(out, "event", event.event);
                   append_member(out, "name", event.name);
                   if (!event.wait.empty()) append_member(out, "wait", event.wait);
                   fmt::format_to(std::back_inserter(out), R"(,"sentAt":{})",
                                  to_millis(event.sent_at));
                   append_member(out, "data", event.data.text);
                 },
                 [&](const history::WaitTimedOutJob& wait) {
                   out += "\"waitTimedOut\"";
                   append_member(out, "key", wait.key.text);
                 },
                 [&](const history::GateDecidedJob& gate) {
                   out += "\"gate\"";
                   append_member(out, "key", gate.key.text);
                   fmt::format_to(std::back_inserter(out), R"(,"approved":{},"timedOut":{})",
                                  gate.approved, gate.timed_out);
                   append_member(out, "option", gate.option);
                   append_member(out, "by", gate.by);
                   append_member(out, "reason", gate.reason);
                 },
                 [&](const history::RunClosureJob& closure) {
                   out += "\"closure\"";
                   append_member(out, "key", closure.key.text);
                   fmt::format_to(std::back_inserter(out), R"(,"attempt":{})", closure.attempt);
                   append_member(out, "progress", closure.progress.text);
                 },
                 [&](const history::ProbeJob& probe) {
                   out += "\"probe\"";
                   append_member(out, "key", probe.key.text);
                   fmt::format_to(std::back_inserter(out), R"(,"attempt":{})", probe.attempt);
                 }},
      job.what);
  out += '}';
}

// Empty when it is missing or no string.
std::string take(const JsonMembers& object, std::string_view name) {
  const auto found = object.find(name);
  return found && is_json_string(*found) ? unquote(*found) : std::string();
}

// JSON that came as text in a string, or as a value.
JsonText take_json(const JsonMembers& object, std::string_view name) {
  const auto found = object.find(name);
  if (!found) return {"null"};
  return {is_json_string(*found) ? unquote(*found) : std::string(*found)};
}

// JavaScript writes its whole numbers so; it has others, too.
std::int64_t take_int(const JsonMembers& object, std::string_view name,
                      std::int64_t otherwise = 0) {
  const auto found = object.find(name);
  if (!found) return otherwise;
  if (const auto number = to_integer<std::int64_t>(*found)) return *number;
  const auto parsed = parse_json(*found, name);
  return parsed && parsed->is_number() ? parsed->get<std::int64_t>() : otherwise;
}

bool take_flag(const JsonMembers& object, std::string_view name) {
  return object.find(name) == "true";
}

history::Failure take_failure(const JsonMembers& object) {
  const auto found = object.find("failure");
  if (!found || !found->starts_with('{')) {
    return {.name = "Error", .message = "unknown error", .stack = {}};
  }
  const JsonMembers failure(*found);
  return {.name = take(failure, "name"),
          .message = take(failure, "message"),
          .stack = take(failure, "stack"),
          .final = take_flag(failure, "final"),
          .retry_after = static_cast<std::uint64_t>(
              std::max<std::int64_t>(take_int(failure, "retryAfter"), 0))};
}

Detail phase_note(const JsonMembers& json) {
  const auto state = take(json, "state");
  if (state == "started") {
    return history::PhaseStarted{.phase = take(json, "phase"), .label = take(json, "label")};
  }
  if (state == "completed") return history::PhaseCompleted{.phase = take(json, "phase")};
  return history::PhaseFailed{.phase = take(json, "phase"), .message = take(json, "message")};
}

using CommandParser = Command (*)(const JsonMembers& json);
struct CommandKind {
  std::string_view name;
  CommandParser parse;
};

constexpr CommandKind command_kinds[] = {
    {"step",
     [](const JsonMembers& json) -> Command {
       return history::ScheduleStep{.key = {take(json, "key")},
                                    .type = take(json, "type"),
                                    .name = take(json, "name"),
                                    .phase = take(json, "phase"),
                                    .input = take_json(json, "input"),
                                    .place = take(json, "place")};
     }},
    {"cancelStep",
     [](const JsonMembers& json) -> Command {
       return history::CancelStep{.key = {take(json, "key")}};
     }},
    {"timer",
     [](const JsonMembers& json) -> Command {
       return history::StartTimer{.key = {take(json, "key")},
                                  .name = take(json, "name"),
                                  .phase = take(json, "phase"),
                                  .fire_at = from_millis(take_int(json, "at")),
                                  .place = take(json, "place")};
     }},
    {"cancelTimer",
     [](const JsonMembers& json) -> Command {
       return history::CancelTimer{.key = {take(json, "key")}};
     }},
    {"wait",
     [](const JsonMembers& json) -> Command {
       return history::StartWait{.key = {take(json, "key")},
                                 .name = take(json, "name"),
                                 .phase = take(json, "phase"),
                                 .event = take(json, "event"),
                                 .timeout_at = from_millis(take_int(json, "timeoutAt")),
                                 .place = take(json, "place")};
     }},
    {"match",
     [](const JsonMembers& json) -> Command {
       return history::MatchWait{.key = {take(json, "key")}, .event = take(json, "event")};
     }},
    {"cancelWait",
     [](const JsonMembers& json) -> Command {
       return history::CancelWait{.key = {take(json, "key")}};
     }},
    {"gate",
     [](const JsonMembers& json) -> Command {
       return history::StartGate{.key = {take(json, "key")},
                                 .name = take(json, "name"),
                                 .phase = take(json, "phase"),
                                 .timeout_at = from_millis(take_int(json, "timeoutAt")),
                                 .gate = take_json(json, "gate"),
                                 .place = take(json, "place")};
     }},
    {"cancelGate",
     [](const JsonMembers& json) -> Command {
       return history::CancelGate{.key = {take(json, "key")}};
     }},
    {"patch",
     [](const JsonMembers& json) -> Command {
       return history::Note{history::PatchMarked{.id = take(json, "id")}};
     }},
    {"phase", [](const JsonMembers& json) -> Command { return history::Note{phase_note(json)}; }},
    {"annotate",
     [](const JsonMembers& json) -> Command {
       return history::Note{history::Annotated{.key = {take(json, "key")},
                                               .phase = take(json, "phase"),
                                               .message = take(json, "message")}};
     }},
    {"log",
     [](const JsonMembers& json) -> Command {
       return history::Note{history::Logged{.level = take(json, "level"),
                                            .phase = take(json, "phase"),
                                            .message = take(json, "message")}};
     }},
    {"update",
     [](const JsonMembers& json) -> Command {
       return history::Note{history::RunUpdated{.fields = take_json(json, "fields")}};
     }},
    {"complete",
     [](const JsonMembers& json) -> Command {
       return history::CompleteRun{.result = take_json(json, "result")};
     }},
    {"fail",
     [](const JsonMembers& json) -> Command {
       return history::FailRun{.failure = take_failure(json)};
     }},
    {"cancelled", [](const JsonMembers&) -> Command { return history::CancelRun{}; }},
};

Command parse_command(const JsonMembers& json) {
  const auto name = take(json, "c");
  for (const auto& kind : command_kinds) {
    if (kind.name == name) return kind.parse(json);
  }
  throw Fault("the workflow worker sent an unknown command '" + name + "'");
}

history::ClosureEnd take_closure(const JsonMembers& json) {
  history::ClosureEnd end{.key = {take(json, "key")},
                          .attempt = static_cast<std::uint32_t>(take_int(json, "attempt", 1)),
                          .probe = take_flag(json, "probe"),
                          .threw = json.find("failure").has_value(),
                          .output = {},
                          .failure = {}};
  if (end.threw) {
    end.failure = take_failure(json);
  } else {
    end.output = take_json(json, "output");
  }
  return end;
}

history::Round parse_round(const JsonMembers& json) {
  history::Round round;
  if (const auto commands = json.find("commands")) {
    for_each_element(*commands, [&](std::string_view command) {
      round.commands.push_back(parse_command(JsonMembers(command)));
    });
  }
  if (const auto closures = json.find("closures")) {
    for_each_element(*closures, [&](std::string_view closure) {
      round.closures.push_back(take_closure(JsonMembers(closure)));
    });
  }
  return round;
}

// What is asked for seldom is read as a tree.
Json parse_frame(std::string_view frame) {
  return parse_trusted(frame, "a message of the workflow worker");
}

// JSON that came as text in a string, or as a value.
JsonText text_of(const Json& json) {
  return {json.is_string() ? json.get<std::string>() : to_text(json)};
}

// The failure of a definition that does not load, as one line.
Error load_error(const Json& error, const std::string& file) {
  auto message = string_or(error, "message");
  const auto name = string_or(error, "name", "Error");
  if (name != "Error" && !name.empty()) message = fmt::format("{}: {}", name, message);
  return {ErrorCode::invalid_argument,
          fmt::format("{}: {}", string_or(error, "at", file), message)};
}

}  // namespace

std::string plain_frame(std::string_view type, std::string_view field, std::string_view text) {
  std::string frame = fmt::format(R"({{"t":"{}")", type);
  append_member(frame, field, text);
  return frame + '}';
}

std::string code_frame(const Bundle& bundle) {
  std::string frame = R"({"t":"code")";
  append_member(frame, "hash", bundle.hash);
  append_member(frame, "file", bundle.file);
  append_member(frame, "source", bundle.code);
  append_member(frame, "map", bundle.map);
  return frame + '}';
}

std::string activate_frame(const history::Activation& activation) {
  std::string frame = R"({"t":"activate")";
  append_member(frame, "run", activation.run.text);
  append_member(frame, "code", activation.code_hash);
  fmt::format_to(
      std::back_inserter(frame), R"(,"replaying":{},"locate":{},"ahead":{},"now":{},"jobs":[)",
      activation.replaying, activation.locate, activation.ahead, to_millis(activation.now));
  bool first = true;
  for (const auto& job : activation.jobs) {
    if (!std::exchange(first, false)) frame += ',';
    append_job(frame, job);
  }
  frame += ']';
  if (!activation.patches.empty()) {
    frame += R"(,"patches":)";
    frame += to_text(Json(activation.patches));
  }
  if (!activation.known.empty()) {
    frame += R"(,"known":)";
    frame += to_text(Json(activation.known));
  }
  return frame + '}';
}

std::string effect_frame(std::uint64_t id, const EffectResult& result) {
  std::string frame = fmt::format(R"({{"t":"effect","id":{})", id);
  if (result.ok) {
    append_member(frame, "ok", result.value.text);
    return frame + '}';
  }
  return fmt::format(R"({},"error":{}}})", frame, result.value.text);
}

std::string query_frame(std::uint64_t id, const history::RunId& run, std::string_view name,
                        const JsonText& args) {
  std::string frame = fmt::format(R"({{"t":"query","id":{})", id);
  append_member(frame, "run", run.text);
  append_member(frame, "name", name);
  append_member(frame, "args", args.text);
  return frame + '}';
}

history::Completion parse_completion(std::string_view frame) {
  const JsonMembers members(frame);
  history::Completion completion{.run = {take(members, "run")}, .commands = {}, .closures = {}};
  bool first = true;
  for_each_element(members.find("rounds").value_or("[]"), [&](std::string_view element) {
    auto round = parse_round(JsonMembers(element));
    if (std::exchange(first, false)) {
      completion.commands = std::move(round.commands);
      completion.closures = std::move(round.closures);
    } else {
      completion.more.push_back(std::move(round));
    }
  });
  if (const auto heap = members.find("heap")) {
    completion.heap = to_integer<std::size_t>(*heap).value_or(0);  // it may have shrunk
  }
  return completion;
}

history::ClosureEnd parse_closure(std::string_view frame) {
  return take_closure(JsonMembers(frame));
}

RunStopped parse_stopped(std::string_view frame) {
  const JsonMembers members(frame);
  return {.reason = take(members, "reason"),
          .message = take(members, "message"),
          .stack = take(members, "stack")};
}

EffectFrame parse_effect(std::string_view frame) {
  const JsonMembers members(frame);
  return {.effect = {.run = {take(members, "run")},
                     .key = {take(members, "key")},
                     .attempt = static_cast<std::uint32_t>(take_int(members, "attempt", 1)),
                     .name = take(members, "name"),
                     .args = {take(members, "args")},
                     .id = static_cast<std::uint64_t>(take_int(members, "id"))},
          .id = static_cast<std::uint64_t>(take_int(members, "id")),
          .synchronous = take_flag(members, "sync")};
}

Result<WorkflowInfo> parse_described(std::string_view frame, const std::string& file) {
  Json json = parse_frame(frame);
  if (json.contains("error")) return tl::unexpected(load_error(json["error"], file));
  Json& workflow = json["workflow"];
  WorkflowInfo info{
      .id = string_or(workflow, "id"),
      .name = string_or(workflow, "name"),
      .description = string_or(workflow, "description"),
      .phases = {},
      .timeout = {},
      .args_schema = {},
      .config = workflow.contains("config") ? text_of(workflow["config"]) : JsonText{"{}"}};
  if (const auto phases = workflow.find("phases"); phases != workflow.end()) {
    for (auto& phase : *phases)
      info.phases.push_back({string_or(phase, "id"), string_or(phase, "label")});
  }
  if (const auto timeout = workflow.find("timeout");
      timeout != workflow.end() && timeout->is_number()) {
    info.timeout = Milliseconds(timeout->get<std::int64_t>());
  }
  if (const auto schema = workflow.find("argsSchema");
      schema != workflow.end() && !schema->is_null()) {
    info.args_schema = text_of(*schema);
  }
  return info;
}

Result<JsonText> parse_queried(std::string_view frame) {
  const auto ok = find_member(frame, "ok");
  if (ok) return JsonText{unquote(*ok)};
  const Json json = parse_frame(frame);
  const auto& error = json.at("error");
  const auto name = string_or(error, "name", "Error");
  const auto message = string_or(error, "message");
  if (name == "NotHeldError") return fail(ErrorCode::unavailable, message);
  if (name == "UnknownQueryError") return fail(ErrorCode::not_found, message);
  return fail(ErrorCode::failed_precondition,
              name == "Error" ? message : fmt::format("{}: {}", name, message));
}

Result<std::vector<Finding>> parse_checked(std::string_view frame, const std::string& file) {
  Json json = parse_frame(frame);
  if (json.contains("error")) return tl::unexpected(load_error(json["error"], file));
  std::vector<Finding> findings;
  for (auto& finding : json["findings"]) {
    findings.push_back({.file = string_or(finding, "file"),
                        .line = static_cast<int>(int_or(finding, "line")),
                        .column = static_cast<int>(int_or(finding, "column")),
                        .what = string_or(finding, "what"),
                        .treatment = string_or(finding, "treatment"),
                        .advice = string_or(finding, "advice")});
  }
  return findings;
}

}  // namespace agentcmd::script
