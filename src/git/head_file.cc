#include "git/head_file.h"

#include "base/text.h"
#include "git/discovery.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace agentcmd::git {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view heads = "refs/heads/";

std::optional<std::string> read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

bool is_ours(const fs::path& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && info.st_uid == ::geteuid();
}

// Git refuses repositories of others, and bare ones; and a configuration may have it look for
// files, branches or further configuration elsewhere.
bool is_simple(const fs::path& git_dir) {
  if (!is_ours(git_dir) || !is_ours(git_dir.parent_path())) return false;
  const auto config = read_file(git_dir / "config");
  if (!config) return false;
  for (const auto& line : split(*config, '\n')) {
    std::string text(trim(line));
    std::ranges::transform(text, text.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const bool means_more =
        std::ranges::any_of(std::array{"include", "extension", "worktree", "namespace"},
                            [&](const char* word) { return text.contains(word); }) ||
        (text.contains("bare") && text != "bare = false") ||
        (text.contains("repositoryformatversion") && text != "repositoryformatversion = 0");
    if (means_more) return false;
  }
  return true;
}

bool is_object_id(std::string_view text) {
  return text.size() == 40 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// The line with its end, as git writes it.
std::optional<std::string> id_in(const std::optional<std::string>& text) {
  if (!text || !text->ends_with('\n')) return std::nullopt;
  auto id = text->substr(0, text->size() - 1);
  if (!is_object_id(id)) return std::nullopt;
  return id;
}

std::optional<std::string> packed(const fs::path& git_dir, const std::string& ref) {
  const auto text = read_file(git_dir / "packed-refs");
  if (!text) return std::nullopt;
  for (const auto& line : split(*text, '\n')) {
    if (line.size() == 41 + ref.size() && line.ends_with(ref) && line[40] == ' ' &&
        is_object_id(std::string_view(line).substr(0, 40))) {
      return line.substr(0, 40);
    }
  }
  return std::nullopt;
}

std::optional<Head> head_in(const fs::path& git_dir) {
  const auto text = read_file(git_dir / "HEAD");
  if (const auto detached = id_in(text)) return Head{.branch = std::nullopt, .commit = *detached};
  constexpr std::string_view symbolic = "ref: ";
  if (!text || !text->starts_with(symbolic) || !text->ends_with('\n')) return std::nullopt;
  const auto ref = text->substr(symbolic.size(), text->size() - symbolic.size() - 1);
  if (!ref.starts_with(heads) || ref.contains("..") || ref.contains("/.")) return std::nullopt;
  const auto loose = read_file(git_dir / ref);
  auto commit = loose ? id_in(loose) : packed(git_dir, ref);
  if (!commit) return std::nullopt;  // no commit yet, or a file that git alone can judge
  return Head{.branch = ref.substr(heads.size()), .commit = std::move(commit)};
}

}  // namespace

std::optional<Checkout> look_at_checkout(const fs::path& folder) {
  const auto trace = look_for_repository(folder);
  if (trace.kind != Trace::Kind::plain || !is_simple(trace.path)) return std::nullopt;
  std::error_code error;
  const auto here = fs::canonical(folder, error);
  auto head = head_in(trace.path);
  if (error || !head) return std::nullopt;
  const auto top = trace.path.parent_path();
  auto prefix = here.lexically_relative(top);
  if (prefix == ".") prefix.clear();
  return Checkout{.layout = {.top_level = top,
                             .git_dir = trace.path,
                             .common_dir = trace.path,
                             .prefix = std::move(prefix)},
                  .head = std::move(*head)};
}

}  // namespace agentcmd::git
