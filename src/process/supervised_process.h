#pragma once
// A process that outlives us. `agentcmd-supervise` starts it contained, spools its output to files,
// enforces its limits and writes down how it ended; a driver that comes later re-attaches to it or
// harvests the result. The folder of the attempt is the whole interface (supervise/README.md):
//
//   claim        made with O_EXCL by whoever wins: the supervisor before it starts anything, or a
//                recovering driver that found none; so "never started" and "about to start" can't
//                be confused
//   lock         flock held by the supervisor for its whole life: the sign of life
//   stdin        what the process reads, where the spec gives input
//   frames       what it was sent while it runs, where the spec says so
//   stdout, stderr   everything it wrote, up to the limit
//   status.json  {pid, start_time, boot_id, containment, cgroup?, memory_cgroup?}
//   exit.json    how it ended; written, fsynced, renamed into place, the folder fsynced

#include "async/stop.h"
#include "async/task.h"
#include "base/limits.h"
#include "base/result.h"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace agentcmd::process {

enum class Containment { automatic, pid_namespace, cgroup_v2, cgroup_v1, subreaper };

enum class ExitCause {
  exited,         // by itself, with `code`
  signalled,      // by `signal`, not ours
  timed_out,      // killed by the supervisor
  cancelled,      // killed because we asked
  out_of_memory,  // killed by the kernel
  output_limit,   // killed for writing more than output_bytes_max
  start_failed,   // could not be executed: `message` says why (no such file, no such cwd)
};

// Stored by name in exit.json and in results.
std::string_view to_string(ExitCause cause);
std::string_view to_string(Containment containment);

struct Exit {
  ExitCause cause = ExitCause::exited;
  int code = 0;    // exit status; -1 unless cause is exited
  int signal = 0;  // 0 unless it ended by a signal
  std::string message;
  std::chrono::milliseconds duration{0};
  std::chrono::milliseconds cpu{0};
  std::int64_t max_rss_kib = 0;
  Containment containment = Containment::automatic;  // what was really used
  bool spool_failed = false;                         // output could not be kept whole (disk full)
};

struct ProcessSpec {
  std::filesystem::path dir;      // the attempt's folder; created
  std::vector<std::string> argv;  // argv[0] is searched in PATH of `env`
  std::filesystem::path cwd;
  std::map<std::string, std::string> env;  // the whole environment
  std::optional<std::string> input;        // stdin; /dev/null without
  bool takes_frames = false;  // stdin comes by open_input() (input_frames.h), and stays open
  std::chrono::milliseconds timeout{0};  // 0: none
  std::chrono::milliseconds grace = limits::kill_grace;
  std::uint64_t output_bytes_max = limits::spool_bytes_max;  // of each stream
  Containment containment = Containment::automatic;
  std::string run;  // AGENTCMD_RUN of the children, to find them if a supervisor was killed
};

// Who reads a stream. One who only shows it and gets further behind than `behind_max` bytes goes on
// near the end of what there is, and is told how many bytes were skipped.
struct Listener {
  static constexpr auto never = std::numeric_limits<std::uint64_t>::max();

  std::function<void(std::string_view)> on_bytes;
  std::uint64_t behind_max = never;
  std::function<void(std::uint64_t)> on_skipped = {};
};

class SupervisedProcess {
 public:
  virtual ~SupervisedProcess() = default;  // leaves the process running
  SupervisedProcess(const SupervisedProcess&) = delete;
  SupervisedProcess& operator=(const SupervisedProcess&) = delete;

  // Returns when the process and all its descendants are gone and exit.json is on disk. Once `stop`
  // is requested they get TERM, after the grace period KILL. Supervisor killed meanwhile: an Error
  // (unavailable) that says so, after the orphans that can still be found have been killed.
  virtual Task<Result<Exit>> wait(StopSource& stop) = 0;

  // INT to all of them, as Ctrl-C on a terminal would send it; nothing else follows.
  virtual void interrupt() = 0;

  // Lets a supervisor go on that was stopped (SIGSTOP); harmless for one that was not.
  virtual void go_on() = 0;

  // KILL to all of them, without the period of grace; wait() says when they are gone.
  virtual void kill_now() = 0;

  // Calls `on_bytes` with what the stream ("stdout" or "stderr") wrote, from byte `from` on and as
  // it comes, and returns when the process has ended and everything was delivered.
  virtual Task<> follow(std::string stream, std::uint64_t from,
                        std::function<void(std::string_view)> on_bytes) = 0;

  // As follow() from the first byte.
  virtual Task<> listen(std::string stream, Listener listener) = 0;

 protected:
  SupervisedProcess() = default;
};

// Starts `agentcmd-supervise` from `libexec` and returns once the command runs (or failed to start:
// then wait() says so). Errors are about the supervisor itself: not_found (it is not installed),
// conflict (the attempt was claimed by a recovery or was started before), failed_precondition (the
// machine does not allow the containment that was asked for), invalid_argument (more arguments or
// environment than the system takes), unavailable. A full disk is a Fault.
Task<Result<std::unique_ptr<SupervisedProcess>>> start_supervised(
    boost::asio::any_io_executor executor, std::filesystem::path libexec, ProcessSpec spec);

struct NeverStarted {};
struct Lost {
  std::string reason;  // "its supervisor was killed and left no result"
};
using Recovered = std::variant<std::unique_ptr<SupervisedProcess>,  // still runs
                               Exit,                                // harvested
                               NeverStarted, Lost>;

// What became of the attempt whose folder is `dir`. Returns Lost only after the descendants that
// could be found are dead, so that a repetition is never concurrent.
Task<Recovered> recover_supervised(boost::asio::any_io_executor executor,
                                   std::filesystem::path dir);

// What a process that has ended left in the stream's file, if it left one.
void tell_file(const std::filesystem::path& file, const Listener& listener);

// A stream as a result shows it: UTF-8, at most `bytes_max`, head and tail with a line between them
// that says how much is left out and where the whole is.
std::string read_stream(const std::filesystem::path& file, std::size_t bytes_max);

}  // namespace agentcmd::process
