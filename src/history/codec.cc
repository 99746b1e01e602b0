#include "history/codec.h"

#include "base/fault.h"
#include "base/json_slice.h"

#include <fmt/format.h>

#include <array>
#include <concepts>
#include <optional>
#include <utility>

namespace agentcmd::history {
namespace {

// In the order of Detail.
constexpr std::array<std::string_view, std::variant_size_v<Detail>> kinds{
    "RunCreated",     "RunStarted",    "RunCompleted",  "RunFailed",      "RunCancelRequested",
    "RunCancelled",   "RunPaused",     "RunResumed",    "StepScheduled",  "StepStarted",
    "StepCheckpoint", "StepCompleted", "StepFailed",    "StepTimedOut",   "StepCancelled",
    "StepLost",       "TimerStarted",  "TimerFired",    "TimerCancelled", "PhaseStarted",
    "PhaseCompleted", "PhaseFailed",   "Annotated",     "Logged",         "RunUpdated",
    "EventReceived",  "WaitStarted",   "WaitMatched",   "WaitTimedOut",   "WaitCancelled",
    "GateOpened",     "GateDecided",   "GateCancelled", "MemoImported",   "PatchMarked",
};

template <typename E, typename Kind>
concept Of = std::same_as<std::remove_const_t<E>, Kind>;

// What each kind holds, said once for the writer, the reader and the view. `v.field(name, value)`
// for what stands in the fields, `v.payload(name, value)` for the one that is kept apart;
// `flag`, `count`, `moment` and `word` are fields that are left out where they are false, zero, not
// set or empty.

void describe(auto& v, Of<RunCreated> auto& e) {
  v.field("definition", e.definition);
  v.field("file", e.file);
  v.field("code_hash", e.code_hash);
  v.field("project", e.project);
  v.field("name", e.name);
  v.field("seed", e.seed);
  v.field("origin", e.origin);
  v.field("cause", e.cause);
  v.field("parent", e.parent);
  v.field("parent_key", e.parent_key);
  v.field("forked_from", e.forked_from);
  v.field("forked_at", e.forked_at);
  v.count("timeout", e.timeout);
  v.field("flow", e.flow);
  v.payload("request", e.request);
}
void describe(auto&, Of<RunStarted> auto&) {}
void describe(auto& v, Of<RunCompleted> auto& e) {
  v.payload("result", e.result);
}
void describe(auto& v, Of<RunFailed> auto& e) {
  v.payload("failure", e.failure);
}
void describe(auto& v, Of<RunCancelRequested> auto& e) {
  v.field("by", e.by);
  v.flag("timeout", e.timeout);
}
void describe(auto&, Of<RunCancelled> auto&) {}
void describe(auto& v, Of<RunPaused> auto& e) {
  v.field("reason", e.reason);
  v.field("message", e.message);
  v.payload("detail", e.detail);
}
void describe(auto& v, Of<RunResumed> auto& e) {
  v.field("by", e.by);
  v.field("code_hash", e.code_hash);
}
void describe(auto& v, Of<StepScheduled> auto& e) {
  v.field("key", e.key);
  v.field("type", e.type);
  v.field("name", e.name);
  v.field("phase", e.phase);
  v.payload("input", e.input);
}
void describe(auto& v, Of<StepStarted> auto& e) {
  v.field("key", e.key);
  v.field("attempt", e.attempt);
}
void describe(auto& v, Of<StepCheckpoint> auto& e) {
  v.field("key", e.key);
  v.field("attempt", e.attempt);
  v.payload("data", e.data);
}
void describe(auto& v, Of<StepCompleted> auto& e) {
  v.field("key", e.key);
  v.field("attempt", e.attempt);
  v.field("success", e.success);
  v.flag("imported", e.imported);
  v.payload("output", e.output);
}
void describe(auto& v, Of<StepFailed> auto& e) {
  v.field("key", e.key);
  v.field("attempt", e.attempt);
  v.field("retry", e.retry);
  v.moment("retry_at", e.retry_at);
  v.payload("failure", e.failure);
}
void describe(auto& v, Of<StepTimedOut> auto& e) {
  v.field("key", e.key);
  v.field("attempt", e.attempt);
  v.payload("failure", e.failure);
}
void describe(auto& v, Of<StepCancelled> auto& e) {
  v.field("key", e.key);
}
void describe(auto& v, Of<StepLost> auto& e) {
  v.field("key", e.key);
  v.field("attempt", e.attempt);
  v.field("reason", e.reason);
  v.field("policy", e.policy);
}
void describe(auto& v, Of<TimerStarted> auto& e) {
  v.field("key", e.key);
  v.field("name", e.name);
  v.field("phase", e.phase);
  v.field("fire_at", e.fire_at);
}
void describe(auto& v, Of<TimerFired> auto& e) {
  v.field("key", e.key);
}
void describe(auto& v, Of<TimerCancelled> auto& e) {
  v.field("key", e.key);
}
void describe(auto& v, Of<PhaseStarted> auto& e) {
  v.field("phase", e.phase);
  v.field("label", e.label);
}
void describe(auto& v, Of<PhaseCompleted> auto& e) {
  v.field("phase", e.phase);
}
void describe(auto& v, Of<PhaseFailed> auto& e) {
  v.field("phase", e.phase);
  v.field("message", e.message);
}
void describe(auto& v, Of<Annotated> auto& e) {
  v.field("key", e.key);
  v.field("phase", e.phase);
  v.field("message", e.message);
}
void describe(auto& v, Of<Logged> auto& e) {
  v.field("level", e.level);
  v.field("phase", e.phase);
  v.field("message", e.message);
}
void describe(auto& v, Of<RunUpdated> auto& e) {
  v.payload("fields", e.fields);
}
void describe(auto& v, Of<EventReceived> auto& e) {
  v.field("event", e.event);
  v.field("name", e.name);
  v.field("wait", e.wait);
  v.field("sent_at", e.sent_at);
  v.payload("data", e.data);
}
void describe(auto& v, Of<WaitStarted> auto& e) {
  v.field("key", e.key);
  v.field("name", e.name);
  v.field("phase", e.phase);
  v.field("event", e.event);
  v.moment("timeout_at", e.timeout_at);
}
void describe(auto& v, Of<WaitMatched> auto& e) {
  v.field("key", e.key);
  v.field("event", e.event);
}
void describe(auto& v, Of<WaitTimedOut> auto& e) {
  v.field("key", e.key);
}
void describe(auto& v, Of<WaitCancelled> auto& e) {
  v.field("key", e.key);
}
void describe(auto& v, Of<GateOpened> auto& e) {
  v.field("key", e.key);
  v.field("name", e.name);
  v.field("phase", e.phase);
  v.moment("timeout_at", e.timeout_at);
  v.word("step", e.step.text);
  v.payload("gate", e.gate);
}
void describe(auto& v, Of<GateDecided> auto& e) {
  v.field("key", e.key);
  v.field("approved", e.approved);
  v.flag("timed_out", e.timed_out);
  v.field("option", e.option);
  v.field("by", e.by);
  v.field("reason", e.reason);
  v.word("step", e.step.text);
  v.word("input", e.input);
}
void describe(auto& v, Of<GateCancelled> auto& e) {
  v.field("key", e.key);
}
void describe(auto& v, Of<MemoImported> auto& e) {
  v.field("from", e.from);
  v.payload("memo", e.memo);
}
void describe(auto& v, Of<PatchMarked> auto& e) {
  v.field("id", e.id);
}
void describe(auto& v, Of<Failure> auto& e) {
  v.field("name", e.name);
  v.field("message", e.message);
  v.field("stack", e.stack);
  v.flag("final", e.final);
  v.count("retry_after", e.retry_after);
  v.word("timeout", e.timeout);
}

// Writes JSON by hand: three events a step at 25,000 steps/s leave no time for a document tree.
// Empty strings are left out; the reader gives them back.
class Writer {
 public:
  Writer() { fields_.reserve(96); }

  void field(std::string_view name, const std::string& value) {
    if (value.empty()) return;
    begin(name);
    append_quoted(fields_, value);
  }
  void field(std::string_view name, const StepKey& key) {
    begin(name);
    append_quoted(fields_, key.text);
  }
  void field(std::string_view name, bool value) {
    begin(name);
    fields_ += value ? "true" : "false";
  }
  void field(std::string_view name, Time value) { number(name, to_millis(value)); }
  void field(std::string_view name, std::unsigned_integral auto value) { number(name, value); }

  void flag(std::string_view name, bool value) {
    if (value) field(name, value);
  }
  void count(std::string_view name, std::uint64_t value) {
    if (value != 0) field(name, value);
  }
  void moment(std::string_view name, Time value) {
    if (value != Time()) field(name, value);
  }
  void word(std::string_view name, const std::string& value) {
    if (!value.empty()) field(name, value);
  }

  void payload(std::string_view, const JsonText& value) { payload_ = value.text; }
  void payload(std::string_view, const Failure& value) {
    Writer inner;
    describe(inner, value);
    payload_ = std::move(inner).finish("").fields;
  }

  EncodedDetail finish(std::string_view kind) && {
    fields_ += fields_.empty() ? "{}" : "}";
    return {kind, std::move(fields_), std::move(payload_)};
  }

 private:
  void begin(std::string_view name) {
    fields_ += fields_.empty() ? "{\"" : ",\"";
    fields_ += name;
    fields_ += "\":";
  }
  void number(std::string_view name, std::integral auto value) {
    begin(name);
    const fmt::format_int text(value);
    fields_.append(text.data(), text.size());
  }

  std::string fields_;
  std::string payload_;
};

// Absent strings are empty and other absent fields keep their default, so that kinds can gain
// fields; a step's key is always there.
class Reader {
 public:
  Reader(std::string_view kind, std::string_view fields, std::string payload)
      : kind_(kind), fields_(members_of(fields)), payload_(std::move(payload)) {}

  void field(std::string_view name, std::string& value) {
    const auto found = fields_.find(name);
    if (!found) return;
    if (!is_json_string(*found)) misfit(name);
    value = unquote(*found);
  }
  void field(std::string_view name, StepKey& key) {
    if (!fields_.find(name)) misfit(name);
    field(name, key.text);
  }
  void field(std::string_view name, bool& value) {
    const auto found = fields_.find(name);
    if (!found) return;
    if (*found != "true" && *found != "false") misfit(name);
    value = *found == "true";
  }
  void field(std::string_view name, Time& value) {
    auto millis = to_millis(value);
    number(name, millis);
    value = from_millis(millis);
  }
  void field(std::string_view name, std::unsigned_integral auto& value) { number(name, value); }

  void flag(std::string_view name, bool& value) { field(name, value); }
  void count(std::string_view name, std::uint64_t& value) { field(name, value); }
  void moment(std::string_view name, Time& value) { field(name, value); }
  void word(std::string_view name, std::string& value) { field(name, value); }

  void payload(std::string_view, JsonText& value) { value.text = std::move(payload_); }
  void payload(std::string_view name, Failure& value) {
    if (payload_.empty()) misfit(name);
    Reader inner(kind_, payload_, {});
    describe(inner, value);
  }

 private:
  JsonMembers members_of(std::string_view fields) const {
    try {
      return JsonMembers(fields);
    } catch (const Fault& fault) {
      throw Fault(fmt::format("damaged event {}: {}", kind_, fault.what()));
    }
  }
  template <std::integral Number>
  void number(std::string_view name, Number& value) const {
    const auto found = fields_.find(name);
    if (!found) return;
    const auto number = to_integer<Number>(*found);
    if (!number) misfit(name);
    value = *number;
  }
  [[noreturn]] void misfit(std::string_view what) const {
    throw Fault(fmt::format("damaged event {}: field '{}' does not fit", kind_, what));
  }

  std::string_view kind_;
  JsonMembers fields_;
  std::string payload_;
};

class Viewer {
 public:
  explicit Viewer(Json& out) : out_(out) {}

  void field(std::string_view name, const StepKey& key) { set(name, key.text); }
  void field(std::string_view name, Time value) { set(name, to_iso8601(value)); }
  void field(std::string_view name, const auto& value) { set(name, value); }

  void flag(std::string_view name, bool value) {
    if (value) set(name, value);
  }
  void count(std::string_view name, std::uint64_t value) {
    if (value != 0) set(name, value);
  }
  void moment(std::string_view name, Time value) {
    if (value != Time()) field(name, value);
  }
  void word(std::string_view name, const std::string& value) {
    if (!value.empty()) field(name, value);
  }

  void payload(std::string_view name, const JsonText& value) {
    set(name, value.text.empty() ? Json() : parse_trusted(value.text, name));
  }
  void payload(std::string_view name, const Failure& value) {
    Json inner;
    Viewer view(inner);
    describe(view, value);
    set(name, std::move(inner));
  }

 private:
  void set(std::string_view name, Json value) { out_[std::string(name)] = std::move(value); }

  Json& out_;
};

template <std::size_t... index>
std::optional<Detail> empty_of(std::string_view kind, std::index_sequence<index...>) {
  std::optional<Detail> detail;
  ((kinds[index] == kind ? void(detail.emplace(std::in_place_index<index>)) : void()), ...);
  return detail;
}

}  // namespace

std::string_view kind_of(const Detail& detail) {
  return kinds.at(detail.index());
}

EncodedDetail encode(const Detail& detail) {
  Writer writer;
  std::visit([&](const auto& e) { describe(writer, e); }, detail);
  return std::move(writer).finish(kind_of(detail));
}

Detail decode(std::string_view kind, std::string_view fields, std::string payload) {
  auto detail = empty_of(kind, std::make_index_sequence<kinds.size()>());
  if (!detail) {
    throw Fault(fmt::format(
        "unknown event kind '{}': it was written by a newer agentcmd; upgrade to read this run",
        kind));
  }
  Reader reader(kind, fields, std::move(payload));
  std::visit([&](auto& e) { describe(reader, e); }, *detail);
  return *std::move(detail);
}

Json to_json(const Event& event) {
  Json out{{"seq", event.seq}, {"at", to_iso8601(event.at)}, {"kind", kind_of(event.detail)}};
  Viewer view(out);
  std::visit([&](const auto& e) { describe(view, e); }, event.detail);
  return out;
}

}  // namespace agentcmd::history
