#include "git/repository.h"

#include "base/secret.h"
#include "base/text.h"
#include "git/discovery.h"

#include <unistd.h>

#include <array>

namespace agentcmd::git {
namespace {

constexpr std::size_t message_bytes_max = 4000;

// `git rev-parse --local-env-vars`, less those that carry configuration on purpose.
constexpr std::array local_variables{
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
};

// The end is where the reason stands.
std::string tail(std::string_view text) {
  text = trim(text);
  if (text.size() <= message_bytes_max) return to_utf8(text);
  return "…" + to_utf8(text.substr(text.size() - message_bytes_max));
}

std::string way_out(std::string_view said) {
  if (said.contains("gpg failed to sign") || said.contains("failed to write commit object")) {
    return "\nThe commit could not be signed. Let the signing key be used without a prompt, or "
           "turn "
           "signing off for this repository: git config commit.gpgSign false";
  }
  if (said.contains(".lock': File exists")) {
    return "\nAnother git command holds the lock. If none is running, remove that file.";
  }
  return {};
}

// The subcommand, past global options such as `-c name=value`.
std::string subcommand(const std::vector<std::string>& args) {
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "-c") {
      ++i;
    } else if (!args[i].starts_with('-')) {
      return args[i];
    }
  }
  return {};
}

}  // namespace

std::map<std::string, std::optional<std::string>> clean_environment() {
  std::map<std::string, std::optional<std::string>> changes;
  for (const char* name : local_variables) changes[name] = std::nullopt;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view variable(*entry);
    const auto name = variable.substr(0, variable.find('='));
    if (is_own_secret_variable(name)) changes[std::string(name)] = std::nullopt;
  }
  return changes;
}

Result<void> check_name(std::string_view what, std::string_view name) {
  if (name.empty()) {
    return fail(ErrorCode::invalid_argument, fmt::format("the {} name is empty", what));
  }
  if (name.starts_with('-') || name.contains('\0')) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("'{}' is not a {} name: it must not begin with a dash", to_utf8(name), what));
  }
  return {};
}

Error git_failure(const Repository& repository, const std::vector<std::string>& args,
                  const process::CommandResult& result) {
  const auto said = tail(trim(result.err).empty() ? result.out : result.err);
  return Error{
      ErrorCode::failed_precondition,
      fmt::format("git {} failed in '{}': {}{}", subcommand(args),
                  to_utf8(repository.path.string()),
                  said.empty() ? fmt::format("exit {}", result.code) : said, way_out(said))};
}

Task<Result<process::CommandResult>> run_git(Repository repository, std::vector<std::string> args,
                                             GitOptions options) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(repository.path, ignored)) {
    co_return fail(ErrorCode::not_found,
                   fmt::format("no folder '{}'", to_utf8(repository.path.string())));
  }
  process::CommandSpec spec;
  // Automatic maintenance goes to the background and would outlive its caller.
  spec.argv = {"git", "--no-pager",          "-c", "gc.auto=0", "-c", "maintenance.auto=false",
               "-c",  "core.quotePath=false"};  // names as they are
  spec.argv.insert(spec.argv.end(), args.begin(), args.end());
  spec.cwd = repository.path;
  spec.env = clean_environment();
  spec.env["LC_ALL"] = "C";
  spec.env["GIT_TERMINAL_PROMPT"] = "0";
  spec.env["GIT_PAGER"] = "cat";
  if (auto folder = ceiling_of(repository.path)) {
    spec.env["GIT_CEILING_DIRECTORIES"] = std::move(folder);
  }
  if (options.access == Access::read) spec.env["GIT_OPTIONAL_LOCKS"] = "0";
  for (const auto& [name, value] : options.env) spec.env[name] = value;
  spec.input = std::move(options.input);
  spec.timeout = options.timeout.value_or(repository.timeout);
  co_return co_await process::run_command(repository.executor, std::move(spec));
}

Task<Result<std::string>> git_output(Repository repository, std::vector<std::string> args,
                                     GitOptions options) {
  auto result = co_await run_git(repository, args, std::move(options));
  if (!result) co_return tl::unexpected(result.error());
  if (result->code != 0) co_return tl::unexpected(git_failure(repository, args, *result));
  co_return std::move(result->out);
}

}  // namespace agentcmd::git
