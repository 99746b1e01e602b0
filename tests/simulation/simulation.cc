#include "simulation/simulation.h"

#include "engine/replay.h"
#include "runtime/fork.h"
#include "simulation/disk.h"
#include "simulation/judge.h"
#include "simulation/outside.h"
#include "simulation/process.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

namespace agentcmd::simulation {

using history::RunId;

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t steps_max = 400'000;
constexpr int rounds_max = 400;  // of help, after the faults
constexpr std::size_t processes_max = 3;
constexpr int forks_max = 3;

class Simulation {
 public:
  explicit Simulation(const Options& options)
      : options_(options),
        world_(options.seed, options.keep_trace),
        judge_(world_),
        outside_(world_, judge_),
        drivers_(world_),
        disk_(MemoryDisk::Defects{.no_fence = options.broken == Broken::fence}),
        shared_{.world = world_,
                .judge = judge_,
                .disk = disk_,
                .disk_state = disk_state_,
                .outside = outside_,
                .drivers = drivers_,
                .find_program = [this](const std::string& hash) { return find_program(hash); },
                .machine = {}} {
    judge_.alive = [this](const RunId& run) { return outside_.alive(run); };
    judge_.events = [this] { return disk_.events(); };
    disk_state_.lying = options.broken == Broken::commit;
    if (options.broken == Broken::timer) shared_.clock_ahead = 300ms;
    // Not everything goes wrong in each simulation: some failures need others not to happen.
    enabled_ = static_cast<unsigned>(world_.below(all_faults + 1));
    if (world_.chance(500)) enabled_ |= static_cast<unsigned>(Mishap::two_drivers);
    enabled_ &= options.faults;
    if (has(Mishap::two_drivers)) {
      shared_.machine.mistaken = 500;
      contests_left_ = world_.below(12);
      judge_.after_commit = [this](const Judge::Run& run) { contest(run); };
    }
    if (has(Mishap::again)) {
      shared_.machine.rings_twice = 200;
      shared_.machine.tells_twice = 200;
    }
    mishaps_left_ = static_cast<int>(world_.below(static_cast<std::uint64_t>(options.mishaps) + 1));
    if (options.scene) {
      mishaps_left_ = 0;
      enabled_ = 0;
      add_program("p0", options.scene->program);
      for (const auto& child : options.scene->children) {
        add_program(fmt::format("c{}", programs_.size() - 1), child);
      }
      return;
    }
    make_programs();
  }

  ~Simulation() {
    for (auto& process : processes_) {
      if (process->is_stuck()) (void)process.release();
    }
  }
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  Report run() {
    world_.within_loop([this] { let_it_happen(); });
    return report();
  }

 private:
  // Each child may invoke those before it, and each run any of them.
  void make_programs() {
    ProgramShape shape{.leaves = options_.leaves / 3};
    const auto children = world_.chance(600) ? world_.between(1, 2) : 0;
    for (std::uint64_t i = 0; i < children; ++i) {
      const auto name = fmt::format("c{}", i);
      add_program(name, make_program(world_, shape));
      shape.children.push_back(name);
    }
    shape.leaves = options_.leaves;
    const auto runs = world_.between(1, static_cast<std::uint64_t>(options_.runs));
    for (std::uint64_t i = 0; i < runs; ++i) {
      add_program(fmt::format("p{}", i), make_program(world_, shape));
    }
  }

  void add_program(std::string name, Program program) {
    if (name.starts_with('p')) runs_.push_back(name);
    programs_.emplace(std::move(name), std::move(program));
  }

  void let_it_happen() {
    const bool keeps = has(Mishap::keeper) && world_.chance(500);
    if (keeps || (options_.scene && options_.scene->keeper)) {
      start_process(Process::Kind::keeper);
    }
    for (const auto& run : runs_) {
      if (world_.chance(300)) send_event(some_event());
      some_process().create(run, run);
    }
    world_.after(0ms, [this] { happen(); });
    while (!over_ && world_.violations().empty() && world_.steps() < steps_max) {
      if (options_.scene && options_.scene->at == world_.steps()) do_mishap(options_.scene->mishap);
      if (!world_.step()) {
        world_.violation("stuck", "nothing is left that could happen");
      }
    }
    if (world_.steps() >= steps_max) world_.violation("endless", "it does not come to its end");
    for (auto& process : processes_) process->kill();
    world_.settle();
    if (world_.violations().empty()) check_ends();
  }

  bool has(Mishap fault) const { return (enabled_ & static_cast<unsigned>(fault)) != 0; }

  const Program* find_program(const std::string& hash) const {
    const auto found = programs_.find(hash);
    return found == programs_.end() ? nullptr : &found->second;
  }

  Process& start_process(Process::Kind kind = Process::Kind::driver) {
    const bool waits = world_.chance(500) || (options_.scene && options_.scene->waits);
    processes_.push_back(std::make_unique<Process>(shared_, ++last_process_, kind, waits));
    return *processes_.back();
  }

  std::vector<Process*> living() const {
    std::vector<Process*> living;
    for (const auto& process : processes_) {
      if (process->is_alive()) living.push_back(process.get());
    }
    return living;
  }

  // Those that drive what they are told to.
  std::vector<Process*> drivers() const {
    auto drivers = living();
    std::erase_if(drivers, [](const Process* process) { return process->keeps(); });
    return drivers;
  }

  Process* keeper() const {
    for (auto* process : living()) {
      if (process->keeps()) return process;
    }
    return nullptr;
  }

  Process& some_process() {
    const auto all = drivers();
    if (all.empty() || (all.size() < processes_max && world_.chance(200))) return start_process();
    return *all[world_.below(all.size())];
  }

  std::vector<const Judge::Run*> unfinished() const {
    std::vector<const Judge::Run*> runs;
    for (const auto& [id, run] : judge_.runs()) {
      if (!run.state.end) runs.push_back(&run);
    }
    return runs;
  }

  // --- While there are faults.

  void happen() {
    if (mishaps_left_-- <= 0) return begin_help();
    mishap();
    look_after_runs();
    world_.after(some_interval(), [this] { happen(); });
  }

  Milliseconds some_interval() {
    switch (world_.below(8)) {
      case 0:
      case 1:
        return Milliseconds(world_.below(3));
      case 2:
      case 3:
      case 4:
        return Milliseconds(world_.below(30));
      case 5:
      case 6:
        return Milliseconds(world_.below(1000));
      default:
        return Milliseconds(world_.below(90'000));
    }
  }

  // While a driver is busy with the run, another one takes it over.
  void contest(const Judge::Run& run) {
    if (contests_left_ == 0 || !world_.chance(200)) return;
    --contests_left_;
    world_.after(Milliseconds(world_.below(10)), [this, id = run.id, owner = run.owner.driver] {
      shared_.machine.thought_dead = owner;
      world_.after(30ms, [this] { shared_.machine.thought_dead.clear(); });
      auto* keeps = keeper();
      if (keeps != nullptr && keeps->id() != owner) {
        drivers_.wake(keeps->id());
      } else if (const auto* run = judge_.find(id); !is_child(*run)) {
        some_process_but(owner).drive(id, world_.chance(500));
      }
    });
  }

  Process& some_process_but(const std::string& driver) {
    auto others = drivers();
    std::erase_if(others, [&](const Process* process) { return process->id() == driver; });
    return others.empty() ? start_process() : *others[world_.below(others.size())];
  }

  // The one of a scene.
  void do_mishap(Mishap mishap) {
    for (auto* process : living()) {
      if (mishap == Mishap::kill) process->kill();
      if (mishap == Mishap::leave) process->leave();
      if (mishap == Mishap::worker) process->worker().die();
    }
    if (mishap == Mishap::power) lose_power();
    if (mishap == Mishap::supervisor) outside_.kill_a_supervisor();
    if (mishap == Mishap::disk_full) fill_disk();
    if (mishap == Mishap::two_drivers) {
      shared_.machine.mistaken = 1000;
      world_.after(100ms, [this] { shared_.machine.mistaken = 0; });
      auto& second = start_process();
      for (const auto* run : unfinished()) {
        if (!is_child(*run)) second.drive(run->id, true);
      }
    }
    for (const auto* run : unfinished()) {
      if (mishap == Mishap::cancel || mishap == Mishap::pause) {
        ask(*run, mishap == Mishap::cancel ? "cancel" : "pause");
      }
    }
  }

  void mishap() {
    const auto all = living();
    auto* process = all.empty() ? nullptr : all[world_.below(all.size())];
    const auto runs = unfinished();
    const auto* run = runs.empty() ? nullptr : runs[world_.below(runs.size())];
    switch (world_.below(20)) {
      case 0:
      case 1:
      case 2:
        if (has(Mishap::kill) && process != nullptr) process->kill();
        break;
      case 3:
        if (has(Mishap::leave) && process != nullptr) process->leave();
        break;
      case 4:
      case 5:
        if (has(Mishap::worker) && process != nullptr) trouble_worker(*process);
        break;
      case 6:
        if (has(Mishap::power) && world_.chance(300)) lose_power();
        break;
      case 7:
        if (has(Mishap::supervisor)) outside_.kill_a_supervisor();
        break;
      case 8:
        if (has(Mishap::clock)) set_clock();
        break;
      case 9:
        if (has(Mishap::disk_full)) fill_disk();
        break;
      case 10:
        if (has(Mishap::slow_disk)) slow_disk();
        break;
      case 11:
        if (has(Mishap::cancel) && run != nullptr && world_.chance(500)) ask(*run, "cancel");
        break;
      case 12:
        if (has(Mishap::pause) && run != nullptr) {
          ask(*run, world_.chance(500) ? "pause" : "resume");
        }
        break;
      case 13:
        if (has(Mishap::stall) && process != nullptr) {
          process->stall(Milliseconds(world_.below(world_.chance(500) ? 100 : 10'000)));
        }
        break;
      case 14:
      case 15:
        send_event(some_event());
        break;
      case 18:
        if (has(Mishap::fork)) fork_some_run();
        break;
      case 19:
        if (has(Mishap::retention)) forget_some_run();
        break;
      case 16:
        if (has(Mishap::keeper) && keeper() == nullptr) start_process(Process::Kind::keeper);
        break;
      default:
        if (run != nullptr) answer_gates(*run, world_.chance(500));
        break;
    }
  }

  // As `agentcmd runs fork` and `retry` do, from what they read of the history.
  void fork_some_run() {
    std::vector<const Judge::Run*> runs;
    for (const auto& [id, run] : judge_.runs()) {
      if (!run.is_forgotten) runs.push_back(&run);
    }
    if (runs.empty() || forks_ == forks_max) return;
    const auto& run = *runs[world_.below(runs.size())];
    const auto files = world_.chance(500) ? runtime::Files::then : runtime::Files::now;
    const bool retries =
        run.state.end && !std::holds_alternative<history::RunCompleted>(*run.state.end);
    auto asked = engine::asked_in(run.events);
    std::erase_if(asked, [](const auto& one) { return one.key.starts_with("_system"); });
    if (!retries && asked.empty()) return;
    const auto plan = retries ? runtime::plan_retry(run.id, run.events, files)
                              : runtime::plan_fork(run.id, run.events,
                                                   {asked[world_.below(asked.size())].key}, files);
    world_.trace("somebody makes a {} of {}{}", retries ? "retry" : "fork", run.id.text,
                 plan ? "" : ", and cannot: " + plan.error().message);
    if (!plan) return;
    ++forks_;
    some_process().create(*plan);
  }

  void forget_some_run() {
    for (const auto& [id, run] : judge_.runs()) {
      if (run.is_forgotten || !run.state.end || !world_.chance(500)) continue;
      const auto why = disk_.forget(id);
      world_.trace("{} is forgotten{}", id.text, why.empty() ? "" : "? No: " + why);
      if (why.empty()) judge_.forgotten(id);
      return;
    }
  }

  std::string some_event() { return fmt::format("event{}", world_.below(3)); }

  // As `agentcmd events send` does; it may be killed before it has woken anybody.
  void send_event(std::string name) {
    store::ProjectEvent event{.project = "/project",
                              .name = std::move(name),
                              .data = {"{}"},
                              .sent_at = world_.wall(),
                              .source = "events send"};
    const auto ids = disk_.add_events({std::move(event)});
    world_.trace("event {} is sent: {}", ids.front(), disk_.events().back().name);
    if (world_.chance(800)) drivers_.wake_all();
  }

  void trouble_worker(Process& process) {
    if (world_.chance(800)) {
      process.worker().die();
    } else {
      process.worker().stop_a_run();
    }
  }

  void lose_power() {
    world_.trace("power is lost");
    for (auto& process : processes_) process->kill();
    outside_.lose_power();
  }

  void set_clock() {
    const auto longest = world_.chance(500) ? 1000U : 7'200'000U;
    const Milliseconds by(world_.below(longest));
    world_.set_wall_clock(world_.chance(500) ? by : -by);
  }

  void fill_disk() {
    world_.trace("the disk fills up");
    disk_state_.full = true;
    world_.after(Milliseconds(world_.below(200)), [this] { disk_state_.full = false; });
  }

  void slow_disk() {
    disk_state_.slow = Milliseconds(world_.below(500));
    world_.after(Milliseconds(world_.below(5000)), [this] { disk_state_.slow = 0ms; });
  }

  // As `agentcmd runs …` does: a durable request, and a wake-up.
  void ask(const Judge::Run& run, const std::string& kind, JsonText data = {R"({"by":"user"})"}) {
    world_.trace("somebody asks: {} {} {}", kind, run.id.text, data.text);
    disk_.add_request({.run = run.id, .kind = kind, .data = std::move(data), .at = world_.wall()});
    drivers_.wake(run.owner.driver);
  }

  void answer_gates(const Judge::Run& run, bool approved) {
    for (const auto& [key, gate] : run.state.gates) {
      ask(run, "gate",
          {agentcmd::to_text({{"key", key.text},
                              {"approved", approved},
                              {"option", ""},
                              {"by", "user"},
                              {"reason", ""}})});
    }
  }

  static bool is_child(const Judge::Run& run) { return !run.state.created.parent.empty(); }

  // Somebody resumes runs that nobody drives; with two_drivers also one that another drives.
  // Children are looked after by their parents' drivers, and by keepers.
  void look_after_runs() {
    for (const auto* run : unfinished()) {
      if (is_child(*run)) continue;
      const bool driven = is_driven(run->id);
      if (driven && !(has(Mishap::two_drivers) && world_.chance(100))) continue;
      if (!world_.chance(600)) continue;
      some_process().drive(run->id, world_.chance(700));
    }
  }

  bool is_driven(const RunId& run) const {
    return std::ranges::any_of(processes_, [&](const auto& process) {
      return process->is_alive() &&
             (process->drives(run) ||
              (process->keeps() && judge_.find(run)->owner.driver == process->id()));
    });
  }

  // --- After the faults: with somebody who helps, every run must come to its end.

  void begin_help() {
    world_.trace("--- no more faults");
    helps_ = true;
    disk_state_.full = false;
    disk_state_.slow = 0ms;
    shared_.machine = {};
    help();
  }

  void help() {
    const auto runs = unfinished();
    const auto missing = missing_runs();
    if (keeper() == nullptr &&
        std::ranges::any_of(runs, [](auto* run) { return is_child(*run); })) {
      start_process(Process::Kind::keeper);
    }
    if (runs.empty() && missing.empty() && nobody_waits()) {
      over_ = true;
      return;
    }
    // Whose creation has had its time, and was lost.
    if (rounds_ % 5 == 4) {
      for (const auto& hash : missing) some_process().create(hash, hash);
    }
    if (++rounds_ > rounds_max) {
      for (const auto* run : runs) world_.violation("stuck", describe(*run));
      if (runs.empty()) world_.violation("stuck", "somebody drives a run that has ended");
      return;
    }
    for (const auto* run : runs) help(*run);
    world_.after(rounds_ < 20 ? 500ms : 120s, [this] { help(); });
  }

  // Whoever drives a run learns of its end, even if others brought it there.
  bool nobody_waits() const {
    return std::ranges::none_of(processes_, [](const auto& process) {
      return process->is_alive() && process->drives_any();
    });
  }

  std::vector<std::string> missing_runs() const {
    std::vector<std::string> missing;
    for (const auto& hash : runs_) {
      const bool made = std::ranges::any_of(judge_.runs(), [&](const auto& entry) {
        return entry.second.state.created.code_hash == hash;
      });
      if (!made) missing.push_back(hash);
    }
    return missing;
  }

  void help(const Judge::Run& run) {
    answer_gates(run, true);
    send_missing_events(run);
    auto* owner = owner_of(run);
    if (!is_child(run) && (owner == nullptr || !owner->keeps())) {
      if (owner == nullptr) return some_process().drive(run.id, true);
      if (!owner->drives(run.id)) return owner->drive(run.id, true);
    }
    if (run.state.paused) ask(run, "resume");
  }

  // One that was sent is enough, whoever slept at that time.
  void send_missing_events(const Judge::Run& run) {
    for (const auto& [key, wait] : run.state.waits) {
      const auto last = run.state.last_event.find(wait.event);
      const auto seen =
          std::max(run.created_after, last == run.state.last_event.end() ? 0 : last->second);
      const bool is_there = std::ranges::any_of(disk_.events(), [&](const auto& event) {
        return event.name == wait.event && event.id > seen;
      });
      if (!is_there && !wait.timeout_at) send_event(wait.event);
    }
  }

  Process* owner_of(const Judge::Run& run) {
    for (const auto& process : processes_) {
      if (process->is_alive() && process->id() == run.owner.driver) return process.get();
    }
    return nullptr;
  }

  std::string describe(const Judge::Run& run) const {
    std::string text = run.id.text + " goes on for ever:";
    for (const auto& [key, step] : run.state.steps) text += " step " + key.text;
    for (const auto& [key, timer] : run.state.timers) text += " timer " + key.text;
    for (const auto& [key, wait] : run.state.waits) text += " wait " + key.text;
    for (const auto& [key, gate] : run.state.gates) text += " gate " + key.text;
    if (run.state.paused) text += " paused " + run.state.paused->reason;
    return text;
  }

  void check_ends() {
    for (const auto& [id, run] : judge_.runs()) {
      judge_.finish(id, *find_program(run.state.created.code_hash));
      const auto left = outside_.alive(id);
      if (!left.empty()) world_.violation("alive", left);
    }
  }

  Report report() {
    Report report{.violations = world_.violations(),
                  .trace = world_.lines(),
                  .steps = world_.steps(),
                  .runs = judge_.runs().size()};
    for (const auto& [id, run] : judge_.runs()) {
      report.events += run.events.size();
      report.histories.emplace(id, run.events);
    }
    for (const auto& [name, program] : programs_) {
      report.programs += name + ":\n" + to_text(program);
    }
    return report;
  }

  Options options_;
  World world_;
  Judge judge_;
  Outside outside_;
  Drivers drivers_;
  MemoryDisk disk_;
  DiskState disk_state_;
  Surroundings shared_;
  unsigned enabled_ = 0;
  int mishaps_left_ = 0;
  int rounds_ = 0;
  std::uint64_t contests_left_ = 0;
  int forks_ = 0;
  bool helps_ = false;
  bool over_ = false;
  std::map<std::string, Program> programs_;
  std::vector<std::string> runs_;  // programs of the runs that people start
  int last_process_ = 0;
  std::vector<std::unique_ptr<Process>> processes_;
};

}  // namespace

Report simulate(const Options& options) {
  return Simulation(options).run();
}

}  // namespace agentcmd::simulation
