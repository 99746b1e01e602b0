#pragma once
// What is intended with a workspace, written into the repository's own folder
// (<common dir>/agentcmd/workspaces/<id>.json) before it is done, so that a repetition after a
// crash goes on with the same folder and branch, and the branch that the user was on is not lost.

#include "workspace/workspace.h"

#include <vector>

namespace agentcmd::workspace {

enum class Stage {
  begun,   // chosen; the repository shows how much of it is done
  ready,   // set up
  ending,  // all is committed and proven; being removed
  done,    // finalised: `report` is the answer to a repetition
};

// A file with uncommitted changes that was there before the run.
struct CarriedFile {
  std::string path_sha256;  // relative to the top; a hash, because paths are bytes and JSON is text
  std::string fingerprint;  // of its content
  bool operator==(const CarriedFile&) const = default;
};

struct Record {
  Stage stage = Stage::begun;
  Workspace workspace;
  std::vector<CarriedFile> carried;
  std::string restore;  // commit of the snapshot that is still to be put into the worktree
  std::optional<FinalizeReport> report;
};

// Reading a record that is damaged is a Fault.
Task<std::optional<Record>> read_record(BlockingPool& pool, std::filesystem::path common_dir,
                                        std::string id);
// Those of all workspaces of the run that are not finalised.
Task<std::vector<Record>> open_records(BlockingPool& pool, std::filesystem::path common_dir,
                                       std::string run);
// Every one, whatever its stage.
Task<std::vector<Record>> all_records(BlockingPool& pool, std::filesystem::path common_dir);
// Nothing happens where there is none.
Task<> remove_record(BlockingPool& pool, std::filesystem::path common_dir, std::string id);
// Durable upon return.
Task<Result<void>> write_record(BlockingPool& pool, std::filesystem::path common_dir,
                                Record record);

// Of the file at `path`: its bytes, the target of a symbolic link, or that there is none.
std::string fingerprint(const std::filesystem::path& path);

}  // namespace agentcmd::workspace
