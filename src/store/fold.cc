#include "store/fold.h"

#include "base/json_slice.h"
#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace agentcmd::store {
namespace {

using namespace history;

constexpr std::size_t line_bytes_max = 300;

std::string one_line(std::string_view text) {
  return ellipsis(trim(text.substr(0, text.find('\n'))), line_bytes_max);
}

std::string one_line(const Failure& failure) {
  if (failure.name.empty() || failure.name == "Error") return one_line(failure.message);
  return one_line(fmt::format("{}: {}", failure.name, failure.message));
}

std::string parent_phase(const std::string& phase) {
  const auto slash = phase.rfind('/');
  return slash == std::string::npos ? std::string() : phase.substr(0, slash);
}

class Fold {
 public:
  Fold(const Event& event, std::int64_t history_id, ProjectedRun& run, StepTable& steps)
      : event_(event), history_id_(history_id), run_(run), row_(run.row), steps_(steps) {}

  void operator()(const RunCreated& e) {
    row_.name = e.name;
    row_.definition = e.definition;
    row_.file = e.file;
    row_.project = e.project;
    row_.code_hash = e.code_hash;
    row_.created_at = event_.at;
    row_.origin = e.origin;
    row_.parent = e.parent;
    row_.parent_key = e.parent_key;
    row_.forked_from = e.forked_from;
    row_.forked_at = e.forked_at;
    run_.created_event = history_id_;
  }
  void operator()(const RunStarted&) { row_.started_at = event_.at; }
  void operator()(const RunCompleted&) {
    run_.result_event = history_id_;
    end(RunStatus::completed);
  }
  void operator()(const RunFailed& e) {
    row_.reason = one_line(e.failure);
    end(RunStatus::failed);
  }
  void operator()(const RunCancelRequested& e) {
    row_.reason = one_line(fmt::format("cancelled by {}", e.by));
  }
  void operator()(const RunCancelled&) { end(RunStatus::cancelled); }
  void operator()(const RunPaused& e) {
    run_.paused = true;
    row_.reason = one_line(e.message.empty() ? e.reason : e.message);
  }
  void operator()(const RunResumed& e) {
    run_.paused = false;
    row_.reason.clear();
    if (!e.code_hash.empty()) row_.code_hash = e.code_hash;
  }

  void operator()(const StepScheduled& e) {
    add({.key = e.key, .type = e.type, .name = e.name, .phase = e.phase});
  }
  void operator()(const StepStarted& e) {
    auto* step = move(e.key, StepStatus::running);
    if (step == nullptr) return;
    if (step->type == "invoke") move(e.key, StepStatus::waiting);  // for its child
    step->attempts = std::max(step->attempts, e.attempt);
    step->error.clear();
    if (!step->started_at) step->started_at = event_.at;
  }
  void operator()(const StepCheckpoint&) {}
  void operator()(const StepCompleted& e) {
    if (auto* step = move(e.key, StepStatus::completed)) step->success = e.success;
  }
  void operator()(const StepFailed& e) {
    fail_step(e.key, e.retry ? StepStatus::waiting : StepStatus::failed, e.failure);
    if (e.retry) due(e.key, e.retry_at);
  }
  void operator()(const StepTimedOut& e) { fail_step(e.key, StepStatus::timed_out, e.failure); }
  void operator()(const StepCancelled& e) { move(e.key, StepStatus::cancelled); }
  void operator()(const StepLost& e) {
    if (auto* step = move(e.key, StepStatus::lost)) step->error = one_line(e.reason);
  }

  void operator()(const TimerStarted& e) {
    wait("sleep", e.key, e.name, e.phase);
    due(e.key, e.fire_at);
  }
  void operator()(const TimerFired& e) { move(e.key, StepStatus::completed); }
  void operator()(const TimerCancelled& e) { move(e.key, StepStatus::cancelled); }

  void operator()(const EventReceived& e) {
    if (!e.wait.empty()) return;  // of the memo
    if (const auto id = to_integer<std::uint64_t>(e.event)) run_.events_seen[e.name] = *id;
  }
  void operator()(const WaitStarted& e) {
    wait("waitForEvent", e.key, e.name, e.phase);
    due(e.key, e.timeout_at);
    if (auto* step = steps_.find(e.key)) step->row.event = e.event;
  }
  void operator()(const WaitMatched& e) { move(e.key, StepStatus::completed); }
  void operator()(const WaitTimedOut& e) { move(e.key, StepStatus::timed_out); }
  void operator()(const WaitCancelled& e) { move(e.key, StepStatus::cancelled); }
  void operator()(const GateOpened& e) {
    wait("approve", e.key, e.name, e.phase);
    due(e.key, e.timeout_at);
  }
  void operator()(const GateDecided& e) {
    auto* step = move(e.key, e.timed_out ? StepStatus::timed_out : StepStatus::completed);
    if (step != nullptr) step->success = e.approved;
  }
  void operator()(const GateCancelled& e) { move(e.key, StepStatus::cancelled); }
  void operator()(const MemoImported&) {}
  void operator()(const PatchMarked&) {}

  void operator()(const PhaseStarted& e) { row_.phase = e.phase; }
  void operator()(const PhaseCompleted& e) { leave(e.phase); }
  void operator()(const PhaseFailed& e) { leave(e.phase); }
  void operator()(const Annotated&) {}
  void operator()(const Logged&) {}
  void operator()(const RunUpdated& e) {
    const auto fields = parse_json(e.fields.text, "RunUpdated");
    if (!fields) return;
    row_.pr_url = string_or(*fields, "pr_url", row_.pr_url);
    row_.branch = string_or(*fields, "branch", row_.branch);
    row_.working_dir = string_or(*fields, "worktree", row_.working_dir);
    row_.working_dir = string_or(*fields, "working_dir", row_.working_dir);
  }

  void update_status() {
    row_.events = event_.seq;
    if (is_terminal(row_.status)) return;
    if (run_.paused) {
      row_.status = RunStatus::paused;
    } else if (!row_.started_at) {
      row_.status = RunStatus::queued;
    } else {
      // With nothing open, the code itself is running.
      const bool waits = run_.steps_active == 0 && run_.steps_waiting > 0;
      row_.status = waits ? RunStatus::waiting : RunStatus::running;
    }
  }

 private:
  void end(RunStatus status) {
    row_.status = status;
    row_.ended_at = event_.at;
    row_.phase.clear();
  }
  void leave(const std::string& phase) {
    if (row_.phase == phase) row_.phase = parent_phase(phase);
  }

  void wait(std::string type, const StepKey& key, const std::string& name,
            const std::string& phase) {
    add({.key = key, .type = std::move(type), .name = name, .phase = phase});
    if (auto* step = move(key, StepStatus::waiting)) step->started_at = event_.at;
  }
  // The epoch stands for never.
  void due(const StepKey& key, Time at) {
    auto* step = steps_.find(key);
    if (step != nullptr && at != Time()) step->row.due_at = at;
  }
  void add(StepRow row) {
    row.scheduled_at = event_.at;
    count(row.status, 1);
    steps_.add({.row = std::move(row), .position = event_.seq});
  }
  StepRow* move(const StepKey& key, StepStatus to) {
    auto* step = steps_.find(key);
    if (step == nullptr) return nullptr;
    count(step->row.status, -1);
    count(to, 1);
    step->row.status = to;
    step->row.due_at.reset();
    const bool ended = to >= StepStatus::completed && to != StepStatus::lost;
    step->row.ended_at = ended ? std::optional(event_.at) : std::nullopt;
    return &step->row;
  }
  void fail_step(const StepKey& key, StepStatus to, const Failure& failure) {
    auto* step = move(key, to);
    if (step == nullptr) return;
    step->success = false;
    step->error = one_line(failure);
  }
  void count(StepStatus status, int by) {
    switch (status) {
      case StepStatus::queued:
      case StepStatus::running:
      case StepStatus::lost:
        run_.steps_active += by;
        return;
      case StepStatus::waiting:
        run_.steps_waiting += by;
        return;
      case StepStatus::completed:
      case StepStatus::failed:
      case StepStatus::timed_out:
      case StepStatus::cancelled:
        return;
    }
  }

  const Event& event_;
  std::int64_t history_id_;
  ProjectedRun& run_;
  RunRow& row_;
  StepTable& steps_;
};

}  // namespace

void fold(const Event& event, std::int64_t history_id, ProjectedRun& run, StepTable& steps) {
  Fold one(event, history_id, run, steps);
  std::visit(one, event.detail);
  one.update_status();
}

bool needs_payload(std::string_view kind) {
  static constexpr std::array<std::string_view, 4> with_payload{"RunFailed", "StepFailed",
                                                                "StepTimedOut", "RunUpdated"};
  return std::ranges::find(with_payload, kind) != with_payload.end();
}

}  // namespace agentcmd::store
