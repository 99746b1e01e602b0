#pragma once
// The first process of the PID namespace: it forks the command, reaps whatever is orphaned, and
// says how the command ended. The kernel kills everybody in the namespace when it exits.

#include "exec_command.h"

namespace supervise {

// Orders, one byte each.
inline constexpr char init_order_set_up = 's';
inline constexpr char init_order_go = 'g';
inline constexpr char init_order_terminate = 't';
inline constexpr char init_order_interrupt = 'i';

struct InitEvent {
  enum class Kind : int { ready, not_possible, started, exec_failed, exited };
  Kind kind;
  ExecFailure failure;
  int wait_status;
};

// False at the end of the stream.
bool read_event(int fd, InitEvent& event);

[[noreturn]] void run_init(const Options& options, const Streams& streams, int control_fd,
                           int events_fd);

}  // namespace supervise
