// version, config, init: no loop, no store, no worker.

#include "base/json.h"
#include "base/text.h"
#include "cli/dispatch.h"
#include "cli/error_report.h"
#include "cli/exit_code.h"
#include "projects/init.h"

#include <fmt/format.h>

#include <algorithm>

namespace agentcmd::cli {
namespace {

constexpr auto ok = static_cast<int>(ExitCode::ok);

std::string_view shown_value(const SettingRow& row) {
  return row.value.empty() ? "not set" : std::string_view(row.value);
}

void print_files(Output& output, std::string_view what, const std::vector<std::string>& files) {
  for (const auto& file : files) output.out(fmt::format("  {:<8} {}\n", what, file));
}

}  // namespace

int show_version(Output& output, const VersionCommand& command) {
  output.out(command.json ? R"({"version":")" AGENTCMD_VERSION "\"}\n"
                          : "agentcmd " AGENTCMD_VERSION "\n");
  return ok;
}

int show_config(Output& output, const ConfigCommand& command, const std::vector<SettingRow>& rows) {
  if (command.json) {
    Json settings = Json::object();
    for (const auto& row : rows) {
      settings[row.key] = {{"value", row.value.empty() ? Json() : Json(row.value)},
                           {"source", row.source}};
    }
    output.out(to_pretty_text(settings) + "\n");
    return ok;
  }
  std::size_t key_width = 0;
  std::size_t value_width = 0;
  for (const auto& row : rows) {
    key_width = std::max(key_width, row.key.size());
    value_width = std::max(value_width, shown_value(row).size());
  }
  for (const auto& row : rows) {
    output.line(fmt::format("{:<{}}  {:<{}}  {}", row.key, key_width, shown_value(row), value_width,
                            row.source));
  }
  return ok;
}

int init(Output& output, const InitCommand& command, const std::filesystem::path& libexec) {
  const auto made = projects::init_project(command.folder, libexec);
  if (!made) {
    report(output, made.error(), command.json);
    return static_cast<int>(ExitCode::not_started);
  }
  if (command.json) {
    output.out(to_pretty_text({{"project", made->project.string()},
                               {"created", made->created},
                               {"updated", made->updated},
                               {"kept", made->kept}}) +
               "\n");
    return ok;
  }
  output.out(fmt::format("{}\n", made->project.string()));
  print_files(output, "created", made->created);
  print_files(output, "updated", made->updated);
  print_files(output, "kept", made->kept);
  if (made->created.empty() && made->updated.empty()) {
    output.line("It is a project already; nothing was changed.");
  }
  const auto sample = std::ranges::any_of(
      made->created, [](const std::string& file) { return file.ends_with("hello.ts"); });
  if (sample) {
    output.out(fmt::format("Try it: agentcmd run hello --project {}\n",
                           shell_quoted(made->project.string())));
  }
  return ok;
}

}  // namespace agentcmd::cli
