#pragma once
// One output stream: what comes out of the pipe goes to the file. The pipe is always emptied, also
// when the file cannot take any more: a full disk or a reached limit must not make the command
// hang.

#include "files.h"

#include <cstdint>

namespace supervise {

class Spool {
 public:
  Spool(Fd file, Fd pipe, std::uint64_t bytes_max);

  int poll_fd() const { return pipe_.get(); }  // -1 once the stream has ended
  bool ended() const { return !pipe_.valid(); }
  bool failed() const { return failed_; }
  bool over_limit() const { return over_limit_; }
  std::uint64_t bytes() const { return written_; }

  // Moves what is there, up to a bound, so that two streams take turns. False: nothing was there.
  bool transfer();
  // Moves all that is there; for the end, when nobody writes any more.
  void drain();
  // To disk, so that a recorded end never stands beside output that a power failure took.
  void sync();

 private:
  void keep(std::string_view bytes);

  Fd file_;
  Fd pipe_;
  std::uint64_t bytes_max_;
  std::uint64_t written_ = 0;
  bool failed_ = false;
  bool over_limit_ = false;
};

}  // namespace supervise
