#pragma once
// The worker's end of the socket pair, blocking. Answers are gathered and written together: when
// nothing is left to read, when enough has come together, or when somebody waits.

#include "script/frame.h"

#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace agentcmd::script {

class WorkerChannel {
 public:
  explicit WorkerChannel(int fd) : fd_(fd) {}
  WorkerChannel(const WorkerChannel&) = delete;
  WorkerChannel& operator=(const WorkerChannel&) = delete;

  // The next frame, those that were kept first; nothing when the driver is gone.
  std::optional<std::string> next();

  // Whether a frame is there, or comes within that time. Sends what was gathered before it waits.
  bool is_waiting(std::chrono::milliseconds patience);

  // The next frame from the socket itself, while an answer is waited for; keep() what is not it.
  std::optional<std::string> receive();
  void keep(std::string frame) { kept_.push_back(std::move(frame)); }

  // Both may be called by the watchdog's thread.
  void send(std::string_view json);
  void flush();

  int fd() const { return fd_; }

 private:
  void flush_locked();

  const int fd_;
  FrameReader reader_;
  std::deque<std::string> kept_;
  std::mutex mutex_;  // of out_ and of writing: the watchdog speaks for a thread that is stuck
  std::string out_;
};

}  // namespace agentcmd::script
