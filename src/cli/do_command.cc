// do: a task without a definition of one's own, by one of those that agentcmd brings along
// (sdk/flows). definitions eject: a copy of one, to be changed.

#include "base/suggestion.h"
#include "base/text.h"
#include "cli/dispatch.h"
#include "projects/project.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <system_error>

namespace agentcmd::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> flows{"implement-review", "test-and-fix", "review",
                                                "issue-to-pr"};

Result<std::string> known_flow(const std::string& name) {
  if (std::ranges::count(flows, name) > 0) return name + ".ts";
  const std::vector<std::string> names(flows.begin(), flows.end());
  return fail(ErrorCode::not_found,
              fmt::format("there is no flow '{}'.{} There are: {}", to_utf8(name),
                          did_you_mean(name, names), join(names, ", ")));
}

// The project, or the repository: nothing need have been written for it.
Result<fs::path> place_of(const Services& services, const std::string& named) {
  if (!named.empty()) return projects::named_project(named);
  if (auto project = projects::find_project(services.cwd)) return project;
  for (auto folder = services.cwd;; folder = folder.parent_path()) {
    std::error_code error;
    if (fs::exists(folder / ".git", error)) return fs::canonical(folder);
    if (folder == folder.parent_path()) break;
  }
  return fail(ErrorCode::not_found,
              fmt::format("{} is in no git repository: go to one, or name it with --project",
                          services.cwd.string()));
}

std::string name_of(const std::string& task) {
  constexpr std::size_t name_max = 60;
  const auto line = std::string(trim(task.substr(0, task.find('\n'))));
  return to_utf8(ellipsis(line, name_max));
}

JsonText arguments_of(const DoCommand& command) {
  Json args{{"task", to_utf8(command.task)}, {"agent", command.agent}};
  if (!command.test.empty()) args["test"] = to_utf8(command.test);
  return {to_text(args)};
}

}  // namespace

Task<int> do_task(Services& services, DoCommand command) {
  const auto file = known_flow(command.flow);
  if (!file) co_return refuse(services, file.error());
  if (trim(command.task).empty()) {
    co_return refuse(services,
                     {ErrorCode::invalid_argument, "do needs a task: what is to be done"});
  }
  const auto place = place_of(services, command.project);
  if (!place) co_return refuse(services, place.error());
  // One that was ejected is meant to be used.
  const auto own = *place / projects::definitions_folder() / *file;
  std::error_code error;
  RunCommand run;
  run.definition = (fs::exists(own, error) ? own : services.libexec / "flows" / *file).string();
  run.project = place->string();
  run.name = name_of(command.task);
  run.args = arguments_of(command).text;
  // A review is of what lies there; all else is done apart from it.
  run.mode = command.flow == "review" ? "stay" : "worktree";
  run.branch = command.branch;
  run.agents = command.agents;
  run.json = command.json;
  run.detach = command.detach;
  run.quiet = command.quiet;
  run.on_pause = command.on_pause;
  co_return co_await run_workflow(services, std::move(run));
}

Task<int> eject_flow(Services& services, EjectCommand command) {
  const auto file = known_flow(command.flow);
  if (!file) co_return refuse(services, file.error());
  const auto place = place_of(services, command.project);
  if (!place) co_return refuse(services, place.error());
  const auto to = *place / projects::definitions_folder() / *file;
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  if (!error) fs::copy_file(services.libexec / "flows" / *file, to, error);
  if (error == std::errc::file_exists) {
    co_return refuse(services,
                     {ErrorCode::already_exists,
                      fmt::format("{} is there already: it stays as it is", to.string())});
  }
  if (error) {
    co_return refuse(services,
                     {ErrorCode::permission_denied,
                      fmt::format("{} cannot be written: {}", to.string(), error.message())},
                     ExitCode::failed);
  }
  services.output.out(command.json ? to_text({{"file", to.string()}}) + "\n" : to.string() + "\n");
  co_return static_cast<int>(ExitCode::ok);
}

}  // namespace agentcmd::cli
