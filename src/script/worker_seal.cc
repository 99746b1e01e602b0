#include "script/worker_seal.h"

#include "base/fault.h"

#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>

#include <array>
#include <cerrno>
#include <memory>

namespace agentcmd::script {
namespace {

// All that JavaScriptCore (its collector and compiler threads), the C library and we need from here
// on. Everything else fails with EPERM.
constexpr std::array allowed{
    // memory
    SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect),
    SCMP_SYS(madvise), SCMP_SYS(membarrier), SCMP_SYS(mincore),
    // threads and time
    SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(set_tid_address),
    SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_setscheduler),
    SCMP_SYS(sched_getscheduler), SCMP_SYS(sched_getparam), SCMP_SYS(sched_get_priority_max),
    SCMP_SYS(sched_get_priority_min), SCMP_SYS(setpriority), SCMP_SYS(getpriority),
    SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(getrusage),
    SCMP_SYS(getcpu), SCMP_SYS(sysinfo), SCMP_SYS(restart_syscall), SCMP_SYS(prctl),
    // signals: the collector stops threads with them
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigsuspend), SCMP_SYS(sigaltstack), SCMP_SYS(tgkill),
    // what is open already
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(recvfrom),
    SCMP_SYS(sendto), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(lseek), SCMP_SYS(fstat),
    SCMP_SYS(newfstatat), SCMP_SYS(close), SCMP_SYS(getrandom),
    // the end
    SCMP_SYS(exit), SCMP_SYS(exit_group)};

using Filter = std::unique_ptr<void, decltype(&::seccomp_release)>;

void check(int result, const char* doing) {
  if (result < 0) throw_errno(doing, -result);
}

}  // namespace

void seal_process() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) throw_errno("setting no_new_privs", errno);
  const Filter filter(::seccomp_init(SCMP_ACT_ERRNO(EPERM)), &::seccomp_release);
  if (filter == nullptr) throw Fault("seccomp is not available");
  check(::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1), "sealing all threads");
  for (const int call : allowed) {
    check(::seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0), "allowing a system call");
  }
  // Threads, but no processes. The flags of clone3 cannot be seen from here: the C library falls
  // back to clone.
  const scmp_arg_cmp makes_thread{
      .arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = CLONE_THREAD, .datum_b = CLONE_THREAD};
  check(::seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, &makes_thread),
        "allowing threads");
  check(::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0),
        "refusing clone3");
  check(::seccomp_load(filter.get()), "loading the seccomp filter");
}

}  // namespace agentcmd::script
