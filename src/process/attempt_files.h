#pragma once
// The driver's side of the attempt's folder (supervise/README.md).

#include "process/process_identity.h"
#include "process/supervised_process.h"

#include <filesystem>
#include <optional>
#include <string>
#include <variant>

namespace agentcmd::process {

struct NoClaim {};
struct UnfinishedClaim {};  // being written, or its writer died before it did anything
struct RecoveryClaim {};    // a recovering driver was first: nothing will be started
using Claim = std::variant<NoClaim, UnfinishedClaim, RecoveryClaim, ProcessIdentity>;

Claim read_claim(const std::filesystem::path& dir);

// False if somebody else was first. Durable when it returns true.
bool make_recovery_claim(const std::filesystem::path& dir);

// True while a supervisor lives, or is being started.
bool is_locked(const std::filesystem::path& dir);

// Taken for the supervisor that is about to be started; invalid if somebody has it.
UniqueFd take_lock(const std::filesystem::path& dir);

// Nothing until it ended. A Fault if the file cannot be read.
std::optional<Exit> read_exit(const std::filesystem::path& dir);

struct Status {
  ProcessIdentity process;
  std::filesystem::path cgroup;
  std::filesystem::path memory_cgroup;
};
std::optional<Status> read_status(const std::filesystem::path& dir);

// Makes the folder so that it is still there after a power failure.
void make_durable_folder(const std::filesystem::path& dir);

}  // namespace agentcmd::process
