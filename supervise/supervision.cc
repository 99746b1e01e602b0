#include "supervision.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>

namespace supervise {

static_assert(stop_signal == SIGUSR1 && kill_now_signal == SIGUSR2 && interrupt_signal == SIGINT);

Supervision::Supervision(const Options& options, Container& container, Frames& frames, Spool& out,
                         Spool& err, int signal_fd)
    : options_(options),
      container_(container),
      frames_(frames),
      out_(out),
      err_(err),
      signal_fd_(signal_fd),
      started_ms_(now_ms()) {}

std::optional<ExitRecord> Supervision::run(const OutOfMemory& out_of_memory) {
  container_.reap();
  while (!container_.all_gone()) {
    if (container_.command_ended() && stop_ == Stop::none) {
      container_.kill();  // what it left behind
      break;
    }
    wait_for_something();
    // A SIGCHLD that is read announces a death that the next line sees; one that comes later ends
    // the next wait. The dead come before the requests: a stop after the end changes nothing.
    const Requests requests = read_signals();
    container_.reap();
    if (container_.all_gone()) break;
    obey(requests);
    frames_.transfer();
    transfer();
    check_time();
  }
  frames_.end();
  out_.drain();
  err_.drain();
  out_.sync();
  err_.sync();
  const bool has_reason =
      stop_ != Stop::none || out_of_memory.explains(container_.wait_status(), container_);
  if (container_.is_helper_lost() && !has_reason) return std::nullopt;
  return record(out_of_memory);
}

void Supervision::wait_for_something() const {
  std::array<pollfd, 6> fds{
      pollfd{signal_fd_, POLLIN, 0},          pollfd{out_.poll_fd(), POLLIN, 0},
      pollfd{err_.poll_fd(), POLLIN, 0},      pollfd{frames_.listen_fd(), POLLIN, 0},
      pollfd{frames_.client_fd(), POLLIN, 0}, pollfd{frames_.stdin_fd(), POLLOUT, 0}};
  ::poll(fds.data(), fds.size(), ms_to_next_deadline());
}

Supervision::Requests Supervision::read_signals() const {
  Requests requests;
  signalfd_siginfo info;
  while (::read(signal_fd_, &info, sizeof info) == sizeof info) {
    const auto number = static_cast<int>(info.ssi_signo);
    if (number == stop_signal) requests.stop = true;
    if (number == kill_now_signal) requests.kill_now = true;
    if (number == SIGTERM) requests.end = true;
    if (number == interrupt_signal) requests.interrupt = true;
  }
  return requests;
}

void Supervision::obey(const Requests& requests) {
  if (requests.interrupt) container_.interrupt();
  if (requests.stop) stop(Stop::cancelled);
  if (requests.kill_now) kill(Stop::cancelled);
  if (requests.end) stop(Stop::told_to_end);
}

void Supervision::transfer() {
  // A bound on the turns, so that an endless stream cannot keep the clock from being looked at.
  for (int turn = 0; turn < 16; ++turn) {
    const bool out_moved = out_.transfer();
    const bool err_moved = err_.transfer();
    if (out_.over_limit() || err_.over_limit()) return kill(Stop::output_limit);
    if (!out_moved && !err_moved) return;
  }
}

void Supervision::check_time() {
  const std::int64_t now = now_ms();
  if (options_.timeout_ms > 0 && now - started_ms_ >= options_.timeout_ms) stop(Stop::timed_out);
  if (kill_at_ms_ > 0 && now >= kill_at_ms_) container_.kill();
}

// The first reason counts; a repeated request does not shorten the grace.
void Supervision::stop(Stop why) {
  if (stop_ != Stop::none) return;
  stop_ = why;
  kill_at_ms_ = now_ms() + options_.grace_ms;
  container_.terminate();
}

void Supervision::kill(Stop why) {
  if (stop_ == Stop::none) stop_ = why;
  container_.kill();
}

int Supervision::ms_to_next_deadline() const {
  std::int64_t next = INT_MAX;
  if (options_.timeout_ms > 0 && stop_ == Stop::none) {
    next = std::min(next, started_ms_ + options_.timeout_ms - now_ms());
  }
  if (kill_at_ms_ > 0) next = std::min(next, kill_at_ms_ - now_ms());
  return next == INT_MAX ? -1 : static_cast<int>(std::max<std::int64_t>(next, 0));
}

ExitRecord Supervision::record(const OutOfMemory& out_of_memory) const {
  ExitRecord record;
  const Usage usage = container_.usage();
  record.duration_ms = now_ms() - started_ms_;
  record.cpu_ms = usage.cpu_ms;
  record.max_rss_kib = usage.max_rss_kib;
  record.containment = container_.status().containment;
  record.spool_failed = out_.failed() || err_.failed();
  record.stdout_bytes = out_.bytes();
  record.stderr_bytes = err_.bytes();
  set_cause(record, out_of_memory);
  return record;
}

void Supervision::set_cause(ExitRecord& record, const OutOfMemory& out_of_memory) const {
  const int status = container_.wait_status();
  if (WIFSIGNALED(status)) record.signal = WTERMSIG(status);
  switch (stop_) {
    case Stop::timed_out:
      record.cause = "timed_out";
      record.message = "killed after " + std::to_string(options_.timeout_ms) + " ms";
      return;
    case Stop::cancelled:
      record.cause = "cancelled";
      return;
    case Stop::output_limit:
      record.cause = "output_limit";
      record.message =
          "killed for writing more than " + std::to_string(options_.output_bytes_max) + " bytes";
      return;
    case Stop::told_to_end:
      record.cause = "signalled";
      record.signal = SIGTERM;
      record.message = "its supervisor was sent TERM (the machine shut down?)";
      return;
    case Stop::none:
      break;
  }
  if (out_of_memory.explains(status, container_)) {
    record.cause = "out_of_memory";
    record.message = "killed by the kernel, which had no memory left for it";
  } else if (WIFSIGNALED(status)) {
    record.cause = "signalled";
  } else {
    record.code = WEXITSTATUS(status);
  }
}

}  // namespace supervise
