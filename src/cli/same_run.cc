#include "cli/same_run.h"

#include "async/deadline.h"
#include "cli/detach.h"
#include "cli/dispatch.h"
#include "cli/exit_code.h"
#include "cli/interrupted.h"

#include <fmt/format.h>

namespace agentcmd::cli {
namespace {

bool goes_on(const Services& services, const store::RunRow& row) {
  return !store::is_terminal(row.status) && row.status != store::RunStatus::paused &&
         !is_interrupted(services, row);
}

ExitCode exit_code_of(const store::RunRow& row) {
  if (row.status == store::RunStatus::completed) return ExitCode::ok;
  return row.status == store::RunStatus::paused ? ExitCode::paused : ExitCode::failed;
}

}  // namespace

Task<int> watch_same_run(Services& services, RunView& view, history::RunId run) {
  if (services.detached != nullptr) {
    services.detached->recorded(run, services.output);
    co_return static_cast<int>(ExitCode::ok);
  }
  auto row = co_await services.store().catalog().find_run(run.text);
  if (!row) co_return refuse(services, row.error());
  view.notice(
      fmt::format("Run {} has the same idempotency key: nothing new is started.", run.text));
  constexpr auto look_again = std::chrono::milliseconds(100);
  while (goes_on(services, *row)) {
    co_await sleep_until(deadline_in(look_again));
    row = co_await services.store().catalog().find_run(run.text);
    if (!row) co_return refuse(services, row.error(), ExitCode::failed);
  }
  view.begin(run, co_await services.store().log().read(run, 0));
  Ending ending;
  ending.run = run;
  ending.status = row->status;
  ending.message = row->reason;
  ending.interrupted = is_interrupted(services, *row);
  view.finish(ending);
  co_return static_cast<int>(exit_code_of(*row));
}

}  // namespace agentcmd::cli
