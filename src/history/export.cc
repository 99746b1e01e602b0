#include "history/export.h"

#include "base/check.h"
#include "base/fault.h"
#include "base/json_slice.h"
#include "history/codec.h"
#include "history/history.h"

#include <fmt/format.h>

#include <iterator>
#include <variant>

namespace agentcmd::history {
namespace {

constexpr std::string_view format_name = "agentcmd-history";
constexpr std::int64_t format_version = 1;

void append_event(std::string& out, const Event& event) {
  const auto encoded = encode(event.detail);
  fmt::format_to(std::back_inserter(out), R"({{"seq":{},"at":{},"kind":"{}")", event.seq,
                 to_millis(event.at), encoded.kind);
  if (event.flags != 0) fmt::format_to(std::back_inserter(out), R"(,"flags":{})", event.flags);
  out += R"(,"fields":)";
  out += encoded.fields;
  if (!encoded.payload.empty()) {
    out += R"(,"payload":)";
    append_quoted(out, encoded.payload);
  }
  out += '}';
}

Event event_from(const Json& json) {
  const auto fields = json.find("fields");
  return {.seq = static_cast<std::uint64_t>(int_or(json, "seq")),
          .at = from_millis(int_or(json, "at")),
          .detail = decode(string_or(json, "kind"), fields == json.end() ? "{}" : to_text(*fields),
                           string_or(json, "payload")),
          .flags = static_cast<std::uint32_t>(int_or(json, "flags"))};
}

Result<void> check_format(const Json& json, std::string_view what) {
  if (!json.is_object() || string_or(json, "format") != format_name) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} is no exported history; make one with: agentcmd runs export RUN "
                            "--out FILE",
                            what));
  }
  const auto version = int_or(json, "version");
  if (version < 1 || version > format_version) {
    return fail(ErrorCode::failed_precondition,
                fmt::format("{} has version {} of the format, and this agentcmd reads up to {}: "
                            "use the agentcmd that wrote it, or a later one",
                            what, version, format_version));
  }
  return {};
}

}  // namespace

std::string pin_of(const std::vector<Event>& events) {
  std::string pin;
  for (const auto& event : events) {
    if (const auto* created = std::get_if<RunCreated>(&event.detail)) pin = created->code_hash;
    if (const auto* resumed = std::get_if<RunResumed>(&event.detail)) pin = resumed->code_hash;
  }
  return pin;
}

std::string export_text(const ExportedRun& run) {
  AGENTCMD_CHECK(!run.events.empty(), "run {} has no history to export", run.run.text);
  const auto& created = std::get<RunCreated>(run.events.front().detail);
  const Json head{{"format", format_name}, {"version", format_version},
                  {"run", run.run.text},   {"definition", created.definition},
                  {"file", created.file},  {"code_hash", pin_of(run.events)}};
  std::string out = to_text(head);
  out.back() = ',';
  out += "\n\"events\":[";
  bool first = true;
  for (const auto& event : run.events) {
    out += first ? "\n" : ",\n";
    first = false;
    append_event(out, event);
  }
  out += "\n]";
  if (run.bundle) {
    const Json bundle{{"hash", run.bundle->hash},
                      {"file", run.bundle->file},
                      {"code", run.bundle->code},
                      {"map", run.bundle->map}};
    out += ",\n\"bundle\":" + to_text(bundle);
  }
  return out + "}\n";
}

Result<ExportedRun> read_export(std::string_view text, std::string_view what) {
  const auto json = parse_json(text, what);
  if (!json) return tl::unexpected(json.error());
  const auto fits = check_format(*json, what);
  if (!fits) return tl::unexpected(fits.error());
  ExportedRun run{.run = {string_or(*json, "run")}};
  const auto events = json->find("events");
  if (events == json->end() || !events->is_array() || events->empty()) {
    return fail(ErrorCode::invalid_argument, fmt::format("{} has no events", what));
  }
  for (const auto& event : *events) run.events.push_back(event_from(event));
  check_history(run.events);
  const auto bundle = json->find("bundle");
  if (bundle != json->end() && bundle->is_object()) {
    run.bundle = ExportedBundle{.hash = string_or(*bundle, "hash"),
                                .file = string_or(*bundle, "file"),
                                .code = string_or(*bundle, "code"),
                                .map = string_or(*bundle, "map")};
  }
  return run;
}

}  // namespace agentcmd::history
