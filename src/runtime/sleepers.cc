#include "runtime/sleepers.h"

namespace agentcmd::runtime {

using history::RunId;

namespace {

template <typename Key>
void drop(std::map<Key, std::set<RunId>>& index, const Key& key, const RunId& run) {
  const auto found = index.find(key);
  if (found == index.end()) return;
  found->second.erase(run);
  if (found->second.empty()) index.erase(found);
}

template <typename Key>
std::vector<RunId> listed(const std::map<Key, std::set<RunId>>& index, const Key& key) {
  const auto found = index.find(key);
  if (found == index.end()) return {};
  return {found->second.begin(), found->second.end()};
}

}  // namespace

void Sleepers::add(Sleeper sleeper) {
  take(sleeper.run);
  const auto& run = sleeper.run;
  if (sleeper.due) by_time_.emplace(*sleeper.due, run);
  for (const auto& event : sleeper.events) by_event_[{sleeper.project, event}].insert(run);
  for (const auto& child : sleeper.children) by_child_[child].insert(run);
  Entry entry{.project = std::move(sleeper.project),
              .due = sleeper.due,
              .events = std::move(sleeper.events),
              .children = std::move(sleeper.children)};
  sleepers_.emplace(run, std::move(entry));
}

std::optional<Sleeper> Sleepers::take(const RunId& run) {
  auto node = sleepers_.extract(run);
  if (node.empty()) return std::nullopt;
  auto& entry = node.mapped();
  forget(run, entry);
  return Sleeper{.run = run,
                 .project = std::move(entry.project),
                 .due = entry.due,
                 .events = std::move(entry.events),
                 .children = std::move(entry.children)};
}

void Sleepers::forget(const RunId& run, const Entry& entry) {
  if (entry.due) by_time_.erase({*entry.due, run});
  for (const auto& event : entry.events) drop(by_event_, {entry.project, event}, run);
  for (const auto& child : entry.children) drop(by_child_, child, run);
}

std::optional<Time> Sleepers::next() const {
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->first;
}

std::vector<RunId> Sleepers::due(Time at) const {
  std::vector<RunId> runs;
  for (const auto& [when, run] : by_time_) {
    if (when > at) break;
    runs.push_back(run);
  }
  return runs;
}

std::vector<RunId> Sleepers::waiting_for(const std::string& project,
                                         const std::string& event) const {
  return listed(by_event_, {project, event});
}

std::vector<RunId> Sleepers::waiting_for_any_event() const {
  std::set<RunId> runs;
  for (const auto& [event, waiting] : by_event_) runs.insert(waiting.begin(), waiting.end());
  return {runs.begin(), runs.end()};
}

std::vector<RunId> Sleepers::parents_of(const RunId& child) const {
  return listed(by_child_, child);
}

std::vector<RunId> Sleepers::children() const {
  std::vector<RunId> children;
  for (const auto& [child, parents] : by_child_) children.push_back(child);
  return children;
}

}  // namespace agentcmd::runtime
