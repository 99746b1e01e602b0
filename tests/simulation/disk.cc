#include "simulation/disk.h"

#include <algorithm>
#include <utility>

namespace agentcmd::simulation {

store::ProjectedStep* StepRows::find(const history::StepKey& key) {
  const auto found = std::ranges::find_if(
      steps_, [&](const store::ProjectedStep& step) { return step.row.key == key; });
  return found == steps_.end() ? nullptr : &*found;
}

std::vector<store::StepRow> StepRows::rows() const {
  std::vector<store::StepRow> rows;
  for (const auto& step : steps_) rows.push_back(step.row);
  return rows;
}

Result<void> MemoryDisk::check(const store::RunAppend& part) const {
  const auto found = runs_.find(part.run);
  if (found == runs_.end()) {
    if (part.expected_seq == 0) return {};
    return fail(ErrorCode::conflict, "no run " + part.run.text);
  }
  const auto& run = found->second;
  if (part.expected_seq == 0) return fail(ErrorCode::already_exists, "run " + part.run.text);
  if (run.events.size() != part.expected_seq) {
    return fail(ErrorCode::conflict, "run " + part.run.text + " has moved on");
  }
  if (!defects_.no_fence && run.owner != part.owner) {
    return fail(ErrorCode::conflict, "run " + part.run.text + " belongs to another driver");
  }
  return {};
}

Result<void> MemoryDisk::append(const std::vector<store::RunAppend>& parts) {
  for (const auto& part : parts) {
    auto checked = check(part);
    if (!checked) return checked;
  }
  for (const auto& part : parts) {
    auto& run = runs_[part.run];
    if (part.expected_seq == 0) {
      run.owner = part.owner;
      run.created_after = events_.size();
      run.number = ++last_run_;
    }
    for (const auto& event : part.events) {
      store::fold(event, static_cast<std::int64_t>(event.seq), run.projected, run.steps);
      run.events.push_back(event);
    }
  }
  return {};
}

std::vector<history::Event> MemoryDisk::read(const history::RunId& run, std::uint64_t after_seq) {
  const auto found = runs_.find(run);
  if (found == runs_.end()) return {};
  const auto& events = found->second.events;
  if (after_seq >= events.size()) return {};
  return {events.begin() + static_cast<std::ptrdiff_t>(after_seq), events.end()};
}

std::optional<store::Owner> MemoryDisk::owner(const history::RunId& run) {
  const auto found = runs_.find(run);
  if (found == runs_.end()) return std::nullopt;
  return found->second.owner;
}

Result<store::Owner> MemoryDisk::take_over(const history::RunId& run, const store::Owner& from,
                                           const std::string& driver) {
  const auto found = runs_.find(run);
  if (found == runs_.end() || found->second.owner != from) {
    return fail(ErrorCode::conflict, "run " + run.text + " belongs to another driver");
  }
  auto& owner = found->second.owner;
  owner = {.driver = driver, .term = owner.term + 1};
  return owner;
}

std::uint64_t MemoryDisk::add_request(store::Request request) {
  request.id = ++last_request_;
  requests_.emplace(request.id, request);
  return request.id;
}

std::vector<store::Request> MemoryDisk::pending_requests() {
  std::vector<store::Request> pending;
  for (const auto& [id, request] : requests_) pending.push_back(request);
  return pending;
}

void MemoryDisk::request_done(std::uint64_t id) {
  requests_.erase(id);
}

std::vector<std::uint64_t> MemoryDisk::add_events(std::vector<store::ProjectEvent> events) {
  std::vector<std::uint64_t> ids;
  for (auto& event : events) {
    const auto known = std::ranges::find_if(events_, [&](const store::ProjectEvent& one) {
      return !event.once.empty() && one.once == event.once;
    });
    if (known != events_.end()) {
      ids.push_back(known->id);
      continue;
    }
    event.id = events_.size() + 1;
    ids.push_back(event.id);
    events_.push_back(std::move(event));
  }
  return ids;
}

std::uint64_t MemoryDisk::created_after(const history::RunId& run) {
  const auto found = runs_.find(run);
  return found == runs_.end() ? 0 : found->second.created_after;
}

std::string MemoryDisk::forget(const history::RunId& id) {
  const auto found = runs_.find(id);
  if (found == runs_.end()) return {};
  const auto& row = found->second.projected.row;
  if (!store::is_terminal(row.status)) return "it has not ended";
  for (const auto& [other, run] : runs_) {
    if (store::is_terminal(run.projected.row.status)) continue;
    const auto& unfinished = run.projected.row;
    const bool needs_it = unfinished.parent == id.text || unfinished.forked_from == id.text ||
                          row.parent == other.text;
    if (needs_it) return other.text + " has not ended";
  }
  runs_.erase(found);
  std::erase_if(requests_, [&](const auto& request) { return request.second.run == id; });
  return {};
}

std::vector<store::RunRow> MemoryDisk::runs() {
  std::map<std::uint64_t, store::RunRow> rows;
  for (const auto& [id, run] : runs_) {
    auto row = run.projected.row;
    row.id = id;
    row.driver = run.owner.driver;
    row.term = run.owner.term;
    row.request = std::get<history::RunCreated>(run.events.front().detail).request;
    if (const auto* end = std::get_if<history::RunCompleted>(&run.events.back().detail)) {
      row.result = end->result;
    }
    rows.emplace(run.number, std::move(row));
  }
  std::vector<store::RunRow> oldest_first;
  for (auto& [number, row] : rows) oldest_first.push_back(std::move(row));
  return oldest_first;
}

std::vector<store::StepRow> MemoryDisk::steps(const history::RunId& run) {
  const auto found = runs_.find(run);
  return found == runs_.end() ? std::vector<store::StepRow>() : found->second.steps.rows();
}

}  // namespace agentcmd::simulation
