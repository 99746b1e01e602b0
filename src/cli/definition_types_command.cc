// definitions types: makes .agent/generated/slash-commands.ts of the project's slash commands.

#include "cli/dispatch.h"
#include "cli/exit_code.h"
#include "cli/text_width.h"
#include "projects/project.h"
#include "projects/slash_commands.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <system_error>

namespace agentcmd::cli {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// False where the file says the same already: it is not touched then.
Result<bool> write_if_changed(const fs::path& file, const std::string& code) {
  if (text_of(file) == code) return false;
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  std::ofstream out(file, std::ios::binary);
  out << code;
  if (out.flush()) return true;
  return fail(ErrorCode::permission_denied, fmt::format("{} cannot be written", file.string()));
}

}  // namespace

Task<int> make_definition_types(Services& services, DefinitionTypesCommand command) {
  const auto project = command.project.empty() ? projects::find_project(services.cwd)
                                               : projects::named_project(command.project);
  if (!project) co_return refuse(services, project.error());
  store::prepare(services.home);
  const auto types = co_await projects::slash_command_types(services.loader(), *project);
  if (!types) co_return refuse(services, types.error());
  const auto file = command.out.empty() ? *project / ".agent/generated/slash-commands.ts"
                                        : services.cwd / command.out;
  const auto changed = write_if_changed(file, types->code);
  if (!changed) co_return refuse(services, changed.error(), ExitCode::failed);
  if (command.json) {
    services.output.out(to_pretty_text({{"file", file.string()},
                                        {"changed", *changed},
                                        {"commands", types->commands},
                                        {"problems", types->problems}}) +
                        "\n");
  } else {
    const auto count = types->commands.size();
    services.output.line(fmt::format("{}: {} slash command{}{}", file.string(), count,
                                     count == 1 ? "" : "s", *changed ? "" : ", as before"));
    for (const auto& problem : types->problems) services.output.complain(printable(problem));
  }
  co_return static_cast<int>(ExitCode::ok);
}

}  // namespace agentcmd::cli
