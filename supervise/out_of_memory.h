#pragma once
// Did the kernel kill for memory? Exact where a cgroup counts; else the machine's own counter is a
// hint, which holds only together with a death by KILL that was not ours.

#include "container.h"

namespace supervise {

class OutOfMemory {
 public:
  OutOfMemory();  // before the command starts
  bool explains(int wait_status, const Container& container) const;

 private:
  std::int64_t machine_before_;
};

}  // namespace supervise
