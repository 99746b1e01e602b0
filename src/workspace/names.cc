#include "workspace/names.h"

#include "base/id.h"

namespace agentcmd::workspace {
namespace {

constexpr std::size_t slug_bytes_max = 40;
constexpr std::size_t run_bytes_shown = 8;
// Leaves room for a suffix in the 255 bytes that file systems allow.
constexpr std::size_t folder_bytes_max = 200;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

}  // namespace

std::string slug(std::string_view text) {
  std::string made;
  for (char c : text) {
    if (made.size() == slug_bytes_max) break;
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (is_alphanumeric(c)) {
      made += c;
    } else if (!made.empty() && made.back() != '-') {
      made += '-';
    }
  }
  while (made.ends_with('-')) made.pop_back();
  return made.empty() ? "run" : made;
}

std::string default_branch(std::string_view run_name, std::string_view run) {
  return "agentcmd/" + slug(run_name) + "-" + std::string(run.substr(0, run_bytes_shown));
}

std::string fork_stem(std::string_view branch) {
  const auto end = branch.find_last_not_of("0123456789");
  const auto stem = branch.substr(0, end == std::string_view::npos ? 0 : end + 1);
  constexpr std::string_view mark = "-fork-";
  if (stem.size() == branch.size() || !stem.ends_with(mark)) return std::string(branch);
  return std::string(stem.substr(0, stem.size() - mark.size()));
}

std::string folder_name(std::string_view branch) {
  std::string name;
  for (std::size_t i = 0; i < branch.size(); ++i) {
    const char c = branch[i];
    if (branch.substr(i).starts_with("..")) {
      name += "--";
      ++i;
    } else {
      name += c == '/' || c == '\\' || c == '\0' ? '-' : c;
    }
  }
  if (name.size() > folder_bytes_max) {
    auto end = folder_bytes_max;
    while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0U) == 0x80U) --end;
    name.resize(end);
  }
  if (name.empty()) return "_";
  if (name[0] == '.' || name[0] == '-') name[0] = '_';
  return name;
}

std::string workspace_id(std::string_view run, std::string_view key) {
  if (key.empty()) return std::string(run);
  return std::string(run) + "-" + sha256_hex(key).substr(0, 8);
}

bool is_of_run(std::string_view workspace_id, std::string_view run) {
  if (!workspace_id.starts_with(run)) return false;
  return workspace_id.size() == run.size() || workspace_id[run.size()] == '-';
}

}  // namespace agentcmd::workspace
