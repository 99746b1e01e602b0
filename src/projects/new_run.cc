#include "projects/new_run.h"

#include "projects/arguments.h"

#include <fmt/format.h>

#include <utility>

namespace agentcmd::projects {

Task<Result<runtime::NewRun>> new_run(Loader loader, std::filesystem::path project,
                                      std::string workflow, JsonText args) {
  auto definition = co_await resolve_definition(std::move(loader), project, project, workflow);
  if (!definition) co_return tl::unexpected(definition.error());
  const auto& info = *definition->info;
  const ArgumentInput input{.json = args.text, .pairs = {}};
  const auto checked = make_arguments(info.args_schema, input);
  if (!checked) co_return tl::unexpected(checked.error());
  co_return runtime::NewRun{.bundle = *std::move(definition->bundle),
                            .definition = info.id,
                            .project = std::move(project),
                            .name = info.name.empty() ? info.id : info.name,
                            .request = {fmt::format(R"({{"args":{}}})", checked->text)}};
}

}  // namespace agentcmd::projects
