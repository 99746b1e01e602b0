#pragma once
// A copy of a home while others write to it: the database as it is at one moment, and every blob
// and bundle that it refers to. Restored, it is a home in which unfinished runs can be resumed.
// What runs have left in their projects (logs, artifacts, worktrees) is not in it.

#include "base/clock.h"
#include "base/result.h"
#include "store/home.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace agentcmd::store {

struct BackupOptions {
  Home home;
  std::filesystem::path destination;  // a file "….tar", or a folder that does not exist
  bool with_secrets = false;          // keys of config.json, and the file credentials
};

struct BackupReport {
  std::size_t runs = 0;
  std::size_t files = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> warnings;  // what the home has lost already, so that it is not in it
};

// Blocks. Errors: not_found (no database), already_exists, invalid_argument (a destination within
// the home), failed_precondition (a database of a newer version). What the disks refuse is a Fault;
// then the home is as it was and nothing is left at the destination.
Result<BackupReport> back_up(const BackupOptions& options, Time now);

struct RestoreOptions {
  std::filesystem::path source;
  Home home;
  bool force = false;       // also where the home has something; that is kept beside it
  bool check_only = false;  // verifies the backup, and leaves it at that
  // Who uses the home now, for the user; empty: nobody.
  std::function<std::string(const Home&)> users;
};

struct RestoreReport {
  std::size_t runs = 0;
  std::size_t files = 0;
  std::string created_at;
  std::string from_home;
  std::filesystem::path former;   // where the former content of the home is; empty: it had none
  std::vector<std::string> kept;  // files of the home that stayed as they were
  std::vector<std::string> warnings;
};

// Blocks. Everything is unpacked beside the home and verified before the home is touched, and takes
// its place by one rename. Errors: those of unpack_backup(), failed_precondition (the home has
// something, or is in use).
Result<RestoreReport> restore(const RestoreOptions& options, Time now);

}  // namespace agentcmd::store
