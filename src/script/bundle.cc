#include "script/bundle.h"

#include "base/fault.h"
#include "base/id.h"
#include "base/json.h"
#include "base/text.h"
#include "process/command.h"
#include "process/rooted_path.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace agentcmd::script {
namespace {

constexpr std::string_view map_marker = "//# sourceMappingURL=data:application/json;base64,";

// JavaScriptCore's API runs scripts only: one CommonJS function is what fits. The SDK stays outside
// (the worker gives it), under every name by which projects import it; one '*' a pattern.
std::vector<std::string> esbuild_argv(const std::filesystem::path& esbuild,
                                      const std::filesystem::path& file) {
  std::vector<std::string> argv{esbuild.string(),
                                file.string(),
                                "--bundle",
                                "--platform=node",
                                "--format=cjs",
                                "--target=es2023",
                                "--supported:dynamic-import=false",
                                "--charset=utf8",
                                "--legal-comments=none",
                                "--sourcemap=inline",
                                "--sources-content=false",
                                "--define:import.meta.dirname=__dirname",
                                "--define:import.meta.filename=__filename",
                                "--log-level=error",
                                "--log-limit=0",
                                "--color=false",
                                "--external:agentcmd-workflows",
                                "--external:agentcmd-workflows/*"};
  for (const char* end : {"", "/dist", "/dist/index", "/dist/index.js", "/src", "/src/index",
                          "/src/index.js", "/src/index.ts"}) {
    argv.push_back(fmt::format("--external:*/agentcmd-workflows{}", end));
  }
  return argv;
}

// What esbuild says, with what to do where we know.
std::string advised(std::string_view reason) {
  if (reason.starts_with("Top-level await")) {
    return "top-level await is not available in definitions; move it into the workflow function "
           "or a step";
  }
  if (reason.starts_with("Could not resolve \"")) {
    const auto name = reason.substr(19, reason.find('"', 19) - 19);
    if (!name.starts_with('.') && !name.starts_with('/')) {
      return fmt::format("{} (is it installed? npm install {})", reason, name);
    }
  }
  return std::string(reason);
}

// "    src/a.ts:3:10:" as "src/a.ts:3:11": esbuild counts columns from 0.
std::optional<std::string> place_of(std::string_view line) {
  if (!line.starts_with("    ") || !line.ends_with(':')) return std::nullopt;
  line = trim(line.substr(0, line.size() - 1));
  const auto colon = line.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const auto digits = line.substr(colon + 1);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  return fmt::format("{}:{}", line.substr(0, colon), std::stoi(std::string(digits)) + 1);
}

// One "file:line:column: reason" for each error; errors without a place are the definition's.
std::string errors_of(std::string_view output, const std::string& file) {
  constexpr std::string_view mark = "[ERROR] ";
  const auto lines = split(output, '\n');
  std::string errors;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto at = lines[i].find(mark);
    if (at == std::string::npos) continue;
    const auto reason = advised(std::string_view(lines[i]).substr(at + mark.size()));
    std::optional<std::string> place;
    if (i + 2 < lines.size()) place = place_of(lines[i + 2]);
    if (!errors.empty()) errors += '\n';
    errors += fmt::format("{}: {}", place.value_or(file), reason);
  }
  return errors.empty() ? fmt::format("{}: esbuild failed: {}", file, trim(output)) : errors;
}

std::string decode_base64(std::string_view text) {
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  const int length = ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                       reinterpret_cast<const unsigned char*>(text.data()),
                                       static_cast<int>(text.size()));
  if (length < 0) throw Fault("esbuild gave a source map that is not base64");
  const auto padding = static_cast<std::size_t>(std::ranges::count(text, '='));
  bytes.resize(static_cast<std::size_t>(length) - padding);
  return bytes;
}

void cut_map(std::string output, Bundle& bundle) {
  const auto at = output.rfind(map_marker);
  if (at == std::string::npos) throw Fault("esbuild gave no source map");
  bundle.map = decode_base64(trim(std::string_view(output).substr(at + map_marker.size())));
  output.resize(at);
  bundle.code = std::move(output);
}

std::string kept_name(const std::string& hash) {
  return hash + ".json";
}

// One file, so that code and map cannot part.
Result<void> keep(const std::filesystem::path& bundles, const Bundle& bundle) {
  const auto name = kept_name(bundle.hash);
  std::error_code error;
  if (std::filesystem::exists(bundles / name, error)) {
    // Its time says when it was last wanted; what no run is pinned to goes when that is long ago.
    std::filesystem::last_write_time(bundles / name, std::filesystem::file_time_type::clock::now(),
                                     error);
    if (!error) return {};
  }
  std::filesystem::create_directories(bundles, error);
  if (error) throw_errno("creating " + bundles.string(), error.value());
  Json json;
  json["file"] = bundle.file;
  json["code"] = bundle.code;
  json["map"] = bundle.map;
  return process::write_file_beneath(bundles, name, to_text(json));
}

bool is_hash(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

Task<Result<Bundle>> make_bundle(boost::asio::any_io_executor executor,
                                 std::filesystem::path libexec, std::filesystem::path project,
                                 std::filesystem::path file, std::filesystem::path bundles) {
  // esbuild tells places by real paths, relative to where it runs.
  std::error_code error;
  project = std::filesystem::canonical(project, error);
  if (!error) file = std::filesystem::canonical(file, error);
  if (error) {
    co_return fail(ErrorCode::not_found, fmt::format("{}: no such file", file.string()));
  }
  Bundle bundle;
  bundle.file = file.lexically_relative(project).string();
  process::CommandSpec spec{.argv = esbuild_argv(libexec / "esbuild", file), .cwd = project};
  auto result = co_await process::run_command(executor, spec);
  if (result && result->code != 0 && result->err.find("tsconfig") != std::string::npos) {
    // The project's own compiler settings are a help, not a condition.
    spec.argv.emplace_back("--tsconfig-raw={}");
    result = co_await process::run_command(executor, std::move(spec));
  }
  if (!result) co_return tl::unexpected(result.error());
  if (result->code != 0) {
    co_return fail(ErrorCode::invalid_argument, errors_of(result->err, bundle.file));
  }
  cut_map(std::move(result->out), bundle);
  bundle.hash = sha256_hex(bundle.code);
  auto kept = keep(bundles, bundle);
  if (!kept) co_return tl::unexpected(kept.error());
  co_return bundle;
}

Result<Bundle> load_bundle(const std::filesystem::path& bundles, const std::string& hash) {
  if (!is_hash(hash)) {
    return fail(ErrorCode::invalid_argument, fmt::format("'{}' is not the hash of a bundle", hash));
  }
  const auto path = bundles / kept_name(hash);
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return fail(ErrorCode::not_found,
                fmt::format("the code {} is not kept in {}", hash, bundles.string()));
  std::ostringstream text;
  text << file.rdbuf();
  const Json json = parse_trusted(text.view(), path.string());
  Bundle bundle{.hash = hash,
                .file = string_or(json, "file"),
                .code = string_or(json, "code"),
                .map = string_or(json, "map")};
  if (sha256_hex(bundle.code) != hash) {
    throw Fault(
        fmt::format("{} is damaged: its code does not have the hash of its name", path.string()));
  }
  return bundle;
}

}  // namespace agentcmd::script
