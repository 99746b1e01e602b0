#include "engine/flow.h"

#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace agentcmd::engine {
namespace {

constexpr std::size_t runs_named_max = 3;

// What holds a run up.
struct Obstacle {
  std::string id;  // the same for all that it holds up
  std::string label;
  std::uint32_t limit = 0;
  std::vector<std::string> holders;
};

bool needs_common_place(const WantedPlace& wanted) {
  return !wanted.begun && wanted.parent.empty();
}

std::string named(const std::vector<std::string>& runs) {
  std::vector<std::string> first(runs.begin(), runs.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                                  runs.size(), runs_named_max)));
  const auto more = runs.size() - first.size();
  return join(first, ", ") + (more == 0 ? "" : fmt::format(" and {} more", more));
}

std::string reason(const Obstacle& obstacle, std::size_t before) {
  const bool is_one = obstacle.holders.size() == 1;
  auto text = fmt::format("{} of {} {} {} running: {}", obstacle.holders.size(), obstacle.limit,
                          obstacle.label, is_one ? "is" : "are", named(obstacle.holders));
  if (before > 0)
    text += fmt::format("; {} more {} before it", before, before == 1 ? "waits" : "wait");
  return text;
}

// The waiting runs of one project, in its order.
struct Line {
  std::vector<const WantedPlace*> runs;
  std::size_t next = 0;
  std::size_t running = 0;
  std::uint64_t served = 0;

  bool is_over() const { return next == runs.size(); }
  bool comes_before(const Line& other) const {
    if (running != other.running) return running < other.running;
    if (served != other.served) return served < other.served;
    return runs[next]->order < other.runs[other.next]->order;
  }
};

class Decider {
 public:
  explicit Decider(const FlowSituation& situation) : situation_(situation) {
    for (const auto& held : situation.held) {
      parents_[held.run.text] = held.parent;
      take(held.run, held.project, held.groups, held.works);
    }
    for (const auto& wanted : situation.wanted) parents_[wanted.run.text] = wanted.parent;
  }

  FlowDecision decide() {
    serve_begun();
    serve_lines();
    place_waiting();
    return std::move(decision_);
  }

 private:
  // Runs and children that need nothing but their groups, the oldest first.
  void serve_begun() {
    std::vector<const WantedPlace*> runs;
    for (const auto& wanted : situation_.wanted) {
      if (!needs_common_place(wanted)) runs.push_back(&wanted);
    }
    std::ranges::sort(runs, {}, &WantedPlace::order);
    for (const auto* wanted : runs) {
      if (obstacle_of(*wanted)) {
        waiting_.push_back(wanted);
      } else {
        start(*wanted);
      }
    }
  }

  // One at a time, since each start changes who is next.
  void serve_lines() {
    auto lines = lines_of_projects();
    while (auto* line = next_of(lines)) {
      const auto* wanted = line->runs[line->next++];
      if (obstacle_of(*wanted)) {
        waiting_.push_back(wanted);
        continue;
      }
      start(*wanted);
      ++line->running;
      line->served = ++last_served_;
      served_[wanted->project] = line->served;
    }
  }

  // As if a place were found for each of them in turn.
  void place_waiting() {
    std::vector<const WantedPlace*> order;
    std::ranges::copy_if(waiting_, std::back_inserter(order),
                         [](const auto* wanted) { return !needs_common_place(*wanted); });
    const std::set<const WantedPlace*> all(waiting_.begin(), waiting_.end());
    auto lines = lines_of_projects();
    for (auto& [project, line] : lines) {
      std::erase_if(line.runs, [&](const auto* wanted) { return !all.contains(wanted); });
    }
    while (auto* line = next_of(lines)) {
      order.push_back(line->runs[line->next++]);
      ++line->running;
      line->served = ++last_served_;
    }
    std::map<std::string, std::size_t> before;
    for (const auto* wanted : order) {
      const auto obstacle = obstacle_of(*wanted);
      auto& ahead = before[obstacle->id];
      decision_.wait.push_back({.run = wanted->run,
                                .position = decision_.wait.size() + 1,
                                .reason = reason(*obstacle, ahead)});
      ++ahead;
    }
  }

  std::map<std::string, Line> lines_of_projects() {
    std::map<std::string, Line> lines;
    for (const auto& wanted : situation_.wanted) {
      if (needs_common_place(wanted)) lines[wanted.project].runs.push_back(&wanted);
    }
    for (auto& [project, line] : lines) {
      std::ranges::sort(line.runs, [](const auto* a, const auto* b) {
        return std::pair(-std::int64_t{a->flow.priority}, a->order) <
               std::pair(-std::int64_t{b->flow.priority}, b->order);
      });
      line.running = working_in_[project].size();
      const auto served = situation_.served.find(project);
      if (served != situation_.served.end()) line.served = served->second;
      if (const auto now = served_.find(project); now != served_.end()) line.served = now->second;
    }
    for (const auto& [project, served] : situation_.served) {
      last_served_ = std::max(last_served_, served);
    }
    return lines;
  }

  static Line* next_of(std::map<std::string, Line>& lines) {
    Line* best = nullptr;
    for (auto& [project, line] : lines) {
      if (!line.is_over() && (best == nullptr || line.comes_before(*best))) best = &line;
    }
    return best;
  }

  std::optional<Obstacle> obstacle_of(const WantedPlace& wanted) {
    for (const auto& group : wanted.flow.groups) {
      const auto holders = without_ancestors(wanted, in_group_[group.id]);
      if (holders.size() >= group.limit) {
        return Obstacle{"group " + group.id, group.label, group.limit, holders};
      }
    }
    if (!needs_common_place(wanted)) return std::nullopt;
    const auto& limits = situation_.limits;
    const auto& in_project = working_in_[wanted.project];
    if (limits.runs_per_project > 0 && in_project.size() >= limits.runs_per_project) {
      return Obstacle{"project " + wanted.project, "runs of the project", limits.runs_per_project,
                      in_project};
    }
    if (limits.runs > 0 && working_.size() >= limits.runs) {
      return Obstacle{"home", "runs of this home", limits.runs, working_};
    }
    return std::nullopt;
  }

  // Who waits for this run does not keep it from running.
  std::vector<std::string> without_ancestors(const WantedPlace& wanted,
                                             std::vector<std::string> holders) const {
    std::set<std::string> ancestors;
    for (auto parent = wanted.parent; !parent.empty() && ancestors.insert(parent).second;) {
      const auto known = parents_.find(parent);
      parent = known == parents_.end() ? "" : known->second;
    }
    std::erase_if(holders, [&](const auto& run) { return ancestors.contains(run); });
    return holders;
  }

  void start(const WantedPlace& wanted) {
    std::vector<std::string> groups;
    for (const auto& group : wanted.flow.groups) groups.push_back(group.id);
    take(wanted.run, wanted.project, groups, true);
    decision_.start.push_back(wanted.run);
  }

  void take(const history::RunId& run, const std::string& project,
            const std::vector<std::string>& groups, bool works) {
    for (const auto& group : groups) in_group_[group].push_back(run.text);
    if (!works) return;
    working_.push_back(run.text);
    working_in_[project].push_back(run.text);
  }

  const FlowSituation& situation_;
  FlowDecision decision_;
  std::vector<const WantedPlace*> waiting_;
  std::map<std::string, std::string> parents_;
  std::map<std::string, std::vector<std::string>> in_group_;
  std::map<std::string, std::vector<std::string>> working_in_;  // by project
  std::vector<std::string> working_;
  std::map<std::string, std::uint64_t> served_;  // by this decision
  std::uint64_t last_served_ = 0;
};

}  // namespace

FlowDecision decide_places(const FlowSituation& situation) {
  return Decider(situation).decide();
}

bool is_unlimited(const WantedPlace& wanted, const FlowLimits& limits) {
  if (!wanted.flow.groups.empty()) return false;
  return !needs_common_place(wanted) || limits == FlowLimits{};
}

}  // namespace agentcmd::engine
