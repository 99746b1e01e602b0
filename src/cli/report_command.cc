// runs report: a run in Markdown.

#include "cli/dispatch.h"
#include "cli/run_report.h"

namespace agentcmd::cli {

Task<int> report_run(Services& services, RunsReportCommand command) {
  const auto row = co_await services.store().catalog().find_run(command.run);
  if (!row) co_return refuse(services, row.error());
  const auto report = run_report(row->id, co_await services.store().log().read(row->id, 0));
  services.output.out(
      command.json ? to_pretty_text({{"run", row->id.text}, {"markdown", report}}) + "\n" : report);
  co_return static_cast<int>(ExitCode::ok);
}

}  // namespace agentcmd::cli
