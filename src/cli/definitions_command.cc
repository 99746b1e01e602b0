#include "base/text.h"
#include "cli/dispatch.h"
#include "cli/exit_code.h"
#include "cli/verdict.h"
#include "projects/compatibility.h"
#include "projects/definitions.h"
#include "projects/project.h"

#include <fmt/format.h>

#include <algorithm>

namespace agentcmd::cli {
namespace {

Json to_json(const script::WorkflowInfo& info) {
  Json phases = Json::array();
  for (const auto& phase : info.phases)
    phases.push_back({{"id", phase.id}, {"label", phase.label}});
  Json json{
      {"id", info.id}, {"name", info.name}, {"description", info.description}, {"phases", phases}};
  if (info.timeout) json["timeout"] = info.timeout->count();
  if (info.args_schema) json["args_schema"] = parse_trusted(info.args_schema->text, "argsSchema");
  return json;
}

Json to_json(const script::Finding& finding) {
  return {{"file", finding.file}, {"line", finding.line},           {"column", finding.column},
          {"what", finding.what}, {"treatment", finding.treatment}, {"advice", finding.advice}};
}

Json to_json(const projects::Definition& definition, bool with_findings) {
  Json json = definition.info ? to_json(*definition.info) : Json::object();
  json["file"] = definition.file;
  json["error"] = definition.error.empty() ? Json() : Json(definition.error);
  if (!with_findings) return json;
  json["findings"] = Json::array();
  for (const auto& finding : definition.findings) json["findings"].push_back(to_json(finding));
  return json;
}

std::string phase_names(const script::WorkflowInfo& info) {
  std::vector<std::string> names;
  for (const auto& phase : info.phases) names.push_back(phase.id);
  return join(names, ", ");
}

void print_list(Output& output, const std::vector<projects::Definition>& definitions) {
  std::size_t width = 2;
  for (const auto& one : definitions) {
    if (one.info) width = std::max(width, one.info->id.size());
  }
  for (const auto& one : definitions) {
    if (one.info && one.usable()) {
      const auto phases = phase_names(*one.info);
      output.line(fmt::format("{:<{}}  {}{}{}", one.info->id, width, one.file,
                              phases.empty() ? "" : "  phases: ", phases));
    } else {
      output.line(fmt::format("{:<{}}  {}", "-", width, one.file));
      output.line("  " + one.error);
    }
  }
}

void print_check(Output& output, const std::vector<projects::Definition>& definitions) {
  for (const auto& one : definitions) {
    if (!one.usable()) {
      output.line(fmt::format("broken  {}", one.file));
      output.line("  " + one.error);
      continue;
    }
    output.line(fmt::format("ok      {}  {}", one.file, one.info->id));
    for (const auto& found : one.findings) {
      output.line(fmt::format("  {}:{}:{}: {} is {}{}{}", found.file, found.line, found.column,
                              found.what, found.treatment, found.advice.empty() ? "" : ". ",
                              found.advice));
    }
  }
}

Json to_json(const projects::RunCheck& check) {
  Json json{{"run", check.run.id.text},
            {"definition", check.run.definition},
            {"file", check.run.file},
            {"status", store::to_string(check.run.status)}};
  json.update(verdict_json(check.verdict));
  return json;
}

void print_runs(Output& output, const std::vector<projects::RunCheck>& checks) {
  for (const auto& [run, verdict] : checks) {
    output.line(fmt::format("{:<11}  {}  {}  {}  {}", verdict.matches() ? "fits" : "would break",
                            run.id.text, run.definition, store::to_string(run.status),
                            in_words(verdict)));
  }
}

bool all_usable(const std::vector<projects::Definition>& definitions) {
  return std::ranges::all_of(definitions, [](const auto& one) { return one.usable(); });
}

// Live and recent runs against what is on disk.
Task<int> check_against_runs(Services& services, std::filesystem::path project,
                             std::vector<projects::Definition> definitions,
                             DefinitionsCommand command) {
  const auto checks = co_await projects::check_runs(
      services.loader(), services.store(), std::move(project), definitions, command.recent);
  if (!checks) co_return refuse(services, checks.error());
  if (command.json) {
    Json document{{"definitions", Json::array()}, {"runs", Json::array()}};
    for (const auto& one : definitions) document["definitions"].push_back(to_json(one, true));
    for (const auto& check : *checks) document["runs"].push_back(to_json(check));
    services.output.out(to_pretty_text(document) + "\n");
  } else {
    print_check(services.output, definitions);
    print_runs(services.output, *checks);
    if (checks->empty()) services.output.err("No runs to check against.\n");
  }
  const bool all_fit =
      std::ranges::all_of(*checks, [](const auto& check) { return check.verdict.matches(); });
  co_return static_cast<int>(all_fit && all_usable(definitions) ? ExitCode::ok : ExitCode::failed);
}

}  // namespace

Task<int> list_definitions(Services& services, DefinitionsCommand command) {
  const auto project = command.project.empty() ? projects::find_project(services.cwd)
                                               : projects::named_project(command.project);
  if (!project) co_return refuse(services, project.error());
  store::prepare(services.home);
  auto definitions = co_await projects::load_definitions(
      services.loader(), *project,
      command.check ? projects::Findings::yes : projects::Findings::no);
  if (command.against_live) {
    co_return co_await check_against_runs(services, *project, std::move(definitions),
                                          std::move(command));
  }
  if (command.json) {
    Json all = Json::array();
    for (const auto& one : definitions) all.push_back(to_json(one, command.check));
    services.output.out(to_pretty_text(all) + "\n");
  } else if (definitions.empty()) {
    services.output.err(fmt::format("No definitions in {}. agentcmd init makes a sample.\n",
                                    (*project / projects::definitions_folder()).string()));
  } else if (command.check) {
    print_check(services.output, definitions);
  } else {
    print_list(services.output, definitions);
  }
  const bool broken = command.check && !all_usable(definitions);
  co_return static_cast<int>(broken ? ExitCode::failed : ExitCode::ok);
}

}  // namespace agentcmd::cli
