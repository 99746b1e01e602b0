#include "runtime/surroundings.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "base/text.h"
#include "process/attempt_files.h"
#include "process/command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>  // mkdtemp
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

namespace agentcmd::runtime {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using store::Finding;
using store::Severity;

struct WantedTool {
  std::string_view name;
  std::string_view without;  // what does not work without it; empty: it is one of several
  std::string_view get;
};

constexpr std::array wanted_tools{
    WantedTool{"git", "worktrees, branches, snapshots and git steps", "install git"},
    WantedTool{"sh", "steps that run a command", "install a POSIX shell"},
    WantedTool{"bash", "", ""},
    WantedTool{"claude", "", "npm install -g @anthropic-ai/claude-code"},
    WantedTool{"codex", "", "npm install -g @openai/codex"},
    WantedTool{"gemini", "", "npm install -g @google/gemini-cli"},
};

std::string first_line(const std::string& text) {
  constexpr std::size_t shown_max = 80;
  const auto trimmed = trim(text);
  return to_utf8(ellipsis(trimmed.substr(0, trimmed.find('\n')), shown_max));
}

// `sh` is asked for nothing: not every one knows a version.
Task<Tool> look_for(asio::any_io_executor executor, std::string name, std::string program) {
  Tool tool{.name = std::move(name)};
  const bool is_plain = tool.name == "sh";
  process::CommandSpec spec{.argv = {std::move(program), is_plain ? "-c" : "--version"},
                            .timeout = limits::tool_version_max};
  if (is_plain) spec.argv.emplace_back("exit 0");
  const auto said = co_await process::run_command(std::move(executor), std::move(spec));
  tool.found = said || said.error().code != ErrorCode::not_found;
  if (said && said->code == 0) tool.version = first_line(said->out);
  co_return tool;
}

// A folder that is gone afterwards.
class TempFolder {
 public:
  TempFolder() {
    std::error_code error;
    auto pattern = (fs::temp_directory_path(error) / "agentcmd-doctor-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// The means that a step's process gets, by starting one.
Task<Result<std::string>> try_containment(asio::any_io_executor executor, fs::path libexec) {
  const TempFolder folder;
  process::CommandSpec spec{.argv = {(libexec / "agentcmd-supervise").string(), "--dir",
                                     folder.path().string(), "--", "true"},
                            .timeout = limits::tool_version_max};
  const auto ran = co_await process::run_command(std::move(executor), std::move(spec));
  if (!ran) co_return tl::unexpected(ran.error());
  const auto exit = process::read_exit(folder.path());
  if (!exit) co_return fail(ErrorCode::unavailable, first_line(ran->err));
  co_return std::string(process::to_string(exit->containment));
}

// Milliseconds; nothing where the folder cannot be written to.
std::optional<double> measure_sync(const fs::path& folder) {
  const int fd = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) return std::nullopt;
  constexpr std::size_t rounds = 21;
  std::array<char, 4096> page{};
  std::vector<double> times;
  for (std::size_t i = 0; i < rounds; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (pwrite(fd, page.data(), page.size(), 0) < 0 || fdatasync(fd) != 0) break;
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    times.push_back(took.count());
  }
  close(fd);
  if (times.size() < rounds) return std::nullopt;
  std::ranges::sort(times);
  return times[rounds / 2];
}

void examine_disk(const store::Home& home, Surroundings& found) {
  struct statvfs disk{};
  if (statvfs(home.root.c_str(), &disk) != 0) return;  // there is no home yet
  found.free_bytes = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (found.free_bytes < limits::free_bytes_wanted) {
    found.findings.push_back(
        {.check = "disk",
         .what = fmt::format("only {} are free where {} is", format_bytes(found.free_bytes),
                             home.root.native()),
         .meaning = "runs pause or fail when the disk is full; nothing recorded is lost",
         .action = "free some space; agentcmd runs prune --older-than 30d --dry-run shows what old "
                   "runs take"});
  }
  if (faccessat(AT_FDCWD, home.root.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    found.findings.push_back({.check = "disk",
                              .what = fmt::format("{} cannot be written to", home.root.native()),
                              .meaning = "runs can be neither shown nor started; doctor, backup "
                                         "and restore --check work",
                              .action = "make the folder writable for you, or set AGENTCMD_HOME "
                                        "to another one"});
    return;
  }
  found.sync_milliseconds = measure_sync(home.root).value_or(0);
  if (found.sync_milliseconds > limits::slow_sync_milliseconds) {
    found.findings.push_back(
        {.check = "disk",
         .severity = Severity::note,
         .what =
             fmt::format("the disk takes {:.1f} ms to make a write safe", found.sync_milliseconds),
         .meaning = "every decision of a run waits for that: workflows with many short steps are "
                    "slow",
         .action = "put AGENTCMD_HOME on a local SSD"});
  }
}

Finding missing_tool(const WantedTool& wanted) {
  return {.check = "tools",
          .what = fmt::format("'{}' is not in PATH", wanted.name),
          .meaning = fmt::format("{} do not work", wanted.without),
          .action = std::string(wanted.get)};
}

void judge_containment(const std::string& why, Surroundings& found) {
  if (found.containment.empty()) {
    found.findings.push_back(
        {.check = "containment",
         .what = fmt::format("no process can be started under a supervisor: {}", why),
         .meaning = "agents and commands cannot run",
         .action = "install agentcmd again (its libexec folder may be incomplete), and see whether "
                   "the temporary folder is writable"});
  } else if (found.containment == "subreaper") {
    found.findings.push_back(
        {.check = "containment",
         .severity = Severity::note,
         .what = "this machine allows neither namespaces nor control groups to us",
         .meaning = "a step's processes are found by descent: one that hides well could outlive "
                    "its step",
         .action = "allow user namespaces, or a delegated cgroup v2 (systemd user sessions have "
                   "one)"});
  }
}

}  // namespace

Task<Surroundings> examine_surroundings(asio::any_io_executor executor, fs::path libexec,
                                        store::Home home) {
  Surroundings found;
  const auto containment = co_await try_containment(executor, libexec);
  found.containment = containment.value_or("");
  judge_containment(containment ? "" : containment.error().message, found);
  bool has_agent = false;
  for (const auto& wanted : wanted_tools) {
    auto tool = co_await look_for(executor, std::string(wanted.name), std::string(wanted.name));
    const bool is_agent = wanted.get.starts_with("npm");
    has_agent |= is_agent && tool.found;
    if (!tool.found && !wanted.without.empty()) {
      found.findings.push_back(missing_tool(wanted));
    }
    found.tools.push_back(std::move(tool));
  }
  auto esbuild = co_await look_for(executor, "esbuild", (libexec / "esbuild").string());
  if (!esbuild.found) {
    found.findings.push_back(missing_tool(
        {"esbuild", "definitions", "install agentcmd again: it belongs into its libexec folder"}));
  }
  found.tools.push_back(std::move(esbuild));
  if (!has_agent) {
    found.findings.push_back(
        {.check = "tools",
         .severity = Severity::note,
         .what = "no agent is installed (claude, codex, gemini)",
         .meaning = "agent steps work with the scripted agent only",
         .action = "install one, e.g. npm install -g @anthropic-ai/claude-code"});
  }
  examine_disk(home, found);
  co_return found;
}

}  // namespace agentcmd::runtime
