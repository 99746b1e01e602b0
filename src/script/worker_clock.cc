// JavaScriptCore reads the CPU time of its thread, a system call, whenever code is entered, and
// that is at each promise too. It only finds out by it when to ask our watchdog, which looks at the
// CPU time itself (worker_watchdog.cc): for that the time that has passed will do, which is read
// without a call.

#include <dlfcn.h>
#include <time.h>

namespace {

using ReadClock = int (*)(clockid_t, timespec*);

ReadClock next_of_the_name() {
  return reinterpret_cast<ReadClock>(::dlsym(RTLD_NEXT, "clock_gettime"));
}

}  // namespace

// Stands before the C library's own for all libraries of this process.
extern "C" __attribute__((visibility("default"))) int clock_gettime(clockid_t clock,
                                                                    timespec* time) noexcept {
  static const ReadClock read_clock = next_of_the_name();
  return read_clock(clock == CLOCK_THREAD_CPUTIME_ID ? CLOCK_MONOTONIC : clock, time);
}
