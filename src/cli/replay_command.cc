// replay: an exported history against the code of a file. For tests of definitions: exits with 0
// if the code does what was recorded, with 1 if it does not, with 2 if that could not be found out.

#include "base/limits.h"
#include "cli/dispatch.h"
#include "cli/verdict.h"
#include "history/export.h"
#include "projects/compatibility.h"
#include "projects/project.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <system_error>

namespace agentcmd::cli {
namespace {

namespace fs = std::filesystem;

Result<std::string> text_of(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error || size > limits::json_bytes_max) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("'{}' cannot be read: {}", file.string(),
                            error ? error.message() : "it is too large"));
  }
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad() || !in.is_open()) {
    return fail(ErrorCode::permission_denied, fmt::format("'{}' cannot be read", file.string()));
  }
  return text;
}

Result<script::Bundle> bundle_in(const history::ExportedRun& run, const std::string& file) {
  if (!run.bundle) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} has no code in it (runs export --bundle): name the definition "
                            "with --definition FILE",
                            file));
  }
  return script::Bundle{.hash = run.bundle->hash,
                        .file = run.bundle->file,
                        .code = run.bundle->code,
                        .map = run.bundle->map};
}

Result<fs::path> project_of(const ReplayCommand& command, const fs::path& file) {
  if (!command.project.empty()) return projects::named_project(command.project);
  const auto project = projects::find_project(file.parent_path());
  return project ? *project : file.parent_path();
}

Task<Result<script::Bundle>> code_for(Services& services, history::ExportedRun run,
                                      ReplayCommand command) {
  if (command.definition.empty()) co_return bundle_in(run, command.history);
  std::error_code error;
  const auto file = fs::canonical(services.cwd / command.definition, error);
  if (error || !fs::is_regular_file(file, error)) {
    co_return fail(ErrorCode::not_found,
                   fmt::format("--definition: no file '{}'", command.definition));
  }
  const auto project = project_of(command, file);
  if (!project) co_return tl::unexpected(project.error());
  store::prepare(services.home);
  co_return co_await script::make_bundle(services.executor, services.libexec, *project, file,
                                         services.home.bundles());
}

}  // namespace

Task<int> replay_history(Services& services, ReplayCommand command) {
  const auto text = text_of(services.cwd / command.history);
  if (!text) co_return refuse(services, text.error());
  auto run = history::read_export(*text, command.history);
  if (!run) co_return refuse(services, run.error());
  auto bundle = co_await code_for(services, *run, command);
  if (!bundle) co_return refuse(services, bundle.error());
  const auto file = bundle->file;
  const auto id = run->run.text;
  const auto verdict = co_await projects::replay(services.loader(), run->run,
                                                 std::move(run->events), *std::move(bundle));
  if (!verdict) co_return refuse(services, verdict.error());
  if (command.json) {
    Json document{{"run", id}, {"file", file}};
    document.update(verdict_json(*verdict));
    services.output.out(to_pretty_text(document) + "\n");
  } else {
    services.output.line(fmt::format("{}  {}  {}  {}",
                                     verdict->matches() ? "matches" : "would break", id, file,
                                     in_words(*verdict)));
  }
  co_return static_cast<int>(verdict->matches() ? ExitCode::ok : ExitCode::failed);
}

}  // namespace agentcmd::cli
