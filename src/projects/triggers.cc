#include "projects/triggers.h"

#include "async/deadline.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"
#include "projects/project.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace agentcmd::projects {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view start_prefix = "workflow/";  // of the event that starts a workflow

void mix(std::size_t& hash, std::size_t more) {
  hash = (hash ^ more) * 1099511628211U;
}

// The definition files, and what else was bundled into what they came to.
std::vector<fs::path> files_of(const fs::path& project, const ProjectTriggers& triggers) {
  auto files = definition_files(project);
  std::set<fs::path> all(files.begin(), files.end());
  for (const auto& one : triggers.definitions) {
    if (!one.definition.bundle) continue;
    const auto map = parse_json(one.definition.bundle->map, "source map");
    if (!map || !map->contains("sources")) continue;
    for (const auto& source : map->at("sources")) {
      if (source.is_string()) all.insert((project / source.get<std::string>()).lexically_normal());
    }
  }
  return {all.begin(), all.end()};
}

std::size_t stamps_of(const std::vector<fs::path>& files) {
  std::size_t hash = 0;
  for (const auto& file : files) {
    std::error_code error;
    mix(hash, fs::hash_value(file));
    mix(hash, fs::file_size(file, error));
    mix(hash,
        static_cast<std::size_t>(fs::last_write_time(file, error).time_since_epoch().count()));
  }
  return hash;
}

std::size_t contents_of(const std::vector<fs::path>& files) {
  std::size_t hash = 0;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    mix(hash, fs::hash_value(file));
    mix(hash, std::hash<std::string>()(std::string(std::istreambuf_iterator<char>(in), {})));
  }
  return hash;
}

}  // namespace

Triggers::Triggers(Loader loader, store::Store& store, runtime::Driver& driver, const Clock& clock,
                   TriggerHooks hooks)
    : loader_(std::move(loader)),
      store_(store),
      driver_(driver),
      clock_(clock),
      hooks_(std::move(hooks)),
      due_times_(loader_.executor, loader_.libexec),
      again_(loader_.executor) {}

void Triggers::watch(fs::path project) {
  watched_.insert(project.string());
}

void Triggers::watch_only(std::filesystem::path project) {
  only_ = project.string();
  watched_ = {only_};
}

Task<Time> Triggers::look() {
  co_await refresh();
  co_await take_events();
  co_return co_await take_due();
}

Task<> Triggers::run() {
  while (!leaving_) {
    const auto next = co_await try_look();
    if (leaving_) co_return;
    auto wait = Milliseconds(limits::triggers_look_again);
    if (next != Time()) wait = std::clamp(next - clock_.now(), Milliseconds(0), wait);
    co_await before(deadline_in(wait), again_.wait());
  }
}

// A look that fails (disk full, database locked for too long) is made again later: what it has not
// recorded is still to be done.
Task<Time> Triggers::try_look() {
  try {
    co_return co_await look();
  } catch (const Fault& fault) {
    log::warn("triggers.look_failed", {{"error", fault.what()}});
    co_return Time();
  }
}

void Triggers::leave() {
  leaving_ = true;
  again_.notify();
}

void Triggers::look_again() {
  again_.notify();
}

Task<> Triggers::stop() {
  co_await due_times_.stop();
}

Task<> Triggers::refresh() {
  if (only_.empty()) {
    for (const auto& project : co_await store_.triggers().projects()) watched_.insert(project);
  }
  for (const auto& project : watched_) co_await refresh(project);
}

Task<> Triggers::refresh(std::string path) {
  auto& project = projects_[path];
  const auto files = files_of(path, project.triggers);
  const auto stamps = stamps_of(files);
  if (project.is_read && stamps == project.stamps) co_return;
  const auto contents = contents_of(files);
  const bool is_same = project.is_read && contents == project.contents;
  project.stamps = stamps;
  project.contents = contents;
  if (is_same) co_return;
  TriggerSources sources{loader_, store_, due_times_, hooks_.say};
  project.triggers =
      co_await read_triggers(std::move(sources), path, clock_.now(), std::move(project.triggers));
  project.is_read = true;
  // What it was bundled from may be more files than those that were looked at.
  const auto all = files_of(path, project.triggers);
  if (all != files) {
    project.stamps = stamps_of(all);
    project.contents = contents_of(all);
  }
}

// --- Events.

// A worker of one project and one of all may both come to an event: its cause starts one run.
Task<> Triggers::take_events() {
  auto cursor = co_await store_.triggers().cursor(only_);
  while (true) {
    const auto headings = co_await store_.events().since(cursor, limits::trigger_events_at_once);
    if (headings.empty()) co_return;
    for (const auto& heading : headings) {
      if (!only_.empty() && heading.project != only_) continue;
      auto event = co_await store_.events().find(heading.id);
      if (event) co_await take_event(*std::move(event));
    }
    cursor = headings.back().id;
    co_await store_.triggers().move_cursor(only_, cursor, clock_.now() - limits::causes_kept);
  }
}

Task<> Triggers::take_event(store::ProjectEvent event) {
  const auto data = parse_json(event.data.text, "data of an event");
  const auto id =
      event.name.starts_with(start_prefix) ? event.name.substr(start_prefix.size()) : std::string();
  bool is_known = id.empty();
  const auto project = projects_.find(event.project);
  if (project != projects_.end()) {
    for (const auto& one : project->second.triggers.definitions) {
      const bool is_named = one.definition.info->id == id;
      is_known = is_known || is_named;
      const bool is_wanted = std::ranges::any_of(one.triggers.events, [&](const auto& trigger) {
        return trigger.wants(event.name, data.value_or(Json()));
      });
      if (is_named || is_wanted) co_await start_for(event, one);
    }
  }
  if (!is_known) {
    co_await note(event.project, id, cause_of_event(fmt::to_string(event.id)),
                  fmt::format("no definition '{}' in {}", id, event.project));
  }
}

Task<> Triggers::start_for(store::ProjectEvent event, const TriggeredDefinition& one) {
  const auto id = fmt::to_string(event.id);
  const auto definition = one.definition.info->id;
  if (!one.error.empty()) {
    co_await note(event.project, definition, cause_of_event(id), one.error);
    co_return;
  }
  auto run = run_of_event(event.project, one.definition, id, event.name, event.data);
  if (!run) {
    co_await note(event.project, definition, cause_of_event(id), run.error().message);
    co_return;
  }
  const auto requested = co_await driver_.request(std::move(run->run), std::move(run->policy));
  if (!requested) {
    co_await note(event.project, definition, cause_of_event(id), requested.error().message);
  } else if (requested->is_new) {
    hooks_.started(requested->run);
  }
}

// --- Schedules.

Task<std::vector<store::Schedule>> Triggers::schedules() {
  auto all = co_await store_.triggers().schedules();
  std::erase_if(all, [this](const store::Schedule& schedule) {
    return !only_.empty() && schedule.key.project != only_;
  });
  co_return all;
}

Task<Time> Triggers::take_due() {
  for (auto& schedule : co_await schedules()) {
    const bool is_due = schedule.next_due != Time() && schedule.next_due <= clock_.now();
    if (is_due) co_await take_due(std::move(schedule));
  }
  Time next;
  for (const auto& schedule : co_await schedules()) {
    if (schedule.next_due == Time() || schedule.paused) continue;
    next = next == Time() ? schedule.next_due : std::min(next, schedule.next_due);
  }
  co_return next;
}

// All due times up to now; those that are too long ago came to nothing.
Task<> Triggers::take_due(store::Schedule schedule) {
  const auto trigger = trigger_from(schedule.key.name, schedule.spec);
  const auto now = clock_.now();
  const auto next = co_await due_times_.next(trigger, now);
  store::ScheduleStep step{.next_due = next.value_or(Time()), .last_due = schedule.next_due};
  if (!schedule.paused) {
    const auto window = std::max(trigger.catch_up, Milliseconds(limits::schedule_lateness));
    const auto first = std::max(schedule.next_due, now - window);
    const auto old = co_await due_times_.of(trigger, schedule.next_due - Milliseconds(1),
                                            first - Milliseconds(1), limits::due_times_max);
    auto due =
        co_await due_times_.of(trigger, first - Milliseconds(1), now, 10 * limits::due_times_max);
    if (!old || !due) co_return;  // the worker's trouble, not the schedule's: it stays due
    step.missed = old->size();
    while (due->size() > limits::due_times_max) {
      due->erase(due->begin());
      ++step.missed;
    }
    if (step.missed > 0) {
      step.message =
          fmt::format("{} due times were missed: no worker was there in time", step.missed);
      hooks_.say(fmt::format("Schedule '{}': {}", schedule.key.name, step.message));
    }
    for (const auto moment : *due) co_await start_due(schedule, trigger, moment, step);
  }
  co_await store_.triggers().advance(schedule.key, schedule.next_due, std::move(step));
}

Task<> Triggers::start_due(const store::Schedule& schedule, const CronTrigger& trigger, Time due,
                           store::ScheduleStep& step) {
  const auto& key = schedule.key;
  step.last_due = due;
  const auto project = projects_.find(key.project);
  const auto* one =
      project == projects_.end() ? nullptr : project->second.triggers.find(key.definition);
  auto trouble = schedule.error;
  if (trouble.empty() && one != nullptr) trouble = one->error;
  if (trouble.empty() && one == nullptr) trouble = "its definition could not be loaded";
  if (trouble.empty()) {
    auto run = run_of_schedule(key.project, one->definition, trigger, due);
    if (run) {
      const auto requested = co_await driver_.request(std::move(run->run), std::move(run->policy));
      if (requested) {
        step.run = requested->run.text;
        step.message = requested->message;
        if (requested->is_new) hooks_.started(requested->run);
        co_return;
      }
      trouble = requested.error().message;
    } else {
      trouble = run.error().message;
    }
  }
  step.message = trouble;
  co_await note(key.project, key.definition, cause_of_schedule(trigger.name, due), trouble);
}

Task<> Triggers::note(std::string project, std::string definition, std::string cause,
                      std::string message) {
  hooks_.say(fmt::format("{}: '{}' was not started: {}", cause, definition, message));
  store::StartNote note{.project = std::move(project),
                        .definition = std::move(definition),
                        .cause = std::move(cause),
                        .run = {},
                        .message = std::move(message),
                        .at = clock_.now()};
  co_await store_.triggers().note(std::move(note));
}

}  // namespace agentcmd::projects
