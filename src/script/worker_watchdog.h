#pragma once
// Stops code that does not come to an end by itself. The VM asks every 50 ms of CPU and stops what
// has used up its time or memory; it restarts its clock with each microtask, so a thread watches
// for what slips through (an endless chain of awaits): that ends the whole process, after a frame
// that names the run. The thread also ends the process when the driver is gone. It is never joined:
// a watchdog must live as long as the process.

#include "script/jsc.h"
#include "script/worker_channel.h"

#include <pthread.h>
#include <time.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace agentcmd::script {

struct WorkerLimits {
  std::chrono::milliseconds cpu{5000};              // of one job
  std::int64_t memory_bytes = 1024L * 1024 * 1024;  // growth that one run may cause
};

// Why code was stopped.
struct Stop {
  std::string reason;     // "time", "memory"
  std::string message;    // for the user
  std::string backtrace;  // as JavaScriptCore gives it
};

class Watchdog {
 public:
  Watchdog(JSContextGroupRef group, WorkerLimits limits, WorkerChannel& channel);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Begins the work on one frame. `heap`: what its run has grown by so far; `last_words`: a frame
  // up to the place of `"reason":…,"message":…}`, sent if the process has to end because of it.
  void begin(std::int64_t heap, std::string last_words);
  // Returns what the run has grown by, with this work.
  std::int64_t end();

  // Brackets one outermost call into the VM.
  void enter();
  std::optional<Stop> leave();

  // As enter() and leave(), for what a stopped context left in the queue: nothing of it may run on.
  void enter_dead();
  bool leave_dead();  // whether something had to be stopped

 private:
  static bool ask(JSContextRef context, void* self);
  bool should_stop(JSContextRef context);
  void arm();
  std::int64_t used(std::int64_t cpu);
  std::int64_t growth() const;
  void watch();
  void watch_entry();
  [[noreturn]] void give_up(const std::string& reason);
  std::string message_for(const std::string& reason) const;

  const JSContextGroupRef group_;
  const WorkerLimits limits_;
  WorkerChannel& channel_;
  const int statm_;          // open before files are denied
  clockid_t cpu_clock_ = 0;  // of the thread that runs JavaScript

  std::atomic<bool> entered_ = false;
  // The clock, ns, when somebody looked first after enter(): few entries last until then, and to
  // read it is a system call.
  std::atomic<std::int64_t> entry_cpu_ = 0;
  std::atomic<std::int64_t> base_rss_ = 0;  // resident bytes less the growth at begin()
  std::int64_t resident_ = 0;               // at the last end()
  bool dead_ = false;
  std::optional<Stop> stop_;

  std::mutex mutex_;  // of last_words_
  std::string last_words_;
  std::int64_t seen_cpu_ = 0;  // of the thread
  int ticks_ = 0;
  std::thread thread_;
};

}  // namespace agentcmd::script
