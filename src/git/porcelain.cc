#include "git/porcelain.h"

#include "base/fault.h"
#include "base/text.h"

#include <fmt/format.h>

#include <charconv>

namespace agentcmd::git {
namespace {

[[noreturn]] void unreadable(std::string_view command, std::string_view record) {
  throw Fault(fmt::format("git {} printed what this program cannot read: '{}'", command,
                          ellipsis(to_utf8(record), 200)));
}

// Takes the records of a -z output one by one; each ends in NUL.
class Records {
 public:
  Records(std::string_view command, std::string_view text) : command_(command), rest_(text) {}
  bool empty() const { return rest_.empty(); }
  std::string_view next() {
    const auto end = rest_.find('\0');
    if (end == std::string_view::npos) unreadable(command_, rest_);
    const auto record = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return record;
  }

 private:
  std::string_view command_;
  std::string_view rest_;
};

// The first `count` fields of a record, separated by single blanks, and as the last one the rest,
// which may hold blanks itself.
std::vector<std::string_view> fields_and_rest(std::string_view record, std::size_t count) {
  std::vector<std::string_view> fields;
  auto rest = record;
  for (std::size_t i = 0; i < count; ++i) {
    const auto end = rest.find(' ');
    if (end == std::string_view::npos) unreadable("status", record);
    fields.push_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  fields.push_back(rest);
  return fields;
}

template <typename Number>
Number number_from(std::string_view command, std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) unreadable(command, text);
  return number;
}

void read_header(std::string_view header, Status& status) {
  constexpr std::string_view oid = "# branch.oid ";
  constexpr std::string_view head = "# branch.head ";
  constexpr std::string_view upstream = "# branch.upstream ";
  constexpr std::string_view ahead_behind = "# branch.ab ";
  if (header.starts_with(oid)) {
    if (header.substr(oid.size()) != "(initial)") status.commit = header.substr(oid.size());
  } else if (header.starts_with(head)) {
    if (header.substr(head.size()) != "(detached)") status.branch = header.substr(head.size());
  } else if (header.starts_with(upstream)) {
    status.upstream = header.substr(upstream.size());
  } else if (header.starts_with(ahead_behind)) {
    const auto counts = split(header.substr(ahead_behind.size()), ' ');
    if (counts.size() != 2 || counts[0].size() < 2 || counts[1].size() < 2) {
      unreadable("status", header);
    }
    status.ahead = number_from<int>("status", std::string_view(counts[0]).substr(1));
    status.behind = number_from<int>("status", std::string_view(counts[1]).substr(1));
  }
  // Other headers (# stash) are for other readers.
}

// `fields_before_path` counts from the record's type: "1 XY sub mH mI mW hH hI path" has 8.
StatusEntry tracked_entry(EntryKind kind, std::string_view record, std::size_t fields_before_path) {
  const auto fields = fields_and_rest(record, fields_before_path);
  if (fields[1].size() != 2 || fields[2].empty()) unreadable("status", record);
  StatusEntry entry;
  entry.kind = kind;
  entry.index = fields[1][0];
  entry.worktree = fields[1][1];
  entry.is_submodule = fields[2][0] == 'S';
  entry.path = fields.back();
  return entry;
}

StatusEntry renamed_entry(std::string_view record, Records& records) {
  auto entry = tracked_entry(EntryKind::renamed, record, 9);
  if (fields_and_rest(record, 9)[8].starts_with('C')) entry.kind = EntryKind::copied;
  entry.original_path = records.next();
  return entry;
}

StatusEntry plain_entry(EntryKind kind, std::string_view record) {
  StatusEntry entry;
  entry.kind = kind;
  entry.path = fields_and_rest(record, 1).back();
  return entry;
}

}  // namespace

Status parse_status(std::string_view text) {
  Status status;
  Records records("status", text);
  while (!records.empty()) {
    const auto record = records.next();
    if (record.starts_with("# ")) {
      read_header(record, status);
    } else if (record.starts_with("1 ")) {
      status.entries.push_back(tracked_entry(EntryKind::changed, record, 8));
    } else if (record.starts_with("2 ")) {
      status.entries.push_back(renamed_entry(record, records));
    } else if (record.starts_with("u ")) {
      status.entries.push_back(tracked_entry(EntryKind::unmerged, record, 10));
    } else if (record.starts_with("? ")) {
      status.entries.push_back(plain_entry(EntryKind::untracked, record));
    } else if (record.starts_with("! ")) {
      status.entries.push_back(plain_entry(EntryKind::ignored, record));
    } else {
      unreadable("status", record);
    }
  }
  return status;
}

Diffstat parse_numstat(std::string_view text) {
  Diffstat total;
  Records records("diff", text);
  while (!records.empty()) {
    const auto record = records.next();
    const auto first = record.find('\t');
    const auto second = first == std::string_view::npos ? first : record.find('\t', first + 1);
    if (second == std::string_view::npos) unreadable("diff", record);
    const auto insertions = record.substr(0, first);
    const auto deletions = record.substr(first + 1, second - first - 1);
    ++total.files;
    if (insertions != "-") total.insertions += number_from<std::int64_t>("diff", insertions);
    if (deletions != "-") total.deletions += number_from<std::int64_t>("diff", deletions);
    if (second + 1 == record.size()) {  // renamed: both paths follow as records of their own
      records.next();
      records.next();
    }
  }
  return total;
}

std::vector<FileChange> parse_file_changes(std::string_view text) {
  std::vector<FileChange> changes;
  Records records("diff", text);
  while (!records.empty()) {
    const auto record = records.next();
    const auto first = record.find('\t');
    const auto second = first == std::string_view::npos ? first : record.find('\t', first + 1);
    if (second == std::string_view::npos) unreadable("diff", record);
    FileChange change{.path = std::string(record.substr(second + 1)),
                      .binary = record.starts_with('-')};
    if (!change.binary) {
      change.insertions = number_from<std::int64_t>("diff", record.substr(0, first));
      change.deletions =
          number_from<std::int64_t>("diff", record.substr(first + 1, second - first - 1));
    }
    changes.push_back(std::move(change));
  }
  return changes;
}

std::string to_string(const Diffstat& diffstat) {
  if (diffstat.files == 0) return "no changes";
  const auto counted = [](std::int64_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
  };
  auto text = counted(diffstat.files, "file") + " changed";
  if (diffstat.insertions > 0) text += ", " + counted(diffstat.insertions, "insertion") + "(+)";
  if (diffstat.deletions > 0) text += ", " + counted(diffstat.deletions, "deletion") + "(-)";
  return text;
}

std::vector<WorktreeEntry> parse_worktrees(std::string_view text) {
  std::vector<WorktreeEntry> worktrees;
  Records records("worktree list", text);
  while (!records.empty()) {
    const auto record = records.next();
    if (record.empty()) continue;  // ends an entry
    const auto blank = record.find(' ');
    const auto label = record.substr(0, blank);
    const auto value =
        blank == std::string_view::npos ? std::string_view{} : record.substr(blank + 1);
    if (label == "worktree") {
      worktrees.emplace_back().path = value;
      continue;
    }
    if (worktrees.empty()) unreadable("worktree list", record);
    auto& entry = worktrees.back();
    if (label == "HEAD") {
      entry.commit = value;
    } else if (label == "branch") {
      constexpr std::string_view heads = "refs/heads/";
      entry.branch = value.starts_with(heads) ? value.substr(heads.size()) : value;
    } else if (label == "bare") {
      entry.bare = true;
    } else if (label == "locked") {
      entry.locked = value;
    } else if (label == "prunable") {
      entry.prunable = value;
    }
  }
  return worktrees;
}

std::vector<Branch> parse_branches(std::string_view text) {
  constexpr std::string_view heads = "refs/heads/";
  constexpr std::string_view remotes = "refs/remotes/";
  std::vector<Branch> branches;
  for (const auto& line : split(text, '\n')) {
    if (line.empty()) continue;
    const auto fields = split(line, '\0');
    if (fields.size() != 5) unreadable("for-each-ref", line);
    if (!fields[4].empty()) continue;  // origin/HEAD only points at another one
    Branch branch;
    if (fields[0].starts_with(heads)) {
      branch.name = fields[0].substr(heads.size());
    } else if (fields[0].starts_with(remotes)) {
      branch.name = fields[0].substr(remotes.size());
      branch.remote = branch.name.substr(0, branch.name.find('/'));
    } else {
      unreadable("for-each-ref", line);
    }
    branch.commit = fields[1];
    branch.upstream = fields[2];
    branch.current = fields[3] == "*";
    branches.push_back(std::move(branch));
  }
  return branches;
}

std::vector<Commit> parse_commits(std::string_view text) {
  std::vector<Commit> commits;
  Records records("log", text);
  while (!records.empty()) {
    Commit commit;
    commit.id = records.next();
    commit.author = records.next();
    commit.email = records.next();
    commit.at = records.next();
    commit.message = records.next();
    while (commit.message.ends_with('\n')) commit.message.pop_back();
    commits.push_back(std::move(commit));
  }
  return commits;
}

}  // namespace agentcmd::git
