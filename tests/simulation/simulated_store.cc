#include "simulation/simulated_store.h"

#include "base/check.h"
#include "base/fault.h"

#include <algorithm>
#include <utility>

namespace agentcmd::simulation {

using history::Event;
using history::RunId;

struct SimulatedStore::Write {
  std::function<void()> work;
  bool done = false;
  std::exception_ptr fault;
};

class SimulatedStore::Log final : public store::HistoryLog {
 public:
  explicit Log(SimulatedStore& store) : store_(store) {}

  Task<Result<void>> append(std::vector<store::RunAppend> parts) override {
    if (store_.state_.lying) {
      store_.submit([&store = store_, parts = std::move(parts)] { (void)store.append(parts); });
      co_return Result<void>();
    }
    const auto result = std::make_shared<Result<void>>();
    co_await store_.write(
        [&store = store_, result, parts = std::move(parts)] { *result = store.append(parts); });
    co_return *result;
  }
  Task<std::vector<Event>> read(RunId run, std::uint64_t after_seq) override {
    co_await store_.read_delay();
    co_return store_.disk_.read(run, after_seq);
  }
  Task<std::optional<store::Owner>> owner(RunId run) override {
    co_await store_.read_delay();
    co_return store_.disk_.owner(run);
  }
  Task<std::vector<std::optional<store::Owner>>> owners(std::vector<RunId> runs) override {
    co_await store_.read_delay();
    std::vector<std::optional<store::Owner>> owners;
    for (const auto& run : runs) owners.push_back(store_.disk_.owner(run));
    co_return owners;
  }
  Task<Result<store::Owner>> take_over(RunId run, store::Owner from, std::string driver) override {
    const auto result = std::make_shared<Result<store::Owner>>();
    co_await store_.write([&store = store_, result, run, from, driver] {
      *result = store.take_over(run, from, driver);
    });
    co_return *result;
  }
  Task<std::vector<Result<store::Owner>>> take_over_all(std::vector<store::Takeover> runs,
                                                        std::string driver) override {
    const auto results = std::make_shared<std::vector<Result<store::Owner>>>();
    co_await store_.write([&store = store_, results, runs, driver] {
      for (const auto& run : runs) results->push_back(store.take_over(run.run, run.from, driver));
    });
    co_return *results;
  }
  Task<> stop() override { co_return; }

 private:
  SimulatedStore& store_;
};

class SimulatedStore::Catalog final : public store::Catalog {
 public:
  explicit Catalog(SimulatedStore& store) : store_(store) {}

  Task<std::vector<store::RunRow>> runs(store::RunFilter filter) override {
    auto rows = co_await all_runs();
    std::ranges::reverse(rows);
    std::erase_if(rows, [&](const store::RunRow& row) {
      return (!filter.project.empty() && row.project != filter.project) ||
             (filter.status && row.status != *filter.status);
    });
    if (rows.size() > filter.limit) rows.resize(filter.limit);
    co_return rows;
  }
  Task<Result<store::RunRow>> find_run(std::string id) override {
    for (auto& row : co_await all_runs()) {
      if (row.id.text == id) co_return std::move(row);
    }
    co_return fail(ErrorCode::not_found, "no run " + id);
  }
  Task<std::vector<store::StepRow>> steps(RunId run) override {
    co_await store_.read_delay();
    co_return store_.disk_.steps(run);
  }
  Task<std::vector<store::RunRow>> unfinished() override {
    auto rows = co_await all_runs();
    std::erase_if(rows, [](const store::RunRow& row) { return store::is_terminal(row.status); });
    co_return rows;
  }
  Task<std::vector<store::LiveRun>> live(std::string project, std::string not_of) override {
    std::vector<store::LiveRun> live;
    for (auto& row : co_await unfinished()) {
      if ((!project.empty() && row.project != project) || row.driver == not_of) continue;
      live.push_back({.id = row.id,
                      .project = row.project,
                      .status = row.status,
                      .driver = row.driver,
                      .term = row.term});
    }
    co_return live;
  }
  Task<std::vector<store::SleepingRun>> sleeping(std::string driver) override {
    std::vector<store::SleepingRun> sleeping;
    for (auto& row : co_await unfinished()) {
      if (row.driver == driver && row.status == store::RunStatus::waiting) {
        sleeping.push_back(describe_sleeping(row));
      }
    }
    co_return sleeping;
  }
  Task<std::vector<store::RunRow>> children(RunId parent) override {
    auto rows = co_await all_runs();
    std::erase_if(rows, [&](const store::RunRow& row) { return row.parent != parent.text; });
    co_return rows;
  }
  Task<std::vector<store::DrivenRun>> driven() override {
    std::vector<store::DrivenRun> driven;
    for (auto& row : co_await unfinished()) {
      const bool waits = row.status == store::RunStatus::paused || row.at_gate;
      if (!waits) driven.push_back({.id = row.id, .driver = row.driver});
    }
    std::ranges::reverse(driven);
    co_return driven;
  }
  Task<std::vector<store::RunRow>> forks(RunId run) override {
    auto rows = co_await all_runs();
    std::erase_if(rows, [&](const store::RunRow& row) { return row.forked_from != run.text; });
    co_return rows;
  }
  Task<> rebuild() override { co_return; }

 private:
  Task<std::vector<store::RunRow>> all_runs() {
    co_await store_.read_delay();
    co_return store_.disk_.runs();
  }

  store::SleepingRun describe_sleeping(const store::RunRow& row) {
    store::SleepingRun run{.id = row.id, .project = row.project};
    const auto state = engine::state_of(store_.disk_.read(row.id, 0));
    for (const auto& step : store_.disk_.steps(row.id)) {
      if (step.status != store::StepStatus::waiting) continue;
      if (step.due_at && (!run.due_at || *step.due_at < *run.due_at)) run.due_at = step.due_at;
      run.has_children |= step.type == "invoke";
      if (step.event.empty()) continue;
      store::SleepingRun::Wait wait{.event = step.event,
                                    .seen = store_.disk_.created_after(row.id)};
      const auto seen = state.last_event.find(step.event);
      if (seen != state.last_event.end()) wait.seen = std::max(wait.seen, seen->second);
      for (const auto& event : store_.disk_.events()) {
        if (event.project == row.project && event.name == step.event) wait.last = event.id;
      }
      run.waits.push_back(std::move(wait));
    }
    return run;
  }

  SimulatedStore& store_;
};

class SimulatedStore::Requests final : public store::Requests {
 public:
  explicit Requests(SimulatedStore& store) : store_(store) {}

  Task<std::uint64_t> add(store::Request request) override {
    const auto id = std::make_shared<std::uint64_t>(0);
    co_await store_.write([&disk = store_.disk_, id, request] { *id = disk.add_request(request); });
    co_return *id;
  }
  Task<std::vector<store::Request>> pending(RunId run) override {
    auto pending = co_await all_pending();
    std::erase_if(pending, [&](const store::Request& request) { return request.run != run; });
    co_return pending;
  }
  Task<std::vector<store::Request>> all_pending() override {
    co_await store_.read_delay();
    co_return store_.disk_.pending_requests();
  }
  Task<> done(std::uint64_t id) override {
    co_await store_.write([&disk = store_.disk_, id] { disk.request_done(id); });
  }

 private:
  SimulatedStore& store_;
};

class SimulatedStore::Events final : public store::Events {
 public:
  explicit Events(SimulatedStore& store) : store_(store) {}

  Task<std::vector<std::uint64_t>> add(std::vector<store::ProjectEvent> events) override {
    const auto ids = std::make_shared<std::vector<std::uint64_t>>();
    co_await store_.write([&disk = store_.disk_, ids, events] { *ids = disk.add_events(events); });
    co_return *ids;
  }
  Task<std::vector<store::ProjectEvent>> of_run(RunId run, std::string project,
                                                std::map<std::string, std::uint64_t> after,
                                                std::size_t limit) override {
    auto events = co_await all();
    const auto created_after = store_.disk_.created_after(run);
    std::erase_if(events, [&](const store::ProjectEvent& event) {
      const auto seen = after.find(event.name);
      return event.project != project || event.id <= created_after || seen == after.end() ||
             event.id <= seen->second;
    });
    if (events.size() > limit) events.resize(limit);
    co_return events;
  }
  Task<std::vector<store::EventHeading>> since(std::uint64_t after, std::size_t limit) override {
    std::vector<store::EventHeading> headings;
    for (const auto& event : co_await all()) {
      if (event.id > after && headings.size() < limit) {
        headings.push_back({.id = event.id, .project = event.project, .name = event.name});
      }
    }
    co_return headings;
  }
  Task<std::optional<store::ProjectEvent>> find(std::uint64_t id) override {
    for (auto& event : co_await all()) {
      if (event.id == id) co_return std::move(event);
    }
    co_return std::nullopt;
  }
  Task<std::uint64_t> last() override {
    const auto events = co_await all();
    co_return events.empty() ? 0 : events.back().id;
  }
  Task<std::vector<store::ProjectEvent>> list(store::EventFilter filter) override {
    auto events = co_await all();
    std::ranges::reverse(events);
    std::erase_if(events, [&](const store::ProjectEvent& event) {
      return (!filter.project.empty() && event.project != filter.project) ||
             (!filter.name.empty() && event.name != filter.name);
    });
    if (events.size() > filter.limit) events.resize(filter.limit);
    co_return events;
  }

 private:
  Task<std::vector<store::ProjectEvent>> all() {
    co_await store_.read_delay();
    co_return store_.disk_.events();
  }
  SimulatedStore& store_;
};

// Simulated drivers have no limits, and nothing starts their runs but a person: no run of theirs
// ever needs a place.
class SimulatedStore::Places final : public store::Places {
 public:
  explicit Places(SimulatedStore& store) : store_(store) {}

  Task<store::PlaceTable> table() override {
    co_await store_.read_delay();
    store::PlaceTable table;
    for (const auto& row : store_.disk_.runs()) {
      if (store::is_terminal(row.status)) continue;
      table.places.push_back({.run = row.id,
                              .project = row.project,
                              .definition = row.definition,
                              .parent = row.parent,
                              .owner = row.driver,
                              .status = row.status});
    }
    co_return table;
  }
  Task<std::optional<store::Place>> find(RunId run) override {
    for (auto& place : (co_await table()).places) {
      if (place.run == run) co_return std::move(place);
    }
    co_return std::nullopt;
  }
  Task<Result<store::StartedRun>> start(store::RunStart start, store::DecidePlaces decide,
                                        std::function<bool(const std::string&)>) override {
    AGENTCMD_CHECK(!decide && start.causes.empty(),
                   "a simulated run needs a place, or has a cause");
    const auto run = start.creation.run;
    std::vector<store::RunAppend> parts;
    parts.push_back(std::move(start.creation));
    const auto appended = co_await store_.log().append(std::move(parts));
    if (!appended) co_return tl::unexpected(appended.error());
    co_return store::StartedRun{.run = run, .is_new = true};
  }
  Task<std::vector<RunId>> give(store::DecidePlaces) override { unused(); }
  Task<> ask(RunId) override { unused(); }
  Task<> give_back(RunId, std::string) override { unused(); }
  Task<std::vector<std::string>> waiting_owners() override { unused(); }

 private:
  [[noreturn]] static void unused() {
    AGENTCMD_CHECK(false, "a simulated run waits for a place");
    std::unreachable();
  }

  SimulatedStore& store_;
};

SimulatedStore::SimulatedStore(Port& port, Disk& disk, Judge& judge, const DiskState& state)
    : port_(port),
      disk_(disk),
      judge_(judge),
      state_(state),
      log_(std::make_unique<Log>(*this)),
      catalog_(std::make_unique<Catalog>(*this)),
      requests_(std::make_unique<Requests>(*this)),
      events_(std::make_unique<Events>(*this)),
      places_(std::make_unique<Places>(*this)) {}

SimulatedStore::~SimulatedStore() = default;

store::HistoryLog& SimulatedStore::log() {
  return *log_;
}
store::Catalog& SimulatedStore::catalog() {
  return *catalog_;
}
store::Requests& SimulatedStore::requests() {
  return *requests_;
}
store::Events& SimulatedStore::events() {
  return *events_;
}
store::Places& SimulatedStore::places() {
  return *places_;
}
// Drivers forget no run.
store::Retention& SimulatedStore::retention() {
  AGENTCMD_CHECK(false, "a simulated driver forgets runs");
  std::unreachable();
}
// Schedules and events start none.
store::Triggers& SimulatedStore::triggers() {
  AGENTCMD_CHECK(false, "a simulated driver asks for triggers");
  std::unreachable();
}

Result<void> SimulatedStore::append(const std::vector<store::RunAppend>& parts) {
  auto result = disk_.append(parts);
  if (!result) {
    port_.world().trace("{} is refused: {}", port_.process(), result.error().message);
    return result;
  }
  judge_.committed(parts);
  return result;
}

Result<store::Owner> SimulatedStore::take_over(const RunId& run, const store::Owner& from,
                                               const std::string& driver) {
  auto owner = disk_.take_over(run, from, driver);
  if (owner) judge_.taken_over(run, *owner);
  return owner;
}

Task<> SimulatedStore::read_delay() {
  co_await port_.pass(Milliseconds(port_.world().below(4)));
  if (port_.is_cut()) throw Fault("the process is killed");
}

std::shared_ptr<SimulatedStore::Write> SimulatedStore::submit(std::function<void()> work) {
  auto write = std::make_shared<Write>(Write{.work = std::move(work)});
  queue_.push_back(write);
  serve_next();
  return write;
}

Task<> SimulatedStore::write(std::function<void()> work) {
  if (port_.is_cut()) throw Fault("the process is killed");
  const auto write = submit(std::move(work));
  while (!write->done) co_await port_.changed().wait();
  if (write->fault) std::rethrow_exception(write->fault);
}

void SimulatedStore::serve_next() {
  if (serving_ || queue_.empty() || port_.is_cut()) return;
  serving_ = true;
  auto& world = port_.world();
  const auto delay = Milliseconds(world.below(8)) + state_.slow + port_.stalled();
  world.after(delay, [this] { serve_some(); });
}

// One transaction of the writer's thread, and the answers to it.
void SimulatedStore::serve_some() {
  if (port_.is_cut()) return;
  serving_ = false;
  if (port_.stalled().count() > 0) return serve_next();
  auto& world = port_.world();
  auto count = world.between(1, queue_.size());
  for (; count > 0; --count) {
    auto write = queue_.front();
    queue_.pop_front();
    if (state_.full) {
      world.trace("{}: the disk is full", port_.process());
      write->fault = std::make_exception_ptr(Fault("disk full"));
    } else {
      write->work();
    }
    answering_.push_back(std::move(write));
  }
  world.after(Milliseconds(world.below(4)), [this, answers = answering_.size()] {
    if (port_.is_cut()) return;
    for (auto left = answers; left > 0 && !answering_.empty(); --left) {
      answering_.front()->done = true;
      answering_.pop_front();
    }
    port_.changed().notify();
  });
  serve_next();
}

void SimulatedStore::cut() {
  auto& world = port_.world();
  auto committed = state_.full || queue_.empty() ? 0 : world.below(queue_.size() + 1);
  if (state_.lying) committed = 0;
  for (const auto& write : queue_) {
    if (committed > 0) {
      --committed;
      world.trace("{} had still committed", port_.process());
      write->work();
    }
    write->fault = std::make_exception_ptr(Fault("the process is killed"));
    write->done = true;
  }
  queue_.clear();
  for (const auto& write : answering_) {
    write->fault = std::make_exception_ptr(Fault("the process is killed"));
    write->done = true;
  }
  answering_.clear();
}

}  // namespace agentcmd::simulation
