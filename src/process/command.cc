#include "process/command.h"

#include "async/deadline.h"
#include "base/check.h"
#include "base/duration.h"
#include "base/fault.h"
#include "base/text.h"
#include "process/process_identity.h"
#include "process/spawn_plan.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/system_error.hpp>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace agentcmd::process {

namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t chunk_bytes = 64 * limits::kib;
constexpr auto grace = std::chrono::seconds(1);

// Our child and its group; both are dead and reaped when this is destroyed.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    kill_group();
    reap();
  }

  pid_t pid() const { return pid_; }

  // Safe as long as the child is not reaped: until then nobody else can have its number.
  void signal_group(int signal) const { ::kill(-pid_, signal); }
  void kill_group() const { signal_group(SIGKILL); }

  // Blocks; called when the child has ended or has been sent KILL.
  int reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return status;
  }

 private:
  pid_t pid_;
};

// A file in memory: unlike a pipe it needs no writer beside the readers, and no SIGPIPE can come of
// it.
UniqueFd input_file(const std::string& input) {
  UniqueFd fd(input.empty() ? ::open("/dev/null", O_RDONLY | O_CLOEXEC)
                            : ::memfd_create("stdin", MFD_CLOEXEC));
  if (!fd.valid()) throw_errno("make the input of a command", errno);
  std::string_view rest = input;
  while (!rest.empty()) {
    const ssize_t count = ::write(fd.get(), rest.data(), rest.size());
    if (count < 0) throw_errno("make the input of a command", errno);
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  if (!input.empty()) ::lseek(fd.get(), 0, SEEK_SET);
  return above_given(std::move(fd));
}

std::vector<std::string> merged_environment(
    const std::map<std::string, std::optional<std::string>>& changes) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable(*entry);
    if (!changes.contains(std::string(variable.substr(0, variable.find('='))))) {
      merged.emplace_back(variable);
    }
  }
  for (const auto& [name, value] : changes) {
    if (value) merged.push_back(name + "=" + *value);
  }
  return merged;
}

// One output stream of the child.
struct Stream {
  Stream(const asio::any_io_executor& executor, UniqueFd fd) : pipe(executor, fd.release()) {}
  asio::posix::stream_descriptor pipe;
  std::string bytes;
};

struct Running {
  Running(const asio::any_io_executor& executor, pid_t pid, UniqueFd pidfd, UniqueFd out_fd,
          UniqueFd err_fd, std::size_t bytes_max)
      : child(pid),
        exit(executor, pidfd.release()),
        out(executor, std::move(out_fd)),
        err(executor, std::move(err_fd)),
        output_bytes_max(bytes_max) {}

  bool too_much() const { return out.bytes.size() + err.bytes.size() > output_bytes_max; }

  Child child;
  asio::posix::stream_descriptor exit;
  Stream out;
  Stream err;
  std::size_t output_bytes_max;
  bool exited = false;
};

Task<> capture(Running& running, Stream& stream) {
  const auto chunk = std::make_unique<std::array<char, chunk_bytes>>();
  while (!running.exited) {
    const auto [error, count] =
        co_await stream.pipe.async_read_some(asio::buffer(*chunk), asio::as_tuple(use_task));
    if (error) co_return;
    stream.bytes.append(chunk->data(), count);
    if (running.too_much()) {
      running.child.kill_group();
      co_return;
    }
  }
}

Task<> wait_for_exit(Running& running) {
  while (!has_ended(running.exit.native_handle())) {
    const auto [error] = co_await running.exit.async_wait(asio::posix::stream_descriptor::wait_read,
                                                          asio::as_tuple(use_task));
    if (error) co_return;
  }
  running.exited = true;
  running.child.kill_group();
  running.out.pipe.cancel();
  running.err.pipe.cancel();
}

Task<> capture_until_exit(Running& running) {
  using namespace asio::experimental::awaitable_operators;
  co_await (capture(running, running.out) && capture(running, running.err) &&
            wait_for_exit(running));
}

// Asks before it kills: git that gets TERM puts its lock files away. Who stays is killed by ~Child.
Task<> end_gently(Running& running) {
  running.child.signal_group(SIGTERM);
  co_await before(deadline_in(grace), wait_for_exit(running));
}

// What the child wrote before its end is in the pipe. The end of the file may never come: somebody
// who left the group can hold the other end for ever.
void drain(Running& running, Stream& stream) {
  std::array<char, chunk_bytes> chunk;
  while (!running.too_much()) {
    const ssize_t count = ::read(stream.pipe.native_handle(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    stream.bytes.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

std::string how_to_install(const std::string& program) {
  if (program == "git") return ". Install it: sudo apt-get install git";
  if (program == "node" || program == "npm" || program == "npx") {
    return ". Install Node 22 or newer: https://nodejs.org/en/download";
  }
  if (program == "docker") return ". Install it: https://docs.docker.com/engine/install";
  return "";
}

// Where the program is, or the refusal that the user reads.
Result<fs::path> locate(const CommandSpec& spec) {
  const auto changed = spec.env.find("PATH");
  const char* inherited = ::getenv("PATH");
  const std::string path = changed != spec.env.end() ? changed->second.value_or("")
                           : inherited != nullptr    ? inherited
                                                     : "";
  const std::string& program = spec.argv.front();
  if (!spec.cwd.empty() && !fs::is_directory(spec.cwd)) {
    return fail(ErrorCode::not_found,
                fmt::format("{}: there is no folder {}", program, spec.cwd.string()));
  }
  // A name with a slash is relative to the working directory of the command, not to ours.
  const bool relative_to_cwd = program.contains('/') && !program.starts_with('/');
  const auto found = find_program(relative_to_cwd ? (spec.cwd / program).string() : program, path);
  if (!found) {
    return fail(ErrorCode::not_found,
                fmt::format("there is no program '{}' {}{}", program,
                            program.contains('/') ? "that can be executed" : "in the PATH",
                            how_to_install(program)));
  }
  return relative_to_cwd ? fs::path(program) : fs::absolute(*found);
}

Error spawn_error(const CommandSpec& spec, int error) {
  return Error{ErrorCode::unavailable,
               fmt::format("{} could not be started: {}", spec.argv.front(), ::strerror(error))};
}

Result<std::unique_ptr<Running>> start(const asio::any_io_executor& executor,
                                       const CommandSpec& spec) {
  const auto program = locate(spec);
  if (!program) return tl::unexpected(program.error());
  Pipe out = make_output_pipe();
  Pipe err = make_output_pipe();
  const UniqueFd input = input_file(spec.input);
  SpawnPlan plan;
  plan.give(input, STDIN_FILENO);
  plan.give(out.write_end, STDOUT_FILENO);
  plan.give(err.write_end, STDERR_FILENO);
  plan.change_to(spec.cwd);
  const int pid = plan.spawn(*program, spec.argv, merged_environment(spec.env));
  if (pid < 0) return tl::unexpected(spawn_error(spec, -pid));
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) {
    const int error = errno;
    const Child killed(pid);
    return tl::unexpected(spawn_error(spec, error));
  }
  return std::make_unique<Running>(executor, pid, std::move(pidfd), std::move(out.read_end),
                                   std::move(err.read_end), spec.output_bytes_max);
}

}  // namespace

Task<Result<CommandResult>> run_command(asio::any_io_executor executor, CommandSpec spec) {
  AGENTCMD_CHECK(!spec.argv.empty(), "a command without argv");
  auto started = start(executor, spec);
  if (!started) co_return tl::unexpected(started.error());
  Running& running = **started;

  const bool in_time = co_await before(deadline_in(spec.timeout), capture_until_exit(running));
  if (!in_time && !running.exited) {
    co_await end_gently(running);
    co_return fail(ErrorCode::timed_out,
                   fmt::format("{} took longer than {} and was killed",
                               ellipsis(join(spec.argv, " "), 200), format_duration(spec.timeout)));
  }
  if (!running.exited) {
    // The group above ends quietly when it is cancelled.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await end_gently(running);
    throw boost::system::system_error(asio::error::operation_aborted);
  }
  drain(running, running.out);
  drain(running, running.err);
  if (running.too_much()) {
    co_return fail(ErrorCode::resource_exhausted,
                   fmt::format("{} wrote more than {} bytes and was killed", spec.argv.front(),
                               spec.output_bytes_max));
  }
  const int status = running.child.reap();
  co_return CommandResult{
      .code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
      .out = std::move(running.out.bytes),
      .err = std::move(running.err.bytes)};
}

std::optional<fs::path> find_program(const std::string& program, const std::string& path_variable) {
  const auto executable = [](const fs::path& candidate) {
    std::error_code ignored;
    return fs::is_regular_file(candidate, ignored) && ::access(candidate.c_str(), X_OK) == 0;
  };
  if (program.empty()) return std::nullopt;
  if (program.contains('/')) {
    return executable(program) ? std::optional<fs::path>(program) : std::nullopt;
  }
  for (const auto& folder : split(path_variable, ':')) {
    const fs::path candidate = fs::path(folder.empty() ? "." : folder) / program;
    if (executable(candidate)) return candidate;
  }
  return std::nullopt;
}

}  // namespace agentcmd::process
