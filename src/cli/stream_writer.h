#pragma once
// One of the streams that the user sees. At first it waits for its reader, as any program does. A
// process that drives a run must not: from stop_waiting() on, what the reader does not take at once
// (Ctrl-S, a stopped less) is kept here, and is written by drain() as it is taken, or by flush() at
// the end. Whoever writes what may be left out asks how much waits() before. A reader that goes
// away (EPIPE) is no error: what is written after that is dropped. So it is after any other error,
// which is kept. One thread: the loop's.

#include "async/task.h"
#include "process/unique_fd.h"

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace agentcmd::cli {

class StreamWriter {
 public:
  // Writes to this descriptor, which stays the caller's.
  explicit StreamWriter(int fd) : fd_(fd) {}

  int fd() const { return fd_; }
  void write(std::string_view text);

  void stop_waiting();
  // Bytes that the reader has not taken.
  std::size_t waits() const { return kept_.size() - taken_; }
  // Writes what is kept as the reader takes it, until it is cancelled. One call at a time.
  Task<> drain();
  // Returns when nothing is kept, or the reader is gone. From here on write() waits again.
  void flush();

  // What is kept, and all that follows, goes to this descriptor instead.
  void redirect(int fd);

  // Why text was dropped, as an errno; 0 if none was, or the reader went away.
  int error() const { return error_; }

 private:
  // How to write without waiting.
  enum class Manner {
    as_it_is,  // it never waits: a file, or a mode that was set by whoever opened it
    reopened,  // through reopened_
    socket,    // each call says so
    careful,   // only when there is room, and little at a time
  };
  struct Draining;

  void find_manner();
  int writable_fd() const { return manner_ == Manner::reopened ? reopened_.get() : fd_; }
  // Bytes written; nothing when the reader takes none now, or is gone.
  std::optional<std::size_t> write_some(std::string_view text);
  ssize_t write_now(std::string_view text) const;
  void write_kept();
  void wait_for_reader() const;

  int fd_;
  bool gone_ = false;
  int error_ = 0;
  bool waits_for_reader_ = true;
  Manner manner_ = Manner::as_it_is;  // once it does not wait
  std::string kept_;
  std::size_t taken_ = 0;         // so many of its bytes have been written
  Draining* draining_ = nullptr;  // a part of drain(), while that runs
  // The same pipe or terminal, opened anew: not to wait is a mode of what is open, which others
  // have open too (a shell, our children), so it is not set there.
  process::UniqueFd reopened_;
};

}  // namespace agentcmd::cli
