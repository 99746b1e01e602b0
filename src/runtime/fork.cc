#include "runtime/fork.h"

#include "base/json_slice.h"
#include "base/text.h"
#include "runtime/run_snapshots.h"
#include "workspace/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace agentcmd::runtime {
namespace {

using history::Event;
using history::RunCancelled;
using history::RunCompleted;
using history::RunCreated;
using history::RunFailed;
using history::RunId;
using history::RunResumed;
using history::RunUpdated;
using history::StepCheckpoint;
using history::StepCompleted;
using history::StepKey;
using history::StepScheduled;
using history::StepStarted;

using Events = std::span<const Event>;

constexpr std::string_view setup_type = "setupWorkspace";

std::string key_of(const Event& event) {
  const auto* key = engine::asked_for(event);
  return key == nullptr ? std::string() : key->text;
}

std::vector<std::string> all_keys(Events events) {
  std::vector<std::string> keys;
  for (const auto& event : events) {
    if (auto key = key_of(event); !key.empty()) keys.push_back(std::move(key));
  }
  return keys;
}

std::size_t position_of(Events events, const StepKey& key) {
  const auto found =
      std::ranges::find_if(events, [&](const Event& event) { return key_of(event) == key.text; });
  return static_cast<std::size_t>(found - events.begin());
}

// The member `snapshot` of a checkpoint: a commit, or empty where none could be taken; nothing
// where the checkpoint is about something else.
std::optional<std::string> checkpointed(const Event& event) {
  const auto* checkpoint = std::get_if<StepCheckpoint>(&event.detail);
  if (checkpoint == nullptr) return std::nullopt;
  const auto data = parse_trusted(checkpoint->data.text, "checkpoint");
  if (!data.contains(std::string(snapshot_member))) return std::nullopt;
  return string_or(data, snapshot_member);
}

std::string left_out_in(const Event& event) {
  const auto& checkpoint = std::get<StepCheckpoint>(event.detail);
  return string_or(parse_trusted(checkpoint.data.text, "checkpoint"), "leftOut");
}

bool ends_step(const history::Detail& detail) {
  return std::holds_alternative<StepCompleted>(detail) ||
         std::holds_alternative<history::StepFailed>(detail) ||
         std::holds_alternative<history::StepTimedOut>(detail) ||
         std::holds_alternative<history::StepCancelled>(detail) ||
         std::holds_alternative<history::StepLost>(detail);
}

StepKey ended_key(const history::Detail& detail) {
  if (const auto* step = std::get_if<StepCompleted>(&detail)) return step->key;
  if (const auto* step = std::get_if<history::StepFailed>(&detail)) return step->key;
  if (const auto* step = std::get_if<history::StepTimedOut>(&detail)) return step->key;
  if (const auto* step = std::get_if<history::StepCancelled>(&detail)) return step->key;
  return std::get<history::StepLost>(detail).key;
}

// A step that may have been changing files when the last of `events` happened.
std::optional<StepKey> changing_at_end_of(Events events) {
  std::set<StepKey> changing;
  for (const auto& event : events) {
    if (checkpointed(event)) {
      changing.insert(std::get<StepCheckpoint>(event.detail).key);
    } else if (ends_step(event.detail)) {
      changing.erase(ended_key(event.detail));
    }
  }
  if (changing.empty()) return std::nullopt;
  return *changing.begin();
}

// What the run said of its workspace until the last of `events`, and which step set that up.
struct Setting {
  Json facts = Json::object();
  std::string setup_key;
};

Setting setting_at_end_of(Events events) {
  Setting setting;
  std::set<StepKey> setups;
  for (const auto& event : events) {
    if (const auto* scheduled = std::get_if<StepScheduled>(&event.detail)) {
      if (scheduled->type == setup_type) setups.insert(scheduled->key);
    } else if (const auto* completed = std::get_if<StepCompleted>(&event.detail)) {
      if (setups.contains(completed->key)) setting.setup_key = completed->key.text;
    } else if (const auto* updated = std::get_if<RunUpdated>(&event.detail)) {
      setting.facts.update(parse_trusted(updated->fields.text, "recorded fields of the run"));
    }
  }
  return setting;
}

const RunCreated& created_of(Events events) {
  return std::get<RunCreated>(events.front().detail);
}

std::string pin_of(Events events) {
  auto pin = created_of(events).code_hash;
  for (const auto& event : events) {
    if (const auto* resumed = std::get_if<RunResumed>(&event.detail)) pin = resumed->code_hash;
  }
  return pin;
}

std::string splice(std::string_view args, const Json& rest) {
  auto text = fmt::format(R"({{"args":{})", args);
  return rest.empty() ? text + "}" : text + "," + to_text(rest).substr(1);
}

ForkPlan begin_plan(std::string origin, RunId run, Events events, StepKey at,
                    const engine::Memo& memo) {
  const auto& created = created_of(events);
  ForkPlan plan;
  plan.fork = {.origin = std::move(origin),
               .from = std::move(run),
               .at = std::move(at),
               .seed = created.seed,
               .memo = engine::memo_text(memo)};
  plan.definition = created.definition;
  plan.file = created.file;
  plan.project = created.project;
  plan.name = created.name;
  plan.timeout = Milliseconds(created.timeout);
  plan.flow = history::flow_from(created.flow);
  plan.code_hash = pin_of(events);
  return plan;
}

// The arguments are kept byte for byte.
void set_request(ForkPlan& plan, Events events, const Json& files) {
  const auto& text = created_of(events).request.text;
  auto rest = parse_trusted(text, "the run's request");
  rest.erase("args");
  rest.erase("files");
  if (!files.empty()) rest["files"] = files;
  // The workspace of the run itself becomes a worktree, whatever it was.
  if (files.contains("branch") && string_or(files, "step").starts_with("_system")) {
    rest["mode"] = "worktree";
  }
  plan.args = {std::string(find_member(text, "args").value_or("{}"))};
  plan.request = {splice(plan.args.text, rest)};
}

std::string ways_out(Events events) {
  const auto keys = keys_with_files(events);
  if (keys.empty()) return {};
  return fmt::format(" The files were kept before: {}", join(keys, ", "));
}

std::string mode_of(const Setting& setting) {
  return string_or(setting.facts, "mode", "stay");
}

Result<KeptFiles> refuse_files(Events events, std::string why) {
  return fail(ErrorCode::failed_precondition, std::move(why) + ways_out(events));
}

std::string quoted(const StepKey& key) {
  return "'" + key.text + "'";
}

// What was asked for at the request to cancel or later is clean-up.
Events before_cancel(Events events) {
  const auto asked = std::ranges::find_if(events, [](const Event& event) {
    return std::holds_alternative<history::RunCancelRequested>(event.detail);
  });
  return events.first(static_cast<std::size_t>(asked - events.begin()));
}

// The first key whose step had not ended.
StepKey first_open(Events events, const engine::Memo& memo) {
  for (const auto& event : events) {
    const auto* scheduled = std::get_if<StepScheduled>(&event.detail);
    if (scheduled != nullptr && engine::is_system_step(scheduled->type)) continue;
    const StepKey key{key_of(event)};
    if (!key.text.empty() && !memo.contains(key)) return key;
  }
  return {};
}

engine::Memo memo_of_retry(Events events, StepKey& at) {
  if (!std::holds_alternative<RunCancelled>(events.back().detail)) {
    return engine::memo_for_retry(events, at);
  }
  const auto before = before_cancel(events);
  auto memo = engine::memo_of(before);
  at = first_open(before, memo);
  return memo;
}

Result<void> check_retry(Events events) {
  const auto& last = events.back().detail;
  if (std::holds_alternative<RunCompleted>(last)) {
    return fail(ErrorCode::failed_precondition,
                "the run has completed, so there is nothing to retry. To do a part of it again: "
                "agentcmd runs fork RUN --from STEP");
  }
  if (std::holds_alternative<RunFailed>(last) || std::holds_alternative<RunCancelled>(last)) {
    return {};
  }
  return fail(ErrorCode::failed_precondition,
              "the run has not ended. agentcmd runs resume goes on with it, agentcmd runs cancel "
              "ends it");
}

// Where `at` is a step that the fork could not do anew by itself.
Result<void> check_fork_point(Events events, const StepKey& at) {
  for (const auto& event : events) {
    const auto* scheduled = std::get_if<StepScheduled>(&event.detail);
    if (scheduled == nullptr || scheduled->key != at) continue;
    if (!engine::is_system_step(scheduled->type)) return {};
    return fail(
        ErrorCode::failed_precondition,
        fmt::format("step {} belongs to the run's workspace, which every run has for "
                    "itself. Fork from a step of the workflow, or start it anew: agentcmd "
                    "run {}.{}",
                    quoted(at), shell_quoted(created_of(events).definition), ways_out(events)));
  }
  return {};
}

}  // namespace

std::vector<history::Detail> forked(RunCreated created, ForkOf fork) {
  created.origin = std::move(fork.origin);
  created.forked_from = fork.from.text;
  created.forked_at = std::move(fork.at.text);
  created.seed = fork.seed;
  history::MemoImported memo{.from = std::move(fork.from.text), .memo = std::move(fork.memo)};
  return {std::move(created), std::move(memo)};
}

Result<StepKey> find_key(Events events, std::string_view typed) {
  const auto keys = all_keys(events);
  std::vector<std::string> fitting;
  for (const auto& key : keys) {
    if (key == typed) return StepKey{key};
    if (key.ends_with(typed) && !typed.empty()) fitting.push_back(key);
  }
  if (fitting.size() == 1) return StepKey{fitting.front()};
  if (fitting.empty()) {
    return fail(ErrorCode::not_found,
                fmt::format("the run has no step '{}'. It has: {}", typed, join(keys, ", ")));
  }
  return fail(ErrorCode::invalid_argument,
              fmt::format("several steps end with '{}': {}", typed, join(fitting, ", ")));
}

std::vector<std::string> keys_with_files(Events events) {
  std::vector<std::string> keys;
  std::set<std::string> system;
  for (const auto& event : events) {
    if (const auto* scheduled = std::get_if<StepScheduled>(&event.detail)) {
      if (engine::is_system_step(scheduled->type)) system.insert(scheduled->key.text);
    }
    const auto snapshot = checkpointed(event);
    if (!snapshot || snapshot->empty()) continue;
    const auto& key = std::get<StepCheckpoint>(event.detail).key.text;
    if (!system.contains(key) && std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
  }
  return keys;
}

std::optional<std::string> last_snapshot(Events events) {
  std::optional<std::string> last;
  for (const auto& event : events) {
    auto snapshot = checkpointed(event);
    if (snapshot && !snapshot->empty()) last = std::move(snapshot);
  }
  return last;
}

Result<KeptFiles> files_before(Events events, const StepKey& at) {
  const auto asked = position_of(events, at);
  for (const auto& event : events.subspan(asked)) {
    const auto snapshot = checkpointed(event);
    if (!snapshot || std::get<StepCheckpoint>(event.detail).key != at) continue;
    if (!snapshot->empty()) return KeptFiles{*snapshot, left_out_in(event)};
    return refuse_files(events,
                        fmt::format("the files before step {} could not be kept; the run's log "
                                    "says why.",
                                    quoted(at)));
  }
  const auto mode = mode_of(setting_at_end_of(events.first(asked)));
  if (keys_with_files(events).empty() && mode != "worktree") {
    return refuse_files(
        events,
        fmt::format("the run worked in the project's own checkout (mode {}), where no files are "
                    "kept unless the setting `snapshots` is \"always\". --files now forks with "
                    "the files as they are now.",
                    mode));
  }
  if (const auto changing = changing_at_end_of(events.first(asked))) {
    return refuse_files(events,
                        fmt::format("when {} was asked for, step {} was changing files, so nobody "
                                    "can tell what they were.",
                                    quoted(at), quoted(*changing)));
  }
  for (const auto& event : events.subspan(asked)) {
    if (const auto* scheduled = std::get_if<StepScheduled>(&event.detail)) {
      if (scheduled->type == setup_type) break;  // another workspace
    }
    const auto snapshot = checkpointed(event);
    if (!snapshot) continue;
    if (snapshot->empty()) break;
    return KeptFiles{*snapshot, left_out_in(event)};
  }
  return refuse_files(events, fmt::format("no files were kept before {}.", quoted(at)));
}

Result<ForkPlan> plan_fork(RunId run, Events events, StepKey at, Files files) {
  if (auto possible = check_fork_point(events, at); !possible) {
    return tl::unexpected(possible.error());
  }
  const auto memo = engine::memo_before(events, at);
  auto plan = begin_plan("fork", std::move(run), events, at, memo);
  const auto setting = setting_at_end_of(events.first(position_of(events, at)));
  if (files == Files::now) {
    if (mode_of(setting) == "worktree") {
      return fail(ErrorCode::failed_precondition,
                  "--files now is for runs that worked in the project's own checkout; this one had "
                  "a worktree, and its fork gets one with the files as they were");
    }
    set_request(plan, events, Json::object());
    return plan;
  }
  auto kept = files_before(events, at);
  if (!kept) return tl::unexpected(kept.error());
  const auto branch = string_or(setting.facts, "branch");
  Json begin{{"step", setting.setup_key},
             {"snapshot", kept->snapshot},
             {"branch", workspace::fork_stem(branch.empty() ? plan.definition : branch)}};
  // In the user's own checkout a fork's work begins where it is forked.
  if (mode_of(setting) == "worktree") {
    begin["base"] = string_or(setting.facts, "base");
    begin["baseCommit"] = string_or(setting.facts, "base_commit");
  }
  set_request(plan, events, begin);
  plan.snapshot = std::move(kept->snapshot);
  plan.left_out = std::move(kept->left_out);
  return plan;
}

Result<ForkPlan> plan_retry(RunId run, Events events, Files files) {
  if (auto possible = check_retry(events); !possible) return tl::unexpected(possible.error());
  StepKey at;
  const auto memo = memo_of_retry(events, at);
  Json begin{{"from", run.text}};
  auto plan = begin_plan("retry", std::move(run), events, at, memo);
  if (files == Files::then) {
    if (at.text.empty()) {
      return fail(ErrorCode::failed_precondition,
                  "no step failed, but the workflow's own code; retry with the files as they are, "
                  "or fork from a step");
    }
    const auto setting = setting_at_end_of(events.first(position_of(events, at)));
    if (mode_of(setting) != "worktree") {
      return fail(ErrorCode::failed_precondition,
                  fmt::format("the run worked in the project's own checkout (mode {}); files are "
                              "put back in worktrees only. Retry with the files as they are",
                              mode_of(setting)));
    }
    auto kept = files_before(events, at);
    if (!kept) return tl::unexpected(kept.error());
    begin["step"] = setting.setup_key;
    begin["snapshot"] = kept->snapshot;
    plan.snapshot = std::move(kept->snapshot);
    plan.left_out = std::move(kept->left_out);
  }
  set_request(plan, events, begin);
  return plan;
}

JsonText with_args(const JsonText& request, const JsonText& args) {
  auto rest = parse_trusted(request.text, "the run's request");
  rest.erase("args");
  return {splice(args.text, rest)};
}

}  // namespace agentcmd::runtime
