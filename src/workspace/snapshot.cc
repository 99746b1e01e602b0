#include "workspace/snapshot.h"

#include "base/fault.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/text.h"
#include "git/git.h"
#include "git/trees.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace agentcmd::workspace {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

constexpr std::string_view message = "agentcmd: files of a run before one of its steps";

bool is_plain(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') || letter == '-' || letter == '_';
}

// As one component of a ref's name, and of a file's.
std::string component(std::string_view key) {
  constexpr std::size_t bytes_max = 200;
  std::string name;
  for (const char letter : key) {
    if (is_plain(letter)) {
      name += letter;
    } else {
      name += fmt::format("%{:02X}", static_cast<unsigned char>(letter));
    }
  }
  if (name.size() <= bytes_max && !name.empty()) return name;
  return name.substr(0, bytes_max / 2) + "%-" + sha256_hex(key);
}

// What of the changes goes into the tree.
class Selection {
 public:
  explicit Selection(const fs::path& top) : top_(top) {}

  void add(const git::StatusEntry& entry) {
    using git::EntryKind;
    if (entry.kind == EntryKind::ignored) return;
    if (entry.kind == EntryKind::changed && entry.worktree == '.') return;  // the index has it
    if (entry.path.ends_with('/')) return leave_out(entry, "a repository of its own");
    if (entry.is_submodule) return add_submodule(entry);
    if (entry.kind == EntryKind::changed && entry.worktree == 'D') {
      changes.removed.push_back(entry.path);
    } else {
      add_file(entry);
    }
  }

  git::TreeChanges changes;
  std::vector<LeftOut> left_out;

 private:
  void leave_out(const git::StatusEntry& entry, std::string why) {
    left_out.push_back({to_utf8(entry.path), std::move(why)});
  }

  void add_submodule(const git::StatusEntry& entry) {
    leave_out(entry, "a submodule: only which commit it is at is kept");
    std::error_code ignored;
    if (fs::exists(top_ / entry.path / ".git", ignored)) changes.changed.push_back(entry.path);
  }

  void add_file(const git::StatusEntry& entry) {
    const auto path = top_ / entry.path;
    struct stat found{};
    const bool is_there = ::lstat(path.c_str(), &found) == 0;
    if (!is_there || S_ISLNK(found.st_mode) || S_ISDIR(found.st_mode)) {
      changes.changed.push_back(
          entry.path);  // of a folder, the file that was in its place is removed
      return;
    }
    if (!S_ISREG(found.st_mode)) return leave_out(entry, "no file");
    if (::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0) {
      return leave_out(entry, "it cannot be read");
    }
    const auto size = static_cast<std::uintmax_t>(found.st_size);
    if (size > limits::snapshot_file_bytes_max) {
      return leave_out(entry, fmt::format("{} MiB; at most {} MiB are kept", size / limits::mib,
                                          limits::snapshot_file_bytes_max / limits::mib));
    }
    if (bytes_ + size > limits::snapshot_bytes_max) {
      return leave_out(entry, fmt::format("all changes together are more than {} MiB",
                                          limits::snapshot_bytes_max / limits::mib));
    }
    bytes_ += size;
    changes.changed.push_back(entry.path);
  }

  fs::path top_;
  std::uintmax_t bytes_ = 0;
};

// An index file of our own, in the folder of the repository's. Removed with what a former process
// left of the same run's; the lock that git makes beside it, too.
class OwnIndex {
 public:
  OwnIndex(const fs::path& git_dir, const std::string& run)
      : folder_(git_dir / "agentcmd"),
        begin_("index-" + component(run) + "-"),
        path_(folder_ / fmt::format("{}{}", begin_, ::getpid())) {}

  const fs::path& path() const { return path_; }

  void remove_all() const {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
      if (entry.path().filename().string().starts_with(begin_)) fs::remove(entry.path(), ignored);
    }
  }

  // The stat data in the copy saves git the reading of files that did not change.
  void copy_from(const fs::path& index) const {
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) throw_errno("making the folder '" + folder_.string() + "'", error.value());
    remove_all();
    if (!fs::exists(index, error)) return;  // nothing was ever added
    fs::copy_file(index, path_, error);
    if (error) throw_errno("copying '" + index.string() + "'", error.value());
  }

 private:
  fs::path folder_;
  std::string begin_;
  fs::path path_;
};

Task<Result<Snapshot>> keep_changes(git::Repository repository, BlockingPool& pool,
                                    git::Layout layout, git::Status status, std::string run) {
  const OwnIndex index(layout.git_dir, run);
  auto selection = co_await pool.run(
      [index, top = layout.top_level, real = layout.git_dir / "index", entries = status.entries] {
        index.copy_from(real);
        Selection chosen(top);
        for (const auto& entry : entries) chosen.add(entry);
        return chosen;
      });
  const auto tree =
      co_await git::write_tree(repository, index.path(), std::move(selection.changes));
  co_await pool.run([index] { index.remove_all(); });
  if (!tree) co_return tl::unexpected(tree.error());
  const auto commit =
      co_await git::commit_tree(repository, *tree, status.commit, std::string(message));
  if (!commit) co_return tl::unexpected(commit.error());
  co_return Snapshot{.commit = *commit, .left_out = std::move(selection.left_out)};
}

// The commit, without a ref.
Task<Result<Snapshot>> keep(asio::any_io_executor executor, BlockingPool& pool, fs::path folder,
                            std::string run) {
  auto layout = co_await git::find_repository({executor, folder});
  if (!layout) co_return tl::unexpected(layout.error());
  const git::Repository repository{executor, layout->top_level};
  auto status = co_await git::read_changes(repository);
  if (!status) co_return tl::unexpected(status.error());
  if (!status->is_clean() || status->commit.empty()) {
    co_return co_await keep_changes(repository, pool, *std::move(layout), *std::move(status),
                                    std::move(run));
  }
  const auto commit = co_await git::commit_tree(repository, status->commit + "^{tree}",
                                                status->commit, std::string(message));
  if (!commit) co_return tl::unexpected(commit.error());
  co_return Snapshot{.commit = *commit, .left_out = {}};
}

}  // namespace

std::string snapshot_ref(std::string_view run, std::string_view step) {
  return fmt::format("refs/agentcmd/{}/{}", component(run), component(step));
}

Task<Result<Snapshot>> take_snapshot(asio::any_io_executor executor, BlockingPool& pool,
                                     SnapshotRequest request) {
  auto snapshot = co_await keep(executor, pool, request.folder, request.run);
  if (!snapshot) co_return snapshot;
  std::vector<std::string> refs;
  for (const auto& step : request.steps) refs.push_back(snapshot_ref(request.run, step));
  const auto put =
      co_await git::put_refs({executor, request.folder}, std::move(refs), snapshot->commit);
  if (!put) co_return tl::unexpected(put.error());
  co_return snapshot;
}

Task<Result<void>> restore_snapshot(asio::any_io_executor executor, BlockingPool& pool,
                                    fs::path worktree, std::string snapshot) {
  const auto present = co_await keep(executor, pool, worktree, "restore");
  if (!present) co_return tl::unexpected(present.error());
  const auto layout = co_await git::find_repository({executor, worktree});
  if (!layout) co_return tl::unexpected(layout.error());
  co_return co_await git::restore_files({executor, layout->top_level}, present->commit,
                                        std::move(snapshot));
}

Task<Result<std::size_t>> drop_snapshots(git::Repository repository, std::string run) {
  auto refs = co_await git::list_refs(repository, "refs/agentcmd/" + component(run));
  if (!refs) co_return tl::unexpected(refs.error());
  const auto count = refs->size();
  if (auto gone = co_await git::delete_refs(std::move(repository), *std::move(refs)); !gone) {
    co_return tl::unexpected(gone.error());
  }
  co_return count;
}

std::string describe(const std::vector<LeftOut>& left_out) {
  std::vector<std::string> named;
  for (const auto& file : left_out) {
    if (named.size() == limits::snapshot_left_out_named_max) {
      named.push_back(fmt::format("and {} more", left_out.size() - named.size()));
      break;
    }
    named.push_back(fmt::format("{} ({})", file.path, file.why));
  }
  return join(named, ", ");
}

}  // namespace agentcmd::workspace
