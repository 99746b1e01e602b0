#include "projects/slash_commands.h"

#include "base/id.h"
#include "base/limits.h"
#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace agentcmd::projects {
namespace {

namespace fs = std::filesystem;

struct CommandFile {
  std::string name;  // below the folder
  std::string text;
};

// A definition that is asked for its description only: the SDK does the work.
constexpr std::string_view generator = R"(
const sdk = require("agentcmd-workflows");
const commands = files.map(({ name, text }) => sdk.parseSlashCommand(name, text));
const problems = files
  .filter(({ text }, i) => /<json_output>/i.test(text) && !commands[i].responseSchema)
  .map(({ name }) => name + ": what stands between <json_output> and </json_output> is no JSON object");
const description = JSON.stringify({
  code: sdk.generateSlashCommandTypesCode(commands), commands: commands.map(({ name }) => name), problems });
exports.default = sdk.defineWorkflow({ id: "slash-commands", description }, () => {});
)";

Result<std::string> text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (in.is_open() && !in.bad()) return to_utf8(text);
  return fail(ErrorCode::permission_denied, fmt::format("{} cannot be read", file.string()));
}

Result<std::vector<CommandFile>> read_commands(const fs::path& folder) {
  std::vector<CommandFile> files;
  std::uintmax_t bytes = 0;
  std::error_code error;
  fs::recursive_directory_iterator walk(folder, error);
  for (const fs::recursive_directory_iterator end; !error && walk != end; walk.increment(error)) {
    std::error_code ignored;
    if (walk->path().extension() != ".md" || !walk->is_regular_file(ignored)) continue;
    bytes += walk->file_size(ignored);
    if (bytes > limits::arguments_bytes_max) {
      return fail(ErrorCode::resource_exhausted,
                  fmt::format("the commands in {} are larger than {} MiB together", folder.string(),
                              limits::arguments_bytes_max / limits::mib));
    }
    auto text = text_of(walk->path());
    if (!text) return tl::unexpected(text.error());
    files.push_back({walk->path().lexically_relative(folder).string(), *std::move(text)});
  }
  if (error) {
    return fail(ErrorCode::permission_denied,
                fmt::format("{} cannot be read: {}", folder.string(), error.message()));
  }
  std::ranges::sort(files, {}, &CommandFile::name);
  return files;
}

std::string code_about(const std::vector<CommandFile>& files) {
  Json list = Json::array();
  for (const auto& file : files)
    list.push_back({{"name", to_utf8(file.name)}, {"text", file.text}});
  return fmt::format("const files = {};{}", to_text(list), generator);
}

}  // namespace

Task<Result<SlashCommandTypes>> slash_command_types(Loader loader, fs::path project) {
  const auto folder = project / ".claude" / "commands";
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    co_return fail(ErrorCode::not_found,
                   fmt::format("there are no slash commands: no folder {}", folder.string()));
  }
  const auto files = read_commands(folder);
  if (!files) co_return tl::unexpected(files.error());
  const auto code = code_about(*files);
  script::Bundle bundle{
      .hash = sha256_hex(code), .file = folder.string(), .code = code, .map = "{}"};
  const auto info = co_await describe_bundle(std::move(loader), std::move(bundle));
  if (!info) co_return tl::unexpected(info.error());
  auto said = parse_trusted(info->description, "the types of slash commands");
  co_return SlashCommandTypes{
      .code = said.at("code"), .commands = said.at("commands"), .problems = said.at("problems")};
}

}  // namespace agentcmd::projects
