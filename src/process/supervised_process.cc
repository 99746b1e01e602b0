#include "process/supervised_process.h"

#include "async/deadline.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/text.h"
#include "process/attempt_files.h"
#include "process/orphans.h"
#include "process/spawn_plan.h"
#include "process/supervisor_handle.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/system_error.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace agentcmd::process {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr int lock_fd = 3;
constexpr int report_fd = 4;
static_assert(report_fd < given_fds_max);

constexpr auto look_again = 5ms;

void write_input(const fs::path& file, std::string_view input) {
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) throw_errno("make " + file.string(), errno);
  while (!input.empty()) {
    const ssize_t count = ::write(fd.get(), input.data(), input.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("write " + file.string(), errno);
    input.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::vector<std::string> supervisor_arguments(const fs::path& program, const ProcessSpec& spec) {
  std::vector<std::string> argv = {program.string(),
                                   "--dir",
                                   spec.dir.string(),
                                   "--lock-fd",
                                   std::to_string(lock_fd),
                                   "--report-fd",
                                   std::to_string(report_fd),
                                   "--timeout-ms",
                                   std::to_string(spec.timeout.count()),
                                   "--grace-ms",
                                   std::to_string(spec.grace.count()),
                                   "--output-max",
                                   std::to_string(spec.output_bytes_max),
                                   "--containment",
                                   std::string(to_string(spec.containment))};
  if (spec.takes_frames) argv.insert(argv.end(), {"--stdin", "frames"});
  if (!spec.cwd.empty()) argv.insert(argv.end(), {"--cwd", fs::absolute(spec.cwd).string()});
  argv.emplace_back("--");
  argv.insert(argv.end(), spec.argv.begin(), spec.argv.end());
  return argv;
}

std::vector<std::string> command_environment(const ProcessSpec& spec) {
  auto variables = spec.env;
  if (!spec.run.empty()) variables["AGENTCMD_RUN"] = spec.run;
  variables[std::string(attempt_variable)] = attempt_path(spec.dir).string();
  std::vector<std::string> environment;
  environment.reserve(variables.size());
  for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
  return environment;
}

Error spawn_error(const fs::path& program, int error) {
  if (error == ENOENT) {
    return {ErrorCode::not_found,
            fmt::format("{} is missing. Install agentcmd again", program.string())};
  }
  if (error == E2BIG) {
    return {ErrorCode::invalid_argument,
            "the arguments and the environment of the command are longer than the system takes. "
            "Pass large values through a file or stdin"};
  }
  return {ErrorCode::unavailable,
          fmt::format("{} could not be started: {}", program.string(), std::strerror(error))};
}

// Spawns the supervisor, which from then on holds the lock. Returns its pid.
Result<pid_t> spawn_supervisor(const fs::path& libexec, const ProcessSpec& spec, UniqueFd lock,
                               const UniqueFd& report) {
  const fs::path program = libexec / "agentcmd-supervise";
  const UniqueFd null = above_given(UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)));
  if (!null.valid()) throw_errno("open /dev/null", errno);
  const UniqueFd high_lock = above_given(std::move(lock));
  SpawnPlan plan;
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    plan.give(null, standard);
  }
  plan.give(high_lock, lock_fd);
  plan.give(report, report_fd);
  const int pid =
      plan.spawn(program, supervisor_arguments(program, spec), command_environment(spec));
  if (pid < 0) return tl::unexpected(spawn_error(program, -pid));
  return pid;
}

// All that the supervisor says before it closes the pipe, by success or by its death.
Task<std::string> read_report(asio::any_io_executor executor, UniqueFd fd) {
  asio::posix::stream_descriptor pipe(executor, fd.release());
  std::string report;
  std::array<char, 256> chunk;
  while (true) {
    const auto [error, count] =
        co_await pipe.async_read_some(asio::buffer(chunk), asio::as_tuple(use_task));
    if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
    if (error) co_return report;
    report.append(chunk.data(), count);
  }
}

// "error 28 write status.json": what the supervisor could not do. Those that come of the machine's
// abilities are refusals, the others faults.
Error reported_error(std::string_view report, const fs::path& dir) {
  constexpr std::string_view prefix = "error ";
  int number = 0;
  if (!report.starts_with(prefix)) {
    return {ErrorCode::unavailable,
            "the supervisor of the process ended before the process was started"};
  }
  report.remove_prefix(prefix.size());
  const auto rest = std::from_chars(report.data(), report.data() + report.size(), number);
  const std::string_view doing =
      trim(report.substr(static_cast<std::size_t>(rest.ptr - report.data())));
  if (number == ENOSYS) return {ErrorCode::failed_precondition, std::string(doing)};
  throw_errno(fmt::format("start a process in {}: {}", dir.string(), doing), number);
}

Error already_claimed(const fs::path& dir) {
  return {ErrorCode::conflict,
          fmt::format("the attempt in {} was started or given up by somebody else", dir.string())};
}

// systemd-run may have put another process into the place of the one that we started; ours has
// ended then.
void reap_predecessor(pid_t spawned, const ProcessIdentity& supervisor) {
  if (spawned != supervisor.pid) ::waitpid(spawned, nullptr, 0);
}

}  // namespace

Task<Result<std::unique_ptr<SupervisedProcess>>> start_supervised(asio::any_io_executor executor,
                                                                  fs::path libexec,
                                                                  ProcessSpec spec) {
  AGENTCMD_CHECK(!spec.argv.empty(), "a process without argv");
  spec.dir = fs::absolute(spec.dir);
  make_durable_folder(spec.dir);
  UniqueFd lock = take_lock(spec.dir);
  if (!lock.valid() || !std::holds_alternative<NoClaim>(read_claim(spec.dir))) {
    co_return tl::unexpected(already_claimed(spec.dir));
  }
  if (spec.input) write_input(spec.dir / "stdin", *spec.input);

  Pipe report_pipe = make_output_pipe();
  const auto pid = spawn_supervisor(libexec, spec, std::move(lock), report_pipe.write_end);
  if (!pid) co_return tl::unexpected(pid.error());
  report_pipe.write_end.reset();
  const std::string report = co_await read_report(executor, std::move(report_pipe.read_end));

  // Killed before it could say so, it may have started the command all the same.
  const bool fell_silent = report.empty() && read_status(spec.dir);
  if (report == "ok\n" || fell_silent) {
    const Claim claim = read_claim(spec.dir);
    if (const auto* supervisor = std::get_if<ProcessIdentity>(&claim)) {
      auto handle = std::make_unique<SupervisorHandle>(executor, spec.dir, *supervisor);
      reap_predecessor(*pid, *supervisor);
      co_return std::unique_ptr<SupervisedProcess>(std::move(handle));
    }
  }
  ::waitpid(*pid, nullptr, 0);  // it has said its last word
  if (report == "claimed\n") co_return tl::unexpected(already_claimed(spec.dir));
  co_return tl::unexpected(reported_error(report, spec.dir));
}

Task<Recovered> recover_supervised(asio::any_io_executor executor, fs::path dir) {
  dir = fs::absolute(dir);
  make_durable_folder(dir);
  while (true) {
    if (auto exit = read_exit(dir)) co_return std::move(*exit);
    const bool locked = is_locked(dir);
    const Claim claim = read_claim(dir);
    if (std::holds_alternative<RecoveryClaim>(claim)) co_return NeverStarted{};
    if (std::holds_alternative<NoClaim>(claim)) {
      if (make_recovery_claim(dir)) co_return NeverStarted{};
      continue;
    }
    const auto* supervisor = std::get_if<ProcessIdentity>(&claim);
    if (!locked) {
      // A claim is complete before anything is started.
      if (supervisor == nullptr) co_return NeverStarted{};
      // It may have ended between the look at exit.json and the look at the lock.
      if (auto exit = read_exit(dir)) co_return std::move(*exit);
      co_await kill_orphans(dir);
      co_return Lost{"its supervisor was killed and left no result"};
    }
    if (supervisor != nullptr && read_status(dir)) {
      co_return std::make_unique<SupervisorHandle>(executor, dir, *supervisor);
    }
    // It is just about to start the command, or to find that it may not.
    co_await sleep_until(deadline_in(look_again));
  }
}

}  // namespace agentcmd::process
