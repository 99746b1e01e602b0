#pragma once
// The state of a working tree as git objects, without a branch, and without a change to what the
// user sees: the repository's index, HEAD and files stay as they are. Everything goes through an
// index file of the caller's own.

#include "git/porcelain.h"
#include "git/repository.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::git {

// As read_status(), cheaper: renames are two entries, nothing is compared with the upstream.
// `repository` is the top of the working tree.
Task<Result<Status>> read_changes(Repository repository);

// Of a working tree: paths relative to its top.
struct TreeChanges {
  std::vector<std::string> removed;
  std::vector<std::string> changed;  // also new; those that are gone meanwhile are removed
};

// Brings the index file (a copy of the repository's, or not there yet) to what these are in the
// working tree now, and writes its tree. The value is the tree's id. `repository` is the top of the
// working tree.
Task<Result<std::string>> write_tree(Repository repository, std::filesystem::path index,
                                     TreeChanges changes);

// Makes a commit of `tree` (any name of one) upon `parent` (empty: none), by agentcmd and without a
// time, so that the same tree upon the same parent is the same commit. The value is its id.
Task<Result<std::string>> commit_tree(Repository repository, std::string tree, std::string parent,
                                      std::string message);

// Lets each of the refs (full names) name the commit; all or none.
Task<Result<void>> put_refs(Repository repository, std::vector<std::string> refs,
                            std::string commit);

// Full names of the refs below `prefix` ("refs/agentcmd/r1").
Task<Result<std::vector<std::string>>> list_refs(Repository repository, std::string prefix);
Task<Result<void>> delete_refs(Repository repository, std::vector<std::string> refs);

// The first parent of a commit; nothing for a root.
Task<Result<std::optional<std::string>>> parent_of(Repository repository, std::string commit);

// Makes the files of a working tree those of `commit`, and nothing of them staged: HEAD (and the
// branch that it is on) becomes the parent of `commit`, and the index that of HEAD. Of the files
// that are not in `commit`, those are removed that `present`, the tree-ish of what is there now,
// has; others are not touched.
Task<Result<void>> restore_files(Repository repository, std::string present, std::string commit);

// What `to` changes against `from`, a file each, sorted by path; and the same as a patch.
Task<Result<std::vector<FileChange>>> changed_files(Repository repository, std::string from,
                                                    std::string to);
Task<Result<std::string>> patch(Repository repository, std::string from, std::string to);

}  // namespace agentcmd::git
