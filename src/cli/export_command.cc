// runs export: a run's history as a document.

#include "base/fault.h"
#include "cli/dispatch.h"
#include "history/export.h"
#include "script/bundle.h"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>

namespace agentcmd::cli {
namespace {

Result<void> write_file(const std::filesystem::path& file, const std::string& text) {
  errno = 0;
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (out) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("--out: '{}' cannot be written: {}", file.string(),
                          std::system_category().message(errno != 0 ? errno : EIO)));
}

}  // namespace

Task<int> export_run(Services& services, RunsExportCommand command) {
  const auto row = co_await services.store().catalog().find_run(command.run);
  if (!row) co_return refuse(services, row.error());
  history::ExportedRun run{.run = row->id};
  run.events = co_await services.store().log().read(row->id, 0);
  if (command.bundle) {
    auto bundle = script::load_bundle(services.home.bundles(), history::pin_of(run.events));
    if (!bundle) co_return refuse(services, bundle.error());
    run.bundle = history::ExportedBundle{.hash = std::move(bundle->hash),
                                         .file = std::move(bundle->file),
                                         .code = std::move(bundle->code),
                                         .map = std::move(bundle->map)};
  }
  const auto text = history::export_text(run);
  if (command.out.empty()) {
    services.output.out(text);
    co_return static_cast<int>(ExitCode::ok);
  }
  const auto written = write_file(services.cwd / command.out, text);
  if (!written) co_return refuse(services, written.error());
  co_return static_cast<int>(ExitCode::ok);
}

}  // namespace agentcmd::cli
