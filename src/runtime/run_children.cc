// step.invoke: a run as a step of another one.

#include "async/settled.h"
#include "base/fault.h"
#include "base/json_slice.h"
#include "base/limits.h"
#include "base/log.h"
#include "runtime/run_actor.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace agentcmd::runtime {

using history::RunCompleted;
using history::RunFailed;
using history::RunId;
using history::StepCheckpoint;
using history::StepKey;

namespace {

using steps::Outcome;

Outcome failed(std::string name, std::string message, bool final) {
  return {.what = steps::Failed{
              {.name = std::move(name), .message = std::move(message), .final = final}}};
}

// Another attempt is another child: only where the step asks for that.
bool asks_for_retry(const Json& input) {
  const auto options = input.find("options");
  return options != input.end() && options->is_object() && options->contains("retry");
}

std::optional<Milliseconds> timeout_in(const Json& config) {
  const auto found = config.find("timeout");
  if (found == config.end() || !found->is_number() || found->get<double>() < 1) return std::nullopt;
  constexpr Milliseconds longest = std::chrono::years(100);
  return Milliseconds(static_cast<std::int64_t>(
      std::min(found->get<double>(), static_cast<double>(longest.count()))));
}

// Keeps the child among those that the run waits for, as long as somebody does.
class Awaited {
 public:
  Awaited(std::map<StepKey, RunActor::Child>& children, StepKey key, RunActor::Child child)
      : children_(children), key_(std::move(key)) {
    children_.insert_or_assign(key_, std::move(child));
  }
  ~Awaited() { children_.erase(key_); }
  Awaited(const Awaited&) = delete;
  Awaited& operator=(const Awaited&) = delete;

  RunActor::Child& child() { return children_.at(key_); }

 private:
  std::map<StepKey, RunActor::Child>& children_;
  StepKey key_;
};

}  // namespace

// A child works where its parent works. One that may outlive its parent gets a place of its own,
// made in the same way.
Invocation RunActor::invocation(const steps::Step& step, const Json& config) const {
  const bool outlives = string_or(config, "parentClose") == "abandon";
  const auto args = find_member(member(step.input.text, "config"), "args");
  return {.parent = run_,
          .key = step.key,
          .project = state_.created.project,
          .workflow = string_or(config, "workflow"),
          .args = {std::string(args.value_or("{}"))},
          .name = string_or(config, "name"),
          .agents = step.run.agents_override,
          .within = outlives ? "" : step.run.working_dir.string(),
          .mode = string_or(step.run.request, "mode", "stay")};
}

// Nothing where the step ended meanwhile.
Task<Result<std::optional<RunActor::Child>>> RunActor::bear(const steps::Step& step,
                                                            const Json& config) {
  auto prepared = co_await services_.family.prepare_child(invocation(step, config));
  if (!prepared) co_return tl::unexpected(prepared.error());
  Child child{.run = prepared->run, .closes = string_or(config, "parentClose") != "abandon"};
  Json data{{"child", child.run.text}};
  if (const auto timeout = timeout_in(config)) {
    child.deadline = services_.clock.now() + *timeout;
    data["deadline"] = to_millis(*child.deadline);
  }
  births_.insert_or_assign(step.key, *std::move(prepared));
  co_await checkpoint(step, {to_text(data)});
  if (births_.erase(step.key) == 1) co_return std::nullopt;
  co_return child;
}

// The child that a former driver recorded.
std::optional<RunActor::Child> RunActor::recorded_child(const steps::Step& step,
                                                        const Json& config) {
  if (!step.recovery || !step.recovery->checkpoint) return std::nullopt;
  const auto data = parse_trusted(step.recovery->checkpoint->text, "checkpoint");
  const auto run = string_or(data, "child");
  if (run.empty()) return std::nullopt;
  Child child{.run = {run}, .closes = string_or(config, "parentClose") != "abandon"};
  if (const auto deadline = int_or(data, "deadline"); deadline != 0) {
    child.deadline = from_millis(deadline);
  }
  return child;
}

// The steps whose children come into being with these events.
std::vector<StepKey> RunActor::born_with(const std::vector<history::Event>& events) const {
  std::vector<StepKey> born;
  if (births_.empty()) return born;
  for (const auto& event : events) {
    const auto* checkpoint = std::get_if<StepCheckpoint>(&event.detail);
    if (checkpoint != nullptr && births_.contains(checkpoint->key)) {
      born.push_back(checkpoint->key);
    }
  }
  return born;
}

// They exist: whatever becomes of their parent, somebody drives them.
void RunActor::announce(const std::vector<StepKey>& born) {
  for (const auto& key : born) services_.family.child_created(births_.extract(key).mapped());
}

Task<Outcome> RunActor::invoke(steps::Step step, StopSource& stop) {
  const auto input = parse_trusted(step.input.text, "input of step " + step.key.text);
  const auto config = input.value("config", Json::object());
  auto child = recorded_child(step, config);
  const bool is_recorded = child.has_value();
  if (!child) {
    if (stop.requested()) co_return Outcome{.what = steps::Cancelled{}};
    auto born = co_await bear(step, config);
    if (!born) co_return failed("Error", born.error().message, true);
    if (!*born) co_return Outcome{.what = steps::Cancelled{}};
    child = **born;
  }
  const auto workflow = string_or(config, "workflow");
  co_return co_await await_child(step.key, *child, workflow,
                                 {.retries = asks_for_retry(input), .cared_for = !is_recorded},
                                 stop);
}

// The child exists, whatever fails here: the attempt goes on until that has ended, since another
// one would begin another child beside it.
Task<Outcome> RunActor::await_child(StepKey key, Child child, std::string workflow, Awaiting how,
                                    StopSource& stop) {
  const auto deadline = child.deadline;
  Awaited awaited(children_, key, child);
  const auto again = services_.machine.make_alarm();
  arm_timer();
  while (true) {
    const auto seen = child_news_;
    bool failed = false;
    try {
      if (!how.cared_for) co_await services_.family.look_after(child.run);
      how.cared_for = true;
      if (const auto end = co_await services_.family.end_of(child.run)) {
        how.late = deadline && end->at > *deadline;
        co_return outcome_of(child, *end, workflow, how);
      }
      if (stop.requested() && !how.stopping) {
        if (!child.closes) co_return Outcome{.what = steps::Cancelled{}};
        co_await services_.family.cancel_child(
            child.run, fmt::format("run {}, which invoked it", run_.text), false);
        how.stopping = true;
      }
      if (deadline && !how.late && services_.clock.now() >= *deadline) {
        co_await services_.family.cancel_child(
            child.run, fmt::format("the timeout of '{}' in run {}", key.text, run_.text), false);
        how.late = true;
        awaited.child().deadline.reset();
        awaited.child().late = false;
      }
    } catch (const Fault& fault) {
      log::warn("run.child_not_reached", {{"run", child.run.text}, {"error", fault.what()}});
      failed = true;
    }
    if (failed) {
      again->set(limits::run_retry_wait, [this] { look_at_children(); });
    } else if (child_news_ == seen && !awaited.child().late) {
      awaited.child().looked_at = true;
      news_.notify();
    }
    co_await child_news(seen, how.stopping || failed, stop);
    awaited.child().looked_at = false;
  }
}

// Returns when something may have happened to a child since `seen`, or when the step is to stop.
Task<> RunActor::child_news(std::uint64_t seen, bool stopping, StopSource& stop) {
  using namespace boost::asio::experimental::awaitable_operators;
  if (stopping) {
    co_await child_news_since(seen);
  } else {
    auto first = co_await (settle(child_news_since(seen)) || settle(stop.wait()));
    if (first.index() == 0) std::get<0>(first).take();
    if (first.index() == 1) std::get<1>(first).take();
  }
}

Task<> RunActor::child_news_since(std::uint64_t seen) {
  while (child_news_ == seen) co_await child_wakeup_.wait();
}

void RunActor::look_at_children() {
  ++child_news_;
  for (auto& [key, child] : children_) child.looked_at = false;
  child_wakeup_.notify();
  news_.notify();
}

std::vector<RunId> RunActor::awaited_children() const {
  std::vector<RunId> children;
  for (const auto& [key, child] : children_) children.push_back(child.run);
  return children;
}

void RunActor::look_at_deadlines(Time at) {
  for (auto& [key, child] : children_) {
    if (!child.deadline || *child.deadline > at || child.late) continue;
    child.late = true;
    look_at_children();
  }
}

// The run ends without waiting for clean-up, and so do the children that end with it.
void RunActor::hurry_children(const std::string& by) {
  for (const auto& [key, child] : children_) {
    if (!child.closes) continue;
    commits_.spawn("child " + child.run.text, services_.family.cancel_child(child.run, by, true));
  }
}

bool RunActor::has_looked_at_children() const {
  return std::ranges::all_of(children_, [](const auto& child) { return child.second.looked_at; });
}

Outcome RunActor::outcome_of(const Child& child, const ChildEnd& end, const std::string& workflow,
                             const Awaiting& how) {
  if (const auto* completed = std::get_if<RunCompleted>(&end.how); completed && !how.late) {
    return {.what = steps::Completed{.output = completed->result}};
  }
  if (how.stopping) return {.what = steps::Cancelled{}};
  const auto named = fmt::format("workflow '{}' (run {})", workflow, child.run.text);
  if (how.late) {
    return {.what = steps::TimedOut{
                {.name = "TimeoutError",
                 .message = fmt::format("{} did not end in time and was cancelled", named)}}};
  }
  if (const auto* failure = std::get_if<RunFailed>(&end.how)) {
    return failed("ChildFailedError", fmt::format("{} failed: {}", named, failure->failure.message),
                  !how.retries);
  }
  return failed("CancelledError", fmt::format("{} was cancelled", named), true);
}

// Children that keep the run waiting for a person, with their reasons.
std::vector<Held> RunActor::held_children() const {
  std::vector<Held> held;
  for (const auto& [key, child] : children_) {
    auto why = services_.family.held(child.run);
    if (!why) continue;
    why->why = fmt::format("'{}' waits for run {}: {}", key.text, child.run.text, why->why);
    held.push_back(*std::move(why));
  }
  return held;
}

}  // namespace agentcmd::runtime
