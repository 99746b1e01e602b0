// doctor: what is the matter, what it means, what to do. 0: healthy (notes may be there), 1: there
// are problems.

#include "base/bytes.h"
#include "base/text.h"
#include "cli/dispatch.h"
#include "cli/exit_code.h"
#include "cli/text_width.h"
#include "runtime/doctor.h"

#include <fmt/format.h>

#include <algorithm>

namespace agentcmd::cli {
namespace {

using runtime::Checkup;
using store::Finding;
using store::Severity;

std::string_view to_string(Severity severity) {
  return severity == Severity::problem ? "problem" : "note";
}

std::size_t problems_in(const Checkup& checkup) {
  return static_cast<std::size_t>(
      std::ranges::count(checkup.findings, Severity::problem, &Finding::severity));
}

Json to_json(const Finding& finding) {
  return {{"check", finding.check},
          {"severity", to_string(finding.severity)},
          {"what", finding.what},
          {"meaning", finding.meaning},
          {"action", finding.action}};
}

Json to_json(const runtime::AgentState& agent) {
  const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  return {{"name", agent.name},           {"installed", !agent.path.empty()},
          {"path", or_null(agent.path)},  {"version", or_null(agent.version)},
          {"tried", agent.tried},         {"logged_in", !agent.login.empty()},
          {"login", or_null(agent.login)}};
}

std::string in_words(const runtime::AgentState& agent) {
  if (agent.path.empty()) return "not installed";
  const auto version = agent.version.empty() ? "of an unknown version" : agent.version;
  const auto login = agent.login.empty() ? "not logged in" : "logged in by " + agent.login;
  return fmt::format("{} ({}), {}", version, printable(agent.path), printable(login));
}

bool is_agent(const Checkup& checkup, const std::string& tool) {
  return std::ranges::count(checkup.agents, tool, &runtime::AgentState::name) > 0;
}

Json document(const Services& services, const Checkup& checkup) {
  Json findings = Json::array();
  for (const auto& finding : checkup.findings) findings.push_back(to_json(finding));
  Json tools = Json::object();
  const auto& found = checkup.surroundings;
  for (const auto& tool : found.tools) {
    tools[tool.name] = tool.found ? Json{{"version", tool.version}} : Json();
  }
  Json agents = Json::array();
  for (const auto& agent : checkup.agents) agents.push_back(to_json(agent));
  return {{"healthy", problems_in(checkup) == 0},
          {"home", services.home.root.string()},
          {"findings", std::move(findings)},
          {"repaired", checkup.repaired},
          {"store",
           {{"runs", checkup.store.runs.size()},
            {"events", checkup.store.events},
            {"blobs", checkup.store.blobs},
            {"database_bytes", checkup.store.database_bytes}}},
          {"drivers", checkup.drivers},
          {"containment", found.containment},
          {"tools", std::move(tools)},
          {"agents", std::move(agents)},
          {"free_bytes", found.free_bytes},
          {"sync_ms", found.sync_milliseconds}};
}

void print_findings(Output& output, const Checkup& checkup, Severity severity) {
  for (const auto& finding : checkup.findings) {
    if (finding.severity != severity) continue;
    output.line(
        fmt::format("{:<8} {}: {}", to_string(severity), finding.check, printable(finding.what)));
    output.line(fmt::format("         {}", printable(finding.meaning)));
    if (!finding.action.empty()) {
      output.line(fmt::format("         → {}", printable(finding.action)));
    }
  }
}

void print_surroundings(Output& output, const Checkup& checkup) {
  const auto& found = checkup.surroundings;
  output.line(
      fmt::format("contained by {}", found.containment.empty() ? "nothing" : found.containment));
  for (const auto& tool : found.tools) {
    if (is_agent(checkup, tool.name)) continue;
    const auto shown = tool.version.empty() ? "found" : printable(tool.version);
    output.line(fmt::format("  {:<10} {}", tool.name, tool.found ? shown : "not found"));
  }
  output.line("agents");
  for (const auto& agent : checkup.agents) {
    output.line(fmt::format("  {:<10} {}", agent.name, in_words(agent)));
  }
  if (found.free_bytes == 0) return;  // there is no home yet
  const auto sync = found.sync_milliseconds > 0
                        ? fmt::format("a safe write takes {:.2f} ms", found.sync_milliseconds)
                        : "not written to";
  output.line(fmt::format("disk         {} free, {}", format_bytes(found.free_bytes), sync));
}

void print_checkup(Services& services, const Checkup& checkup) {
  auto& output = services.output;
  output.line(fmt::format("home         {}", services.home.root.native()));
  output.line(fmt::format("store        {} runs, {} events, {} blobs, {}",
                          checkup.store.runs.size(), checkup.store.events, checkup.store.blobs,
                          format_bytes(checkup.store.database_bytes)));
  print_surroundings(output, checkup);
  print_findings(output, checkup, Severity::note);
  print_findings(output, checkup, Severity::problem);
  for (const auto& done : checkup.repaired) output.line("repaired " + done);
  const auto problems = problems_in(checkup);
  output.line(problems == 0 ? "healthy"
                            : fmt::format("{} problem{}", problems, problems == 1 ? "" : "s"));
}

}  // namespace

Task<int> examine_home(Services& services, DoctorCommand command) {
  runtime::DoctorOptions options{.home = services.home,
                                 .libexec = services.libexec,
                                 .rebuild = command.rebuild,
                                 .fix = command.fix};
  auto checkup =
      co_await runtime::examine(services.executor, std::move(options),
                                [&services]() -> store::Store& { return services.store(); });
  if (!services.settings_problem.empty()) {
    checkup.findings.push_back({.check = "settings",
                                .what = services.settings_problem,
                                .meaning = "no command that needs the settings works",
                                .action = "correct or remove what it names"});
  }
  if (command.json) {
    services.output.out(to_pretty_text(document(services, checkup)) + "\n");
  } else {
    print_checkup(services, checkup);
  }
  co_return static_cast<int>(problems_in(checkup) == 0 ? ExitCode::ok : ExitCode::failed);
}

}  // namespace agentcmd::cli
