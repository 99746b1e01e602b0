#include "projects/new_run.h"

#include "projects/arguments.h"
#include "projects/flow_config.h"

#include <fmt/format.h>

#include <utility>

namespace agentcmd::projects {

Task<Result<runtime::NewRun>> new_run(Loader loader, std::filesystem::path project,
                                      std::string workflow, JsonText args) {
  auto definition = co_await resolve_definition(std::move(loader), project, project, workflow);
  if (!definition) co_return tl::unexpected(definition.error());
  const auto& info = *definition->info;
  const ArgumentInput input{.json = args.text, .pairs = {}, .what = "args"};
  const auto checked = make_arguments(info.args_schema, input);
  if (!checked) co_return tl::unexpected(checked.error());
  auto terms = flow_terms(project, info.id, info.config, *checked);
  if (!terms) co_return tl::unexpected(terms.error());
  co_return runtime::NewRun{.bundle = *std::move(definition->bundle),
                            .definition = info.id,
                            .project = std::move(project),
                            .name = info.name.empty() ? info.id : info.name,
                            .timeout = info.timeout.value_or(Milliseconds(0)),
                            .request = {fmt::format(R"({{"args":{}}})", checked->text)},
                            .flow = std::move(terms->flow)};
}

}  // namespace agentcmd::projects
