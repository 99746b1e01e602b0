// approve, deny, runs pause: what is asked of a run that another process executes.

#include "base/text.h"
#include "cli/answered_gates.h"
#include "cli/ask_driver.h"
#include "cli/dispatch.h"
#include "cli/exit_code.h"
#include "cli/gate_answer.h"
#include "cli/run_facts.h"
#include "cli/text_width.h"

#include <fmt/format.h>

#include <algorithm>

namespace agentcmd::cli {
namespace {

constexpr auto ok = static_cast<int>(ExitCode::ok);

Error has_ended(const store::RunRow& run) {
  return {ErrorCode::failed_precondition,
          fmt::format("run {} has ended already ({})", run.id.text, store::to_string(run.status))};
}

Task<Waiting> waiting_of(Services& services, history::RunId run) {
  Waiting waiting;
  for (const auto& event : co_await services.store().log().read(run, 0)) {
    waiting.apply(event.detail);
  }
  co_return waiting;
}

// An answer that nobody has carried out yet.
Task<Result<void>> refuse_second_answer(Services& services, history::RunId run,
                                        history::StepKey gate) {
  const auto answered = co_await answered_gates(services.store().requests(), run);
  const auto by = answered.find(gate);
  if (by == answered.end()) co_return Result<void>();
  co_return fail(
      ErrorCode::failed_precondition,
      fmt::format("approval '{}' was answered by {} already, and no process has taken the answer "
                  "yet. Go on with: agentcmd runs resume {}",
                  gate.text, by->second, run.text));
}

// The answer that counts: another one, or the gate's end of time, may have come first.
Task<Result<void>> check_recorded(Services& services, history::RunId run, history::StepKey gate,
                                  std::string by, GateAnswer answer) {
  for (const auto& event : co_await services.store().log().read(run, 0)) {
    const auto* decided = std::get_if<history::GateDecided>(&event.detail);
    if (decided == nullptr || decided->key != gate) continue;
    if (decided->by == by && decided->approved == answer.approved &&
        decided->option == answer.option) {
      co_return Result<void>();
    }
    co_return fail(ErrorCode::conflict,
                   fmt::format("approval '{}' was decided by {} before: {}{}", gate.text,
                               decided->by, decided->approved ? "approved" : "not approved",
                               decided->option.empty() ? "" : " (" + decided->option + ")"));
  }
  co_return fail(ErrorCode::conflict,
                 fmt::format("the run does not wait for approval '{}' any more", gate.text));
}

void print_answer(Services& services, const history::RunId& run, const OpenGate& gate,
                  const GateAnswer& answer, const std::string& by, bool json) {
  if (json) {
    services.output.out(
        to_text({{"id", run.text},
                 {"step", gate.key.text},
                 {"approved", answer.approved},
                 {"option", answer.option.empty() ? Json() : Json(answer.option)},
                 {"by", by},
                 {"reason", answer.reason.empty() ? Json() : Json(answer.reason)}}) +
        "\n");
    return;
  }
  services.output.out(fmt::format("{} '{}' of {}{}\n", answer.approved ? "Approved" : "Denied",
                                  gate.key.text, run.text,
                                  answer.option.empty() ? "" : ": " + printable(answer.option)));
}

void say_unless_carried_out(Services& services, Asked asked, const history::RunId& run,
                            std::string_view what) {
  if (asked == Asked::kept) {
    services.output.err(fmt::format(
        "No process drives {} now; {} is kept for the next one. Go on with: agentcmd runs resume "
        "{}\n",
        run.text, what, run.text));
  } else if (asked == Asked::late) {
    services.output.err(
        fmt::format("The process that drives {} has not taken {} yet; it is kept until it does.\n",
                    run.text, what));
  }
}

}  // namespace

Task<int> answer_gate(Services& services, AnswerCommand command) {
  if (!command.approve && command.option) {
    co_return refuse(services, {ErrorCode::invalid_argument,
                                "deny takes no --option: a denial chooses none of them. Say why "
                                "with --reason, or use agentcmd approve"});
  }
  const auto run = co_await services.store().catalog().find_run(command.run);
  if (!run) co_return refuse(services, run.error());
  if (store::is_terminal(run->status)) co_return refuse(services, has_ended(*run));
  const auto gate = find_gate(co_await waiting_of(services, run->id), command.step);
  if (!gate) co_return refuse(services, gate.error());
  const auto answer = check_answer(*gate, {.approved = command.approve,
                                           .option = command.option.value_or(""),
                                           .reason = command.reason,
                                           .input = command.input});
  if (!answer) co_return refuse(services, answer.error());
  const auto first = co_await refuse_second_answer(services, run->id, gate->key);
  if (!first) co_return refuse(services, first.error());

  const auto asked =
      co_await ask_driver(services, run->id, "gate", gate_request(*gate, user_name(), *answer));
  if (asked == Asked::carried_out) {
    const auto recorded =
        co_await check_recorded(services, run->id, gate->key, user_name(), *answer);
    if (!recorded) co_return refuse(services, recorded.error(), ExitCode::failed);
  }
  print_answer(services, run->id, *gate, *answer, user_name(), command.json);
  say_unless_carried_out(services, asked, run->id, "the answer");
  co_return ok;
}

Task<int> pause_run(Services& services, RunsPauseCommand command) {
  auto run = co_await services.store().catalog().find_run(command.run);
  if (!run) co_return refuse(services, run.error());
  if (store::is_terminal(run->status)) co_return refuse(services, has_ended(*run));
  if (run->status != store::RunStatus::paused) {
    const auto asked = co_await ask_driver(services, run->id, "pause",
                                           {{"by", fmt::format("runs pause ({})", user_name())}});
    say_unless_carried_out(services, asked, run->id, "the pause");
    run = co_await services.store().catalog().find_run(run->id.text);
    if (!run) co_return refuse(services, run.error());
  }
  const auto status = store::to_string(run->status);
  services.output.out(command.json ? to_text({{"id", run->id.text}, {"status", status}}) + "\n"
                                   : fmt::format("{} {}\n", run->id.text, status));
  co_return ok;
}

}  // namespace agentcmd::cli
