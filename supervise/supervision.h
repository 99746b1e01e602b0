#pragma once
// From the start of the command to its recorded end: spools, watches the time and the limits, takes
// stop requests.

#include "attempt_folder.h"
#include "container.h"
#include "frames.h"
#include "options.h"
#include "out_of_memory.h"
#include "spool.h"

#include <optional>

namespace supervise {

// Signals to the supervisor. TERM is not a request of the driver's: it comes when the machine or
// the service manager wants us gone, and is recorded as a signal that ended the command.
inline constexpr int stop_signal = 10;      // SIGUSR1: TERM, after the grace KILL
inline constexpr int kill_now_signal = 12;  // SIGUSR2
inline constexpr int interrupt_signal = 2;  // SIGINT: passed on, and nothing else

class Supervision {
 public:
  // `signal_fd` delivers SIGCHLD, SIGTERM and the two above.
  Supervision(const Options& options, Container& container, Frames& frames, Spool& out, Spool& err,
              int signal_fd);

  // Returns when everybody is dead and the pipes are empty. Nothing: how the command ended cannot
  // be known (Container::is_helper_lost).
  std::optional<ExitRecord> run(const OutOfMemory& out_of_memory);

 private:
  enum class Stop { none, timed_out, cancelled, output_limit, told_to_end };

  // What the signals that came ask for.
  struct Requests {
    bool stop = false;
    bool kill_now = false;
    bool end = false;
    bool interrupt = false;
  };

  void wait_for_something() const;
  Requests read_signals() const;
  void obey(const Requests& requests);
  void transfer();
  void check_time();
  void stop(Stop why);
  void kill(Stop why);
  int ms_to_next_deadline() const;
  ExitRecord record(const OutOfMemory& out_of_memory) const;
  void set_cause(ExitRecord& record, const OutOfMemory& out_of_memory) const;

  const Options& options_;
  Container& container_;
  Frames& frames_;
  Spool& out_;
  Spool& err_;
  int signal_fd_;
  std::int64_t started_ms_;
  std::int64_t kill_at_ms_ = 0;  // 0: no stop is under way
  Stop stop_ = Stop::none;
};

}  // namespace supervise
