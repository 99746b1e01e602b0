#include "cli/spec_option.h"

#include "base/limits.h"
#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

namespace agentcmd::cli {
namespace {

namespace fs = std::filesystem;

// It becomes part of the name of a slash command, and of its file.
bool is_type(const std::string& type) {
  return !type.empty() && std::ranges::all_of(type, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::string within(const fs::path& file, const fs::path& project) {
  for (const auto& folder : {project / ".agent" / "specs", project}) {
    std::error_code error;
    const auto relative = file.lexically_relative(fs::weakly_canonical(folder, error));
    if (!relative.empty() && *relative.begin() != "..") return relative.string();
  }
  return file.string();
}

Result<std::string> find_spec(const std::string& typed, const fs::path& cwd,
                              const fs::path& project) {
  for (const auto& folder : {cwd, project / ".agent" / "specs", project}) {
    std::error_code error;
    const auto file = fs::canonical(folder / typed, error);
    if (!error && fs::is_regular_file(file, error)) return within(file, project);
  }
  return fail(ErrorCode::not_found,
              fmt::format("--spec-file: no file '{}', neither in {} nor in {}", to_utf8(typed),
                          cwd.string(), (project / ".agent" / "specs").string()));
}

}  // namespace

Result<Json> spec_request(const RunCommand& command, const fs::path& cwd, const fs::path& project) {
  Json request = Json::object();
  if (command.spec_file && command.spec_content) {
    return fail(ErrorCode::invalid_argument,
                "--spec-file and --spec-content: a run has one spec, give one of them");
  }
  if (command.spec_file) {
    auto file = find_spec(*command.spec_file, cwd, project);
    if (!file) return tl::unexpected(file.error());
    request["specFile"] = to_utf8(*file);
  }
  if (command.spec_content) {
    if (trim(*command.spec_content).empty()) {
      return fail(ErrorCode::invalid_argument, "--spec-content: the text is empty");
    }
    request["specContent"] = to_utf8(*command.spec_content);
  }
  if (!command.spec_type) return request;
  if (request.empty()) {
    return fail(ErrorCode::invalid_argument,
                "--spec-type needs --spec-file or --spec-content: what it is the type of");
  }
  if (!is_type(*command.spec_type)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("--spec-type {}: a type is a word such as feature, bug or issue",
                            shell_quoted(*command.spec_type)));
  }
  request["specType"] = *command.spec_type;
  return request;
}

}  // namespace agentcmd::cli
