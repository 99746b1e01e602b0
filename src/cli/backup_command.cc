// backup and restore. Neither opens the store: a restore must not meet its own database, and a
// backup must not bring one forward.

#include "async/blocking.h"
#include "base/bytes.h"
#include "base/text.h"
#include "cli/dispatch.h"
#include "cli/exit_code.h"
#include "runtime/doctor.h"
#include "store/backup.h"

#include <fmt/format.h>

namespace agentcmd::cli {
namespace {

namespace fs = std::filesystem;

constexpr auto ok = static_cast<int>(ExitCode::ok);
constexpr auto failed = static_cast<int>(ExitCode::failed);

std::string users_of(const store::Home& home) {
  std::vector<std::string> pids;
  for (const auto pid : runtime::live_drivers(home)) pids.push_back(fmt::to_string(pid));
  if (pids.empty()) return {};
  return fmt::format("process{} {} execute{} runs of it", pids.size() == 1 ? "" : "es",
                     join(pids, ", "), pids.size() == 1 ? "s" : "");
}

std::string restored_text(const RestoreCommand& command, const fs::path& home,
                          const store::RestoreReport& report) {
  const auto what = fmt::format("{} run{} of {}, as of {}", report.runs,
                                report.runs == 1 ? "" : "s", report.from_home, report.created_at);
  if (command.check) return "The backup is complete and undamaged: " + what;
  auto text = fmt::format("{} has {}", home.native(), what);
  if (!report.former.empty()) {
    text += fmt::format("\nWhat was there is kept in {}", report.former.native());
  }
  if (!report.kept.empty()) text += "\nKept from the former home: " + join(report.kept, ", ");
  return text;
}

}  // namespace

Task<int> make_backup(Services& services, BackupCommand command) {
  BlockingPool pool(1);
  std::error_code error;
  store::BackupOptions options{.home = services.home,
                               .destination = fs::absolute(command.destination, error),
                               .with_secrets = command.secrets};
  const auto destination = options.destination;
  const auto now = services.clock.now();
  auto work = [options = std::move(options), now] { return store::back_up(options, now); };
  const auto made = co_await pool.run(std::move(work));
  if (!made) co_return refuse(services, made.error());
  if (command.json) {
    services.output.out(to_pretty_text({{"backup", destination.string()},
                                        {"runs", made->runs},
                                        {"files", made->files},
                                        {"bytes", made->bytes},
                                        {"warnings", made->warnings}}) +
                        "\n");
  } else {
    services.output.line(fmt::format("{}: {} run{}, {}", destination.native(), made->runs,
                                     made->runs == 1 ? "" : "s", format_bytes(made->bytes)));
    for (const auto& warning : made->warnings) services.output.complain(warning);
  }
  co_return made->warnings.empty() ? ok : failed;
}

Task<int> restore_backup(Services& services, RestoreCommand command) {
  BlockingPool pool(1);
  store::RestoreOptions options{.source = command.source,
                                .home = services.home,
                                .force = command.force,
                                .check_only = command.check,
                                .users = users_of};
  const auto now = services.clock.now();
  auto work = [options = std::move(options), now] { return store::restore(options, now); };
  const auto restored = co_await pool.run(std::move(work));
  if (!restored) co_return refuse(services, restored.error());
  if (command.json) {
    const Json former = restored->former.empty() ? Json() : Json(restored->former.string());
    services.output.out(to_pretty_text({{"home", services.home.root.string()},
                                        {"restored", !command.check},
                                        {"runs", restored->runs},
                                        {"files", restored->files},
                                        {"created_at", restored->created_at},
                                        {"from_home", restored->from_home},
                                        {"former", former},
                                        {"kept", restored->kept},
                                        {"warnings", restored->warnings}}) +
                        "\n");
  } else {
    services.output.line(restored_text(command, services.home.root, *restored));
    for (const auto& warning : restored->warnings) services.output.complain(warning);
    if (!command.check && restored->runs > 0) {
      services.output.err(
          "Unfinished runs can be resumed here; do not resume one that its former home still "
          "drives.\n");
    }
  }
  co_return ok;
}

}  // namespace agentcmd::cli
