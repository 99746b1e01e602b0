// worker: keeps a home going in the foreground, and starts what events and schedules ask for, until
// a signal says to stop.

#include "async/deadline.h"
#include "async/task_group.h"
#include "async/wakeup.h"
#include "base/limits.h"
#include "base/text.h"
#include "cli/dispatch.h"
#include "cli/exit_code.h"
#include "cli/follow_retention.h"
#include "cli/text_width.h"
#include "projects/project.h"
#include "projects/triggers.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>

#include <csignal>
#include <exception>
#include <utility>

namespace agentcmd::cli {
namespace {

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

void print_boot(Output& output, const runtime::BootReport& report, bool json) {
  if (json) {
    output.line(to_text({{"type", "ready"},
                         {"adopted", report.adopted},
                         {"attached", report.attached},
                         {"overdue", report.overdue},
                         {"asleep", report.asleep},
                         {"paused", report.paused}}));
    return;
  }
  output.line(fmt::format(
      "Ready: {} adopted ({} re-attached, {} asleep), {} fired, {} paused for a person. Ctrl-C "
      "stops; every run can be resumed.",
      counted(report.adopted, "run"), report.attached, report.asleep,
      counted(report.overdue, "overdue timer"), report.paused));
}

void print_settled(Output& output, const history::RunId& run, const runtime::Driven& driven,
                   bool json) {
  const auto status = store::to_string(driven.status);
  if (json) {
    output.line(to_text({{"type", "run"},
                         {"id", run.text},
                         {"status", status},
                         {"reason", driven.reason},
                         {"message", driven.message}}));
    return;
  }
  auto line = fmt::format("{} {}", run.text, status);
  if (!driven.message.empty()) {
    line += "  " + printable(driven.message.substr(0, driven.message.find('\n')));
  }
  output.line(line);
}

void print_note(Output& output, const std::string& note, bool json) {
  output.line(json ? to_text({{"type", "note"}, {"message", note}}) : printable(note));
}

// What it removes is removed as a whole: it is never cut off.
Task<> keep_following_retention(Services& services, const bool& leaving, Wakeup& left) {
  while (!leaving) {
    co_await follow_retention(services);
    if (leaving) co_return;
    co_await before(deadline_in(limits::retention_look_again), left.wait());
  }
}

// The border of the driver and of the triggers within this command: what leaves them ends it, and
// is rethrown by keep_home().
struct Border {
  boost::asio::signal_set& signals;
  std::exception_ptr fault = nullptr;
};

Task<> keep(Task<> work, Border& border) {
  try {
    co_await std::move(work);
  } catch (...) {
    border.fault = std::current_exception();
    border.signals.cancel();
  }
}

}  // namespace

Task<int> keep_home(Services& services, WorkerCommand command) {
  runtime::KeepOptions options;
  if (!command.project.empty()) {
    const auto project = projects::named_project(command.project);
    if (!project) co_return refuse(services, project.error());
    options.project = project->string();
  }
  services.output.stop_waiting();
  auto& output = services.output;
  const bool json = command.json;
  options.settled = [&output, json](const history::RunId& run, const runtime::Driven& driven) {
    print_settled(output, run, driven, json);
  };
  auto driver_options = services.driver_options(nullptr);
  driver_options.wait_when_paused = true;
  boost::asio::signal_set signals(services.executor, SIGINT, SIGTERM);
  auto driver = co_await runtime::start_driver(services.executor, services.store(), services.clock,
                                               services.random, std::move(driver_options));
  if (!driver) co_return refuse(services, driver.error());
  services.run_started = true;
  projects::TriggerHooks hooks{
      .started = [&driver = **driver](history::RunId run) { driver.begin(std::move(run)); },
      .say = [&output, json](const std::string& note) { print_note(output, note, json); }};
  projects::Triggers triggers(services.loader(), services.store(), **driver, services.clock,
                              std::move(hooks));
  if (!options.project.empty()) {
    triggers.watch_only(options.project);
  } else if (const auto project = projects::find_project(services.cwd)) {
    triggers.watch(*project);
  }
  options.looked = [&triggers] { triggers.look_again(); };
  Border border{.signals = signals};
  bool leaving = false;
  Wakeup left(services.executor);
  TaskGroup finishing(services.executor);
  // Runs that are under way have their places before new ones ask for some.
  options.booted = [&](const runtime::BootReport& report) {
    print_boot(output, report, json);
    if (!leaving) finishing.spawn("worker.triggers", keep(triggers.run(), border));
  };
  TaskGroup tasks(services.executor);
  tasks.spawn("worker.stdout", output.drain_out());
  tasks.spawn("worker.stderr", output.drain_err());
  tasks.spawn("worker.keep", keep((*driver)->keep(std::move(options)), border));
  finishing.spawn("worker.retention",
                  keep(keep_following_retention(services, leaving, left), border));
  co_await signals.async_wait(boost::asio::as_tuple(use_task));
  triggers.leave();
  leaving = true;
  left.notify();
  co_await finishing.join();
  co_await triggers.stop();
  co_await (*driver)->stop();
  tasks.cancel();
  co_await tasks.join();
  if (border.fault) std::rethrow_exception(border.fault);
  co_return static_cast<int>(ExitCode::ok);
}

}  // namespace agentcmd::cli
