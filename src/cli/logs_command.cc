#include "async/deadline.h"
#include "base/secret.h"
#include "base/text.h"
#include "cli/answered_gates.h"
#include "cli/dispatch.h"
#include "cli/exit_code.h"
#include "cli/interrupted.h"
#include "cli/run_log.h"
#include "cli/text_width.h"
#include "engine/why.h"
#include "runtime/stuck.h"

#include <fmt/format.h>

namespace agentcmd::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto follow_interval = 150ms;

Json to_json(const LogLine& line) {
  Json json{{"step", line.step.empty() ? Json() : Json(line.step)}};
  json["attempt"] = line.attempt == 0 ? Json() : Json(line.attempt);
  json["stream"] = line.stream;
  json["text"] = to_utf8(line.text);
  return json;
}

// How the lines are printed: for people, as one JSON array, or (while following) as one JSON object
// a line.
class LogPrinter {
 public:
  LogPrinter(Output& output, const RunsLogsCommand& command)
      : output_(output),
        json_(command.json),
        follow_(command.follow),
        bare_(!command.step.empty()) {}

  void print(const LogLine& line) {
    if (!json_) {
      output_.out(for_people(line) + "\n");
    } else if (follow_) {
      output_.out(to_text(to_json(line)) + "\n");
    } else {
      output_.out((first_ ? "[\n" : ",\n") + to_text(to_json(line)));
    }
    first_ = false;
  }

  void finish() {
    if (json_ && !follow_) output_.out(first_ ? "[]\n" : "\n]\n");
  }

 private:
  std::string for_people(const LogLine& line) const {
    const auto text = output_.out_is_terminal() ? printable(line.text) : line.text;
    if (bare_) return text;
    const bool is_note = line.attempt == 0;
    return fmt::format("[{}]{}{}", is_note ? line.stream : line.step, text.empty() ? "" : " ",
                       text);
  }

  Output& output_;
  const bool json_;
  const bool follow_;
  const bool bare_;
  bool first_ = true;
};

// What a run that has stopped for now waits for, as one line; empty for one that goes on.
Task<std::string> standstill_of(Services& services, store::RunRow run) {
  const bool stands =
      run.status == store::RunStatus::paused || run.status == store::RunStatus::waiting;
  if (!stands) co_return "";
  const auto events = co_await services.store().log().read(run.id, 0);
  auto facts = runtime::facts_about(services.home, run, events, services.clock.now());
  facts.answered = co_await answered_gates(services.store().requests(), run.id);
  std::vector<std::string> reasons;
  for (const auto& waits : engine::why(engine::state_of(events), facts).waits) {
    reasons.push_back(waits.text.substr(0, waits.text.find('\n')));
  }
  co_return fmt::format("{} {}: {}", run.id.text, store::to_string(run.status),
                        printable(join(reasons, "; ")));
}

// Reads on until the run is over or nobody executes it. That it stands still is said once.
Task<> follow(Services& services, store::RunRow run, RunLog& log) {
  auto& store = services.store();
  auto told_of = store::RunStatus::running;
  while (!log.is_over()) {
    const auto now = co_await store.catalog().find_run(run.id.text);
    const bool abandoned = now && is_interrupted(services, *now);
    log.add(co_await store.log().read(run.id, log.last_seq()));
    log.read_running();
    if (abandoned || !now) co_return;
    if (now->status != told_of) {
      const auto standstill = co_await standstill_of(services, *now);
      if (!standstill.empty()) services.output.complain(standstill);
      told_of = now->status;
    }
    if (!log.is_over()) co_await sleep_until(deadline_in(follow_interval));
  }
}

// That there is such a step; one of a run that goes on may be yet to come for who follows it.
Task<Result<void>> check_step(Services& services, store::RunRow run, RunsLogsCommand command) {
  const bool may_come = command.follow && !store::is_terminal(run.status);
  if (command.step.empty() || may_come) co_return Result<void>();
  std::vector<std::string> keys;
  for (const auto& step : co_await services.store().catalog().steps(run.id)) {
    if (names_step(command.step, step.key.text)) co_return Result<void>();
    keys.push_back(step.key.text);
  }
  const auto known = keys.empty() ? "It has none yet" : "There are: " + join(keys, ", ");
  co_return fail(ErrorCode::not_found,
                 fmt::format("run {} has no step '{}'. {}", run.id.text, command.step, known));
}

}  // namespace

Task<int> show_logs(Services& services, RunsLogsCommand command) {
  auto& store = services.store();
  const auto run = co_await store.catalog().find_run(command.run);
  if (!run) co_return refuse(services, run.error());
  if (const auto known = co_await check_step(services, *run, command); !known) {
    co_return refuse(services, known.error());
  }
  LogPrinter printer(services.output, command);
  RunLog log(logs_folder(run->project, run->id), command.step, [&](LogLine line) {
    line.text = redact(line.text, services.secrets);
    printer.print(line);
  });
  log.add(co_await store.log().read(run->id, 0));
  if (command.follow) co_await follow(services, *run, log);
  log.finish();
  printer.finish();
  co_await mention_interrupted(services);
  co_return static_cast<int>(ExitCode::ok);
}

}  // namespace agentcmd::cli
