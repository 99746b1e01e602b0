// What others ask of a run while it is driven: rows that outlive the process that made them
// (store/requests.h).

#include "base/log.h"
#include "runtime/run_actor.h"

#include <utility>

namespace agentcmd::runtime {
namespace {

// A run with requests under way does not fall asleep.
struct RequestMark {
  RequestMark(int& under_way, Wakeup& ended) : under_way_(under_way), ended_(ended) {
    ++under_way_;
  }
  ~RequestMark() {
    --under_way_;
    ended_.notify();
  }
  RequestMark(const RequestMark&) = delete;
  RequestMark& operator=(const RequestMark&) = delete;

 private:
  int& under_way_;
  Wakeup& ended_;
};

}  // namespace

void RunActor::look_at_requests() {
  if (!takes_requests_) return;  // drive() reads them when it has read the history
  requests_.spawn("requests of " + run_.text, take_requests());
}

// Carries out what is asked; a row is done with only once what it led to is on disk, so that an
// approval is not lost with the process that read it. What is carried out twice, because the
// process died in between, is no longer current the second time.
Task<> RunActor::take_requests() {
  const RequestMark mark(requests_under_way_, news_);
  const auto pending = co_await services_.store.requests().pending(run_);
  if (!takes_requests_) co_return;  // nobody would end what begins now
  std::vector<std::uint64_t> taken;
  for (const auto& request : pending) {
    if (taken_requests_.contains(request.id)) continue;
    carry_out(request);
    taken_requests_[request.id] = posted_;
    taken.push_back(request.id);
  }
  if (!taken.empty()) requests_.spawn("done with requests", done_with(std::move(taken)));
}

Task<> RunActor::done_with(std::vector<std::uint64_t> requests) {
  const RequestMark mark(requests_under_way_, news_);
  const auto mine = posted_;
  while (processed_ < mine) co_await committing_.wait();
  for (const auto id : requests) {
    co_await services_.store.requests().done(id);
    taken_requests_.erase(id);
  }
}

void RunActor::carry_out(const store::Request& request) {
  const auto data = parse_trusted(request.data.text, "a request");
  const auto by = string_or(data, "by", request.kind);
  if (request.kind == "cancel" && bool_or(data, "once")) {
    request_cancel_once(by);
  } else if (request.kind == "cancel") {
    const bool known = state_.cancel_requested && request.at <= state_.cancel_requested_at;
    if (!known) request_cancel(by);
  } else if (request.kind == "pause") {
    request_pause(by);
  } else if (request.kind == "resume") {
    request_resume(by, string_or(data, "code_hash"));
  } else if (request.kind == "gate") {
    decide_gate({.key = {string_or(data, "key")},
                 .approved = bool_or(data, "approved"),
                 .option = string_or(data, "option"),
                 .by = by,
                 .reason = string_or(data, "reason"),
                 .step = {},
                 .input = string_or(data, "input")});
  } else {
    log::warn("run.unknown_request", {{"run", run_.text}, {"kind", request.kind}});
  }
}

// No task of ours outlives the driving.
Task<> RunActor::end_requests() {
  takes_requests_ = false;
  requests_.cancel();
  co_await requests_.join();
}

// Those that are recorded and whose row nobody came to mark, since what they led to was the end of
// the driving. With the run over, nobody will ask about any of them.
Task<> RunActor::finish_requests() {
  for (const auto& [id, posted] : taken_requests_) {
    const bool has_ended = state_.end && state_.seq == committed_;
    if (posted <= processed_ || has_ended) co_await services_.store.requests().done(id);
  }
}

}  // namespace agentcmd::runtime
