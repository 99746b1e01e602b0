#pragma once
// What others ask of a run's driver: durable rows, so that a request made while nobody listens is
// not lost. The driver learns of them by a wake-up on its socket (runtime/driver_socket.h) and
// reads them here.

#include "async/task.h"
#include "base/clock.h"
#include "history/event.h"

#include <cstdint>
#include <string>
#include <vector>

namespace agentcmd::store {

struct Request {
  std::uint64_t id = 0;
  history::RunId run;
  std::string kind;  // "cancel", "pause", "resume", "gate"
  // {"by": "runs cancel"}; of "gate" also key, approved, option, reason; of "resume" perhaps
  // code_hash
  JsonText data;
  Time at;
};

class Requests {
 public:
  virtual ~Requests() = default;
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  // Durable upon return; its id.
  virtual Task<std::uint64_t> add(Request request) = 0;
  // Those of the run not yet done, oldest first.
  virtual Task<std::vector<Request>> pending(history::RunId run) = 0;
  // Those of all runs, oldest first.
  virtual Task<std::vector<Request>> all_pending() = 0;
  virtual Task<> done(std::uint64_t id) = 0;

 protected:
  Requests() = default;
};

}  // namespace agentcmd::store
