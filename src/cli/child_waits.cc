#include "cli/child_waits.h"

#include "cli/answered_gates.h"

#include <deque>
#include <utility>

namespace agentcmd::cli {
namespace {

struct Child {
  history::RunId run;
  Waiting waiting;
  std::string paused;  // why; empty: it is not
};

Task<Child> read_child(store::Store& store, history::RunId run) {
  Child child{.run = run, .waiting = {}, .paused = {}};
  for (const auto& event : co_await store.log().read(run, 0)) {
    child.waiting.apply(event.detail);
    if (const auto* paused = std::get_if<history::RunPaused>(&event.detail)) {
      child.paused = paused->message;
    } else if (std::holds_alternative<history::RunResumed>(event.detail)) {
      child.paused.clear();
    }
  }
  co_return child;
}

Task<> add(store::Store& store, Child child, ChildWaits& out) {
  if (!child.paused.empty()) out.paused.push_back({child.run, child.paused});
  const auto answered = co_await answered_gates(store.requests(), child.run);
  for (auto& [key, gate] : child.waiting.gates) {
    gate.child = child.run;
    if (const auto by = answered.find(key); by != answered.end()) gate.answered_by = by->second;
    out.gates.push_back(std::move(gate));
  }
}

}  // namespace

// Children cannot invoke each other in a circle: each is created by its parent.
Task<ChildWaits> child_waits(store::Store& store, Waiting waiting) {
  ChildWaits out;
  std::deque<history::RunId> left;
  for (const auto& [key, run] : waiting.invoked) left.push_back(run);
  while (!left.empty()) {
    auto child = co_await read_child(store, std::exchange(left.front(), {}));
    left.pop_front();
    for (const auto& [key, run] : child.waiting.invoked) left.push_back(run);
    co_await add(store, std::move(child), out);
  }
  co_return out;
}

}  // namespace agentcmd::cli
