#include "store/blobs.h"

#include "base/fault.h"
#include "base/id.h"
#include "store/open_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>

namespace agentcmd::store {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::string content(std::istreambuf_iterator<char>(in), {});
  if (in.bad()) return std::nullopt;
  return content;
}

// Written beside its place and renamed into it, so that a name always stands for all of its bytes.
void write_whole(const fs::path& path, std::string_view content) {
  const auto part = fs::path(fmt::format("{}.{}.{}", path.native(), getpid(), gettid()));
  try {
    OpenFile file(part, O_WRONLY | O_CREAT | O_TRUNC);
    file.write_all(content);
    file.sync();
  } catch (...) {
    unlink(part.c_str());
    throw;
  }
  if (std::rename(part.c_str(), path.c_str()) != 0) {
    const int why = errno;
    unlink(part.c_str());
    throw_errno(fmt::format("writing {}", path.native()), why);
  }
}

void make_folder(const fs::path& folder) {
  if (mkdir(folder.c_str(), 0700) == 0) {
    sync_folder(folder.parent_path());
  } else if (errno != EEXIST) {
    throw_errno(fmt::format("creating {}", folder.native()), errno);
  }
}

}  // namespace

fs::path Blobs::path_of(const std::string& name) const {
  return folder_ / name.substr(0, 2) / name.substr(2);
}

std::string Blobs::put(std::string_view content) const {
  auto name = sha256_hex(content);
  const auto path = path_of(name);
  make_folder(folder_);
  make_folder(path.parent_path());
  // One that is there but damaged is written again.
  if (content_of(path) != content) write_whole(path, content);
  // Also for one that was there: whoever wrote it may not have come so far.
  sync_folder(path.parent_path());
  return name;
}

std::string Blobs::get(const std::string& name) const {
  constexpr std::size_t name_length = 64;
  if (name.size() != name_length) throw Fault(fmt::format("'{}' is no name of a blob", name));
  const auto path = path_of(name);
  auto content = content_of(path);
  if (!content) throw Fault(fmt::format("{} is missing or cannot be read", path.native()));
  if (sha256_hex(*content) != name) {
    throw Fault(fmt::format("{} is damaged: its content does not match its name", path.native()));
  }
  return *std::move(content);
}

}  // namespace agentcmd::store
