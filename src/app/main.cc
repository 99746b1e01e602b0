// The whole machine, in the order in which it is built: words, settings, loop, command. The store
// and the driver are made by the command that needs them (cli::Services).

#include "app/config.h"
#include "app/libexec.h"
#include "async/task_group.h"
#include "cli/command_line.h"
#include "cli/detach.h"
#include "cli/dispatch.h"
#include "cli/error_report.h"
#include "cli/exit_code.h"

#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

namespace agentcmd::app {
namespace {

constexpr auto failed = static_cast<int>(cli::ExitCode::failed);
constexpr auto not_started = static_cast<int>(cli::ExitCode::not_started);

// Writing to a pipe whose reader is gone is an error of the write. A handler, other than SIG_IGN,
// is not inherited by the programs that we start.
void survive_closed_pipes() {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  sigaction(SIGPIPE, &action, nullptr);
}

// Where a standard stream is closed, the next file that is opened would take its number, and what
// is meant for the user would be written into it.
void fill_standard_streams() {
  for (int fd = open("/dev/null", O_RDWR); fd >= 0; fd = open("/dev/null", O_RDWR)) {
    if (fd <= STDERR_FILENO) continue;
    close(fd);
    return;
  }
}

bool executes_run(const cli::Command& command) {
  return std::holds_alternative<cli::RunCommand>(command) ||
         std::holds_alternative<cli::DoCommand>(command) ||
         std::holds_alternative<cli::RunsResumeCommand>(command) ||
         std::holds_alternative<cli::RunsForkCommand>(command) ||
         std::holds_alternative<cli::RunsRetryCommand>(command) ||
         std::holds_alternative<cli::WorkerCommand>(command);
}

// Whether exit code 1 is an answer, so that what goes wrong needs another.
bool answers_by_exit_code(const cli::Command& command) {
  return std::holds_alternative<cli::ReplayCommand>(command);
}

// The border of a command: what leaves it ends here, as a message and an exit code.
Task<> command_border(cli::Services& services, cli::Command command, int& exit_code) {
  const bool executes = executes_run(command);
  const bool answers = answers_by_exit_code(command);
  try {
    exit_code = co_await cli::dispatch(services, std::move(command));
  } catch (...) {
    cli::report(services.output, std::current_exception(), services.json);
    exit_code = answers || (executes && !services.run_started) ? not_started : failed;
  }
  if (services.opened) co_await services.opened->log().stop();
}

bool is_detaching(const cli::Command& command) {
  return std::visit(
      [](const auto& any) {
        if constexpr (requires { any.detach; }) return any.detach;
        return false;
      },
      command);
}

bool wants_json(const cli::Command& command) {
  return std::visit([](const auto& any) { return any.json; }, command);
}

// What helps when something is wrong must not need that it is right.
bool works_without_settings(const cli::Command& command) {
  return std::holds_alternative<cli::DoctorCommand>(command) ||
         std::holds_alternative<cli::RestoreCommand>(command);
}

int run_on_loop(cli::Output& output, cli::DetachedReport* detached, cli::Command command,
                const Config& config, std::string settings_problem) {
  boost::asio::io_context loop;
  SystemClock clock;
  SystemRandom random;
  cli::Services services{.executor = loop.get_executor(),
                         .output = output,
                         .clock = clock,
                         .random = random,
                         .home = {config.home},
                         .libexec = find_libexec(process_environment()),
                         .cwd = std::filesystem::current_path(),
                         .environment = config.env,
                         .retention = config.retention,
                         .snapshots = config.snapshots,
                         .secrets = config.secrets(),
                         .models = config.models(),
                         .limits = config.limits,
                         .settings_problem = std::move(settings_problem),
                         .json = wants_json(command),
                         .detached = detached,
                         .opened = nullptr};
  int exit_code = failed;
  TaskGroup tasks(loop.get_executor());
  tasks.spawn("command", command_border(services, std::move(command), exit_code));
  loop.run();
  return exit_code;
}

int run_command(cli::Output& output, cli::Parsed parsed, const std::vector<std::string>& words) {
  if (const auto* version = std::get_if<cli::VersionCommand>(&parsed.command)) {
    return cli::show_version(output, *version);
  }
  if (const auto* init = std::get_if<cli::InitCommand>(&parsed.command)) {
    return cli::init(output, *init, find_libexec(process_environment()));
  }
  auto config = load_config(parsed.settings, process_environment());
  std::string settings_problem;
  if (!config && works_without_settings(parsed.command)) {
    settings_problem = config.error().message;
    config = only_home(parsed.settings, process_environment());
  }
  if (!config) {
    cli::report(output, config.error(), wants_json(parsed.command));
    return not_started;
  }
  if (const auto* show = std::get_if<cli::ConfigCommand>(&parsed.command)) {
    return cli::show_config(output, *show, config->rows);
  }
  auto detached = cli::DetachedReport::take_from_environment();
  if (is_detaching(parsed.command) && !detached) {
    return cli::run_detached(output, words, wants_json(parsed.command));
  }
  if (detached) {
    store::prepare({config->home});
    output = detached->divert({config->home});
  }
  log::configure(config->level());
  const int exit_code =
      run_on_loop(output, detached ? &*detached : nullptr, std::move(parsed.command), *config,
                  std::move(settings_problem));
  if (detached) detached->discard_log();
  return exit_code;
}

// The exit code of a command that could not say all that it had to say: nobody may take what there
// is of it for the whole. A run has gone on to its end all the same.
int after_output(cli::Output& output, int exit_code) {
  output.flush();
  if (output.write_error() == 0) return exit_code;
  output.complain(fmt::format("not everything could be written to stdout: {}",
                              std::strerror(output.write_error())));
  return exit_code == 0 ? failed : exit_code;
}

int run(const std::vector<std::string>& words) {
  cli::Output output(STDOUT_FILENO, STDERR_FILENO);
  auto parsed = cli::parse_command_line(words);
  if (const auto* refused = std::get_if<cli::Refused>(&parsed)) {
    output.out(refused->out);
    output.err(refused->err);
    return after_output(output, refused->exit_code);
  }
  auto& accepted = std::get<cli::Parsed>(parsed);
  const bool json = wants_json(accepted.command);
  try {
    const int exit_code = run_command(output, std::move(accepted), words);
    return after_output(output, exit_code);
  } catch (...) {
    cli::report(output, std::current_exception(), json);
    output.flush();
    return not_started;
  }
}

}  // namespace
}  // namespace agentcmd::app

int main(int argc, char** argv) {
  agentcmd::app::fill_standard_streams();
  agentcmd::app::survive_closed_pipes();
  const std::vector<std::string> words(argv + 1, argv + argc);
  return agentcmd::app::run(words);
}
