#pragma once
// The folder of the attempt: lock, claim, status.json and exit.json (README.md). Everything goes
// through a descriptor of the folder, so that its path may be anything and be renamed meanwhile.

#include "files.h"
#include "options.h"

#include <cstdint>
#include <string>

namespace supervise {

struct ExitRecord {
  const char* cause = "exited";
  int code = -1;
  int signal = 0;
  std::string message;
  std::int64_t duration_ms = 0;
  std::int64_t cpu_ms = 0;
  std::int64_t max_rss_kib = 0;
  const char* containment = "";
  bool spool_failed = false;
  std::uint64_t stdout_bytes = 0;
  std::uint64_t stderr_bytes = 0;
};

struct StatusRecord {
  pid_t pid = 0;  // of the namespace's init or of the command: whose death ends the tree or begins
                  // its end
  const char* containment = "";
  std::string cgroup;         // to kill what is left, if we were killed
  std::string memory_cgroup;  // to remove
};

class AttemptFolder {
 public:
  // The functions return 0 or the error.
  int open(const std::string& path);
  int lock(int inherited_fd);
  // Space for exit.json is taken before anything starts: a disk that fills up later cannot keep us
  // from saying how it ended.
  int reserve_exit_record();
  // EEXIST: somebody else has decided what becomes of this attempt.
  int claim();
  // Nothing was started after all.
  void withdraw_claim();
  int write_status(const StatusRecord& status);
  int write_exit(const ExitRecord& record);

  Fd open_file(const char* name, int flags) const;
  int fd() const { return folder_.get(); }

 private:
  int sync_folder() const;

  Fd folder_;
  Fd lock_;
  Fd reserved_;
};

}  // namespace supervise
