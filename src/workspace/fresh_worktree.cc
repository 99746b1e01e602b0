#include "workspace/fresh_worktree.h"

#include "base/fault.h"
#include "base/text.h"
#include "process/command.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace agentcmd::workspace {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::string_view include_file = ".worktreeinclude";
constexpr std::size_t shown_bytes_max = 4000;
constexpr auto setup_command_max = 30min;
constexpr auto submodules_max = 15min;

std::string tail(std::string_view text) {
  text = trim(text);
  if (text.size() <= shown_bytes_max) return to_utf8(text);
  return "…" + to_utf8(text.substr(text.size() - shown_bytes_max));
}

// Other worktrees and the logs of runs stay where they are, whatever the patterns say.
bool is_own_file(const fs::path& path) {
  return std::ranges::any_of(path, [](const fs::path& part) { return part == ".worktrees"; }) ||
         path.string().contains(".agent/workflows/executions/");
}

// Untracked files that the patterns name, relative to the top. Patterns are relative to the folder
// that holds the file, as those of .gitignore are.
Task<Result<std::vector<std::string>>> included_files(boost::asio::any_io_executor executor,
                                                      git::Layout checkout) {
  std::error_code ignored;
  if (!fs::exists(checkout.top_level / include_file, ignored) &&
      !fs::exists(checkout.top_level / checkout.prefix / include_file, ignored)) {
    co_return std::vector<std::string>{};
  }
  std::vector<std::string> args{"ls-files", "-z", "--others", "--ignored",
                                "--exclude-per-directory=" + std::string(include_file)};
  const auto out = co_await git::git_output({executor, checkout.top_level}, std::move(args), {});
  if (!out) co_return tl::unexpected(out.error());
  auto paths = split(*out, '\0');
  std::erase_if(paths, [](const std::string& path) {
    // A folder is a repository within this one; it is not part of the project.
    return path.empty() || path.ends_with('/') || is_own_file(path);
  });
  co_return paths;
}

// Makes the folders of `relative` beneath `root`, never through a symbolic link.
Result<void> make_folders(const fs::path& root, const fs::path& relative) {
  auto folder = root;
  for (const auto& part : relative) {
    folder /= part;
    const auto status = fs::symlink_status(folder);
    if (fs::is_directory(status)) continue;
    if (fs::exists(status)) {
      return fail(ErrorCode::permission_denied,
                  fmt::format("'{}' is not a folder in the worktree, so the files that {} names "
                              "in it cannot be copied",
                              to_utf8(folder.string()), include_file));
    }
    fs::create_directory(folder);
  }
  return {};
}

void copy_one(const fs::path& source, const fs::path& target) {
  const auto status = fs::symlink_status(source);
  if (!fs::exists(status)) return;  // gone meanwhile
  if (fs::is_symlink(status)) {
    fs::remove(target);
    fs::copy_symlink(source, target);
  } else if (fs::is_regular_file(status)) {
    if (fs::is_symlink(fs::symlink_status(target))) fs::remove(target);
    fs::copy_file(source, target, fs::copy_options::overwrite_existing);
    fs::last_write_time(target, fs::last_write_time(source));
  }
  // Sockets and pipes belong to processes of the checkout.
}

Task<Result<void>> update_submodules(boost::asio::any_io_executor executor, fs::path worktree) {
  std::error_code ignored;
  if (!fs::exists(worktree / ".gitmodules", ignored)) co_return Result<void>{};
  std::vector<std::string> args{"submodule", "update", "--init", "--recursive", "--quiet"};
  git::GitOptions options{.access = git::Access::write, .input = {}, .timeout = submodules_max};
  const auto done =
      co_await git::git_output({executor, worktree}, std::move(args), std::move(options));
  if (!done) co_return tl::unexpected(done.error());
  co_return Result<void>{};
}

// The command, or nothing. invalid_argument for a config file that cannot be read as JSON.
Result<std::string> configured_setup(const fs::path& project) {
  const auto path = project / ".agent" / "config.json";
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::string();
  std::ostringstream text;
  text << in.rdbuf();
  const auto json = parse_json(text.str(), path.string());
  if (!json) return tl::unexpected(json.error());
  return string_or(*json, "setup");
}

// How our environment is to be changed to be the wanted one, and git's without what misleads it.
std::map<std::string, std::optional<std::string>> changes_to(const SetupEnvironment& wanted) {
  auto changes = git::clean_environment();
  if (!wanted) return changes;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view variable(*entry);
    const std::string name(variable.substr(0, variable.find('=')));
    if (!wanted->contains(name)) changes[name] = std::nullopt;
  }
  // What is removed stays so.
  for (const auto& [name, value] : *wanted) changes.emplace(name, value);
  return changes;
}

Task<Result<void>> run_setup_command(boost::asio::any_io_executor executor, std::string command,
                                     Workspace workspace, SetupEnvironment env) {
  process::CommandSpec spec;
  spec.argv = {"/bin/sh", "-c", command};
  spec.cwd = workspace.working_dir;
  spec.env = changes_to(env);
  for (const auto& [name, value] : workspace_environment(workspace)) spec.env[name] = value;
  spec.env["AGENTCMD_PROJECT"] = workspace.project.string();
  spec.timeout = setup_command_max;
  const auto done = co_await process::run_command(executor, std::move(spec));
  const auto what = fmt::format("the set-up command of the project ({}) failed in '{}'",
                                ellipsis(command, 200), to_utf8(workspace.working_dir.string()));
  if (!done) co_return fail(done.error().code, what + ": " + done.error().message);
  if (done->code == 0) co_return Result<void>{};
  const auto said = tail(done->err).empty() ? tail(done->out) : tail(done->err);
  co_return fail(ErrorCode::failed_precondition,
                 fmt::format("{} with exit code {}. It is set in .agent/config.json (\"setup\")."
                             "\n{}",
                             what, done->code, said));
}

}  // namespace

Result<void> copy_files(const fs::path& from, const fs::path& to,
                        const std::vector<std::string>& paths) {
  try {
    for (const fs::path path : paths) {
      if (auto made = make_folders(to, path.parent_path()); !made) return made;
      copy_one(from / path, to / path);
    }
  } catch (const fs::filesystem_error& error) {
    throw Fault(fmt::format("copying the files that {} names: {}", include_file, error.what()));
  }
  return {};
}

Task<Result<void>> make_fit_to_work(boost::asio::any_io_executor executor, BlockingPool& pool,
                                    git::Layout checkout, Workspace workspace,
                                    SetupEnvironment env) {
  const auto paths = co_await included_files(executor, checkout);
  if (!paths) co_return tl::unexpected(paths.error());
  const auto from = checkout.top_level;
  const auto to = *workspace.worktree_path;
  auto copied =
      co_await pool.run([from, to, files = *paths] { return copy_files(from, to, files); });
  if (!copied) co_return copied;

  if (auto updated = co_await update_submodules(executor, to); !updated) co_return updated;

  const auto command = configured_setup(workspace.project);
  if (!command) co_return tl::unexpected(command.error());
  if (command->empty()) co_return Result<void>{};
  co_return co_await run_setup_command(executor, *command, workspace, std::move(env));
}

}  // namespace agentcmd::workspace
