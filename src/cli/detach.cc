#include "cli/detach.h"

#include "base/fault.h"
#include "cli/exit_code.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace agentcmd::cli {
namespace fs = std::filesystem;
namespace {

// Names the descriptor that the copy reports on. Removed from its environment at once, so that no
// step sees it.
constexpr const char* report_variable = "AGENTCMD_DETACHED_REPORT";
constexpr int report_fd = 3;

struct Pipe {
  int read_end = -1;
  int write_end = -1;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("making a pipe", errno);
  return {ends[0], ends[1]};
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (auto& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

std::vector<std::string> environment_with_report() {
  std::vector<std::string> all;
  for (char** variable = environ; *variable != nullptr; ++variable) all.emplace_back(*variable);
  all.push_back(fmt::format("{}={}", report_variable, report_fd));
  return all;
}

pid_t start_copy(const std::vector<std::string>& words, int write_end) {
  std::vector<std::string> argv{"agentcmd"};
  argv.insert(argv.end(), words.begin(), words.end());
  auto env = environment_with_report();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, write_end, report_fd);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes,
                                pointers(argv).data(), pointers(env).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw_errno("starting agentcmd in the background", error);
  return pid;
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> piece{};
  while (true) {
    const auto count = read(fd, piece.data(), piece.size());
    if (count > 0) {
      text.append(piece.data(), static_cast<std::size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      return text;
    }
  }
}

int exit_code_of(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(ExitCode::failed);
}

}  // namespace

int run_detached(Output& output, const std::vector<std::string>& words, bool json) {
  const auto ends = make_pipe();
  const auto pid = start_copy(words, ends.write_end);
  close(ends.write_end);
  const auto report = read_all(ends.read_end);
  close(ends.read_end);
  if (report.empty()) return exit_code_of(pid);  // it has said why
  const auto run = parse_trusted(report, "report of the background process");
  const auto id = string_or(run, "id");
  if (json) {
    output.out(to_text({{"type", "detached"}, {"run", run}}) + "\n");
  } else {
    // A script takes the id; whoever reads it sees what to do with it.
    output.out(
        output.out_is_terminal()
            ? fmt::format("{}  runs in the background; agentcmd runs logs {} --follow\n", id, id)
            : id + "\n");
  }
  return static_cast<int>(ExitCode::ok);
}

std::optional<DetachedReport> DetachedReport::take_from_environment() {
  const char* value = std::getenv(report_variable);
  if (value == nullptr) return std::nullopt;
  int fd = -1;
  std::from_chars(value, value + std::strlen(value), fd);
  unsetenv(report_variable);
  // Someone else may have set the variable.
  if (fd < report_fd || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return std::nullopt;
  return DetachedReport(fd);
}

Output DetachedReport::divert(const store::Home& home) {
  logs_ = home.logs();
  log_ = logs_ / fmt::format("starting-{}.log", getpid());
  const int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
  const int err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
  Output(STDOUT_FILENO, STDERR_FILENO).redirect(log_);
  return {out, err};
}

void DetachedReport::recorded(const history::RunId& run, Output& output) {
  std::error_code ignored;
  const auto file = logs_ / (run.text + ".log");
  fs::rename(log_, file, ignored);
  log_.clear();
  output.redirect(file);
  const auto report = to_text({{"id", run.text}, {"pid", getpid()}, {"log", file.string()}});
  // A caller that is gone does not matter: the run is recorded.
  [[maybe_unused]] const auto written = write(pipe_, report.data(), report.size());
  close(pipe_);
}

void DetachedReport::discard_log() {
  std::error_code ignored;
  if (!log_.empty()) fs::remove(log_, ignored);
}

fs::path log_file(const store::Home& home, const history::RunId& run) {
  return home.logs() / (run.text + ".log");
}

}  // namespace agentcmd::cli
