#pragma once
// What the supervisor needs of files: descriptors that close themselves, whole small files, and the
// identity of a process.

#include <sys/types.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace supervise {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

struct Pipe {
  Fd read_end;
  Fd write_end;
};

// Both ends close on exec. False: errno says why.
bool make_pipe(Pipe& pipe);

// Closes every descriptor above the standard three that is not listed (-1 stands for none). For
// processes that are forked and do not exec: what they inherit they would hold for hours, a lock or
// the end of somebody's pipe.
void close_all_but(std::initializer_list<int> kept);

// 0 or the error.
int write_all(int fd, std::string_view bytes);

// Empty where it cannot be read.
std::string read_text(const std::string& path);

// One write(2), as files of the kernel want it.
bool write_text(const std::string& path, std::string_view text);

// Milliseconds that stand still while the machine sleeps: a suspended laptop times nothing out.
std::int64_t now_ms();

// In clock ticks since boot; 0 when there is no such process. With the pid and the boot id it names
// a process for ever, while pids alone come round again.
std::uint64_t start_time_of(pid_t pid);
std::string boot_id();

// `text` as a JSON string, with its quotes. Bytes past ASCII stay as they are.
std::string json_quoted(std::string_view text);

}  // namespace supervise
