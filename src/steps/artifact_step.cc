// step.artifact: keeps a text, a file, an image or a folder of files with the run. Everything goes
// below <run_dir>/artifacts/<step>, resolved by the kernel, so that a name cannot lead out of it.

#include "base/fault.h"
#include "base/id.h"
#include "base/random.h"
#include "process/rooted_path.h"
#include "steps/glob.h"
#include "steps/interruptible.h"
#include "steps/result.h"
#include "steps/step_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <sstream>
#include <stop_token>

namespace agentcmd::steps {
namespace {

namespace fs = std::filesystem;

struct MimeType {
  std::string_view extension;
  std::string_view type;
};
constexpr std::array mime_types{
    MimeType{".txt", "text/plain"},      MimeType{".log", "text/plain"},
    MimeType{".md", "text/markdown"},    MimeType{".html", "text/html"},
    MimeType{".css", "text/css"},        MimeType{".csv", "text/csv"},
    MimeType{".xml", "application/xml"}, MimeType{".json", "application/json"},
    MimeType{".js", "text/javascript"},  MimeType{".ts", "text/typescript"},
    MimeType{".diff", "text/x-diff"},    MimeType{".patch", "text/x-diff"},
    MimeType{".pdf", "application/pdf"}, MimeType{".zip", "application/zip"},
    MimeType{".gz", "application/gzip"}, MimeType{".png", "image/png"},
    MimeType{".jpg", "image/jpeg"},      MimeType{".jpeg", "image/jpeg"},
    MimeType{".gif", "image/gif"},       MimeType{".webp", "image/webp"},
    MimeType{".svg", "image/svg+xml"},   MimeType{".mp4", "video/mp4"},
    MimeType{".webm", "video/webm"}};

std::string_view mime_of(const fs::path& name, std::string_view otherwise) {
  auto extension = name.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  for (const auto& row : mime_types) {
    if (row.extension == extension) return row.type;
  }
  return otherwise;
}

struct ArtifactSpec {
  std::string name;
  std::string type;
  std::string description;
  std::optional<std::string> content;
  fs::path source;      // of a file, image or directory; absolute
  std::string pattern;  // of a directory; empty: everything
};

Result<ArtifactSpec> read_spec(const Step& step, const Json& config) {
  ArtifactSpec spec;
  spec.name = string_or(config, "name");
  spec.type = string_or(config, "type", "text");
  spec.description = string_or(config, "description");
  spec.pattern = string_or(config, "pattern");
  if (config.contains("content") && config["content"].is_string()) {
    spec.content = config["content"].get<std::string>();
  }
  const bool is_folder = spec.type == "directory";
  if (!is_folder && spec.type != "text" && spec.type != "file" && spec.type != "image") {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("an artifact's type is text, file, image or directory, not \"{}\"", spec.type));
  }
  const auto path = string_or(config, is_folder ? "directory" : "file");
  if (!path.empty()) spec.source = (step.run.working_dir / path).lexically_normal();
  if (path.empty() && (is_folder || !spec.content)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("an artifact of type {} needs {}", spec.type,
                            is_folder             ? "a directory"
                            : spec.type == "text" ? "a content (a text) or a file"
                                                  : "a file"));
  }
  if (spec.name.empty()) spec.name = path.empty() ? step.name : spec.source.filename().string();
  return spec;
}

// A file to be kept: where it comes from (or its content) and its name below the step's folder.
struct Piece {
  fs::path name;
  fs::path source;
};

// Regular files only: a link to a folder could lead anywhere, or round in a circle.
std::vector<Piece> pieces_of_folder(const ArtifactSpec& spec) {
  std::vector<Piece> pieces;
  fs::recursive_directory_iterator entry(spec.source);
  for (; entry != fs::recursive_directory_iterator(); ++entry) {
    const auto name = entry->path().filename();
    if (name == ".git" || name == "node_modules") {
      if (entry->is_directory()) entry.disable_recursion_pending();
      continue;
    }
    if (!entry->is_regular_file()) continue;
    const auto relative = entry->path().lexically_relative(spec.source);
    if (!spec.pattern.empty() && !matches_glob(spec.pattern, relative.generic_string())) continue;
    pieces.push_back({.name = fs::path(spec.name) / relative, .source = entry->path()});
  }
  std::ranges::sort(pieces, {}, &Piece::name);
  return pieces;
}

std::string read_whole(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw_errno(fmt::format("reading {}", file.string()), errno);
  std::ostringstream content;
  content << in.rdbuf();
  return std::move(content).str();
}

struct Kept {
  Json artifacts = Json::array();
  Json ids = Json::array();
  std::uintmax_t total = 0;
};

Result<void> keep(const fs::path& root, const ArtifactSpec& spec, const fs::path& name,
                  const std::string& content, Kept& kept) {
  fs::create_directories(root);
  auto written = process::write_file_beneath(root, name, content);
  if (!written) {
    return fail(written.error().code, fmt::format("the artifact \"{}\" cannot be kept: {}",
                                                  name.string(), written.error().message));
  }
  SystemRandom random;
  const auto id = make_id('a', random);
  Json artifact{
      {"id", id},
      {"name", name.generic_string()},
      {"path", (root / name).string()},
      {"size", content.size()},
      {"type", spec.type == "directory" ? "file" : spec.type},
      {"mime", mime_of(name, spec.type == "text" ? "text/plain" : "application/octet-stream")}};
  if (!spec.description.empty()) artifact["description"] = spec.description;
  kept.artifacts.push_back(std::move(artifact));
  kept.ids.push_back(id);
  kept.total += content.size();
  return {};
}

// On the pool, where it cannot be cancelled: it looks by itself whether somebody still waits.
Result<Kept> keep_all(const fs::path& root, const ArtifactSpec& spec,
                      const std::stop_token& given_up) {
  Kept kept;
  if (spec.type == "directory") {
    if (!fs::is_directory(spec.source)) {
      return fail(ErrorCode::not_found,
                  fmt::format("there is no directory {}", spec.source.string()));
    }
    for (const auto& piece : pieces_of_folder(spec)) {
      if (given_up.stop_requested()) break;
      auto one = keep(root, spec, piece.name, read_whole(piece.source), kept);
      if (!one) return tl::unexpected(one.error());
    }
    return kept;
  }
  if (!spec.content && !fs::is_regular_file(spec.source)) {
    return fail(ErrorCode::not_found, fmt::format("there is no file {}", spec.source.string()));
  }
  const auto content = spec.content ? *spec.content : read_whole(spec.source);
  auto one = keep(root, spec, spec.name, content, kept);
  if (!one) return tl::unexpected(one.error());
  return kept;
}

Task<Outcome> perform(StepHost& host, Step step, std::stop_token given_up) {
  const auto input = read_input(step);
  auto spec = read_spec(step, input.config);
  if (!spec) co_return failed(spec.error());
  if (spec->content) spec->content = redact(*spec->content, step.run.secrets);
  const auto name = spec->name;

  const auto root = step.run.run_dir / "artifacts" / folder_name(step.key);
  auto work = [root, spec = std::move(*spec), given_up = std::move(given_up)] {
    return keep_all(root, spec, given_up);
  };
  auto kept = co_await host.pool().run(std::move(work));
  if (!kept) co_return failed(kept.error());

  const auto count = kept->ids.size();
  Json data{{"count", count},
            {"artifactIds", std::move(kept->ids)},
            {"totalSize", kept->total},
            {"artifacts", std::move(kept->artifacts)}};
  auto outcome = completed(
      step, true, {{"data", std::move(data)}, {"success", true}, {"trace", Json::array()}});
  outcome.notes.push_back(history::Annotated{
      .key = step.key,
      .phase = step.phase,
      .message =
          fmt::format("artifact {}: {} in {}", name,
                      count == 1 ? "1 file" : fmt::format("{} files", count), root.string())});
  co_return outcome;
}

}  // namespace

Task<Outcome> run_artifact_step(StepHost& host, Step step, StopSource& stop) {
  const auto timeout = timeout_of(step, read_input(step));
  std::stop_source giving_up;
  auto outcome = co_await interruptible(perform(host, std::move(step), giving_up.get_token()), stop,
                                        timeout, "keeping the artifact");
  giving_up.request_stop();
  co_return outcome;
}

}  // namespace agentcmd::steps
