#pragma once
// How this program talks to git: argument vectors, no shell, no prompt, messages in English, a time
// limit. Hooks of the user run as they would by hand. Variables of a surrounding git process
// (GIT_DIR, GIT_INDEX_FILE, ...) are removed, because agentcmd may itself be started from a hook;
// so are agentcmd's own keys and tokens, because hooks are foreign code.

#include "async/task.h"
#include "base/result.h"
#include "process/command.h"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::git {

struct Repository {
  boost::asio::any_io_executor executor;
  std::filesystem::path path;                                   // any folder of the working tree
  std::chrono::milliseconds timeout = std::chrono::minutes(2);  // of each command
};

// A read takes no lock and does not refresh the index file.
enum class Access { read, write };

struct GitOptions {
  Access access = Access::read;
  std::string input;
  std::optional<std::chrono::milliseconds> timeout = std::nullopt;  // the repository's without
  std::map<std::string, std::string> env = {};                      // beside what is always set
};

// Runs `git ARGS` in the repository's folder. A non-zero exit is a result. not_found when the
// folder or git itself is missing; timed_out and the rest as process::run_command.
Task<Result<process::CommandResult>> run_git(Repository repository, std::vector<std::string> args,
                                             GitOptions options);

// As run_git, but a non-zero exit is the error of git_failure(). The value is stdout.
Task<Result<std::string>> git_output(Repository repository, std::vector<std::string> args,
                                     GitOptions options);

// What git said, as an error: failed_precondition "git commit failed in '/path': ...". Knows the
// failures whose way out is not plain from git's words (signing, a lock left behind).
Error git_failure(const Repository& repository, const std::vector<std::string>& args,
                  const process::CommandResult& result);

// What every git of ours, and every other command that a workspace needs, changes in our
// environment; nullopt removes a variable.
std::map<std::string, std::optional<std::string>> clean_environment();

// invalid_argument for names that git would read as an option, and for empty ones. `what` is
// "branch", "base", ...
Result<void> check_name(std::string_view what, std::string_view name);

}  // namespace agentcmd::git
