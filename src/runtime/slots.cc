#include "runtime/slots.h"

#include <algorithm>

namespace agentcmd::runtime {

bool Slots::is_waited_for(Kind kind) const {
  return std::ranges::any_of(waiters_,
                             [kind](const Waiter& waiter) { return waiter.kind == kind; });
}

bool Slots::try_take(Kind kind) {
  if (kind == Kind::none) return true;
  if (free(kind) <= 0 || is_waited_for(kind)) return false;
  --free(kind);
  return true;
}

void Slots::take(Kind kind) {
  if (kind != Kind::none) --free(kind);
}

Slots::Ticket Slots::wait(Kind kind, std::function<void()> granted) {
  waiters_.push_back({.ticket = ++last_ticket_, .kind = kind, .granted = std::move(granted)});
  return last_ticket_;
}

void Slots::leave(Ticket ticket) {
  waiters_.remove_if([ticket](const Waiter& waiter) { return waiter.ticket == ticket; });
}

void Slots::release(Kind kind) {
  if (kind == Kind::none) return;
  const auto first = std::ranges::find(waiters_, kind, &Waiter::kind);
  if (first == waiters_.end() || free(kind) < 0) {
    ++free(kind);
    return;
  }
  const auto granted = std::move(first->granted);
  waiters_.erase(first);
  granted();
}

}  // namespace agentcmd::runtime
