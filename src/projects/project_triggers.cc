#include "projects/project_triggers.h"

#include "projects/arguments.h"
#include "projects/flow_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace agentcmd::projects {
namespace {

using store::Schedule;
using store::ScheduleKey;

class Reading {
 public:
  Reading(TriggerSources& from, std::string project, Time now, const ProjectTriggers& before)
      : from_(from), project_(std::move(project)), now_(now), before_(before) {}

  Task<ProjectTriggers> read() {
    for (auto& schedule : co_await from_.store.triggers().schedules()) {
      if (schedule.key.project == project_) known_.push_back(std::move(schedule));
    }
    auto definitions = co_await load_definitions(from_.loader, project_, Findings::no);
    for (auto& definition : definitions) {
      if (definition.usable()) {
        co_await take(std::move(definition));
      } else {
        co_await keep_broken(definition.file, definition.error);
      }
    }
    co_await from_.store.triggers().declare(declared_);
    co_await remove_undeclared();
    co_return std::move(out_);
  }

 private:
  Task<> take(Definition definition) {
    auto config = trigger_config(definition.info->id, definition.info->config);
    if (!config) {
      co_await keep_broken(definition.file, config.error().message);
      co_return;
    }
    for (const auto& cron : config->crons) {
      const auto next = co_await from_.due_times.next(cron, now_);
      Schedule schedule{.key = {project_, definition.info->id, cron.name},
                        .file = definition.file,
                        .spec = spec_of(cron),
                        .next_due = next.value_or(Time()),
                        .error = next ? "" : next.error().message};
      if (!next) say_once(schedule.key, schedule.error);
      declared_.push_back(std::move(schedule));
    }
    out_.definitions.push_back(
        {.definition = std::move(definition), .triggers = *std::move(config), .error = {}});
  }

  // Its schedules and events are those of when it could last be read.
  Task<> keep_broken(std::string file, std::string error) {
    broken_.insert(file);
    const bool has_schedules = std::ranges::count(known_, file, &Schedule::file) > 0;
    if (!has_schedules) from_.say(fmt::format("Nothing starts until this is mended: {}", error));
    for (const auto& schedule : known_) {
      if (schedule.file == file) say_once(schedule.key, error);
    }
    co_await from_.store.triggers().set_error(project_, file, error);
    const auto known =
        std::ranges::find(before_.definitions, file,
                          [](const auto& one) -> const auto& { return one.definition.file; });
    if (known == before_.definitions.end()) co_return;
    auto kept = *known;
    kept.error = std::move(error);
    out_.definitions.push_back(std::move(kept));
  }

  void say_once(const ScheduleKey& key, const std::string& error) const {
    const auto known = std::ranges::find(known_, key, &Schedule::key);
    if (known != known_.end() && known->error == error) return;
    from_.say(
        fmt::format("The schedule '{}' starts nothing until this is mended: {}", key.name, error));
  }

  Task<> remove_undeclared() {
    for (const auto& schedule : known_) {
      const auto still = std::ranges::find(declared_, schedule.key, &Schedule::key);
      if (still != declared_.end() || broken_.contains(schedule.file)) continue;
      from_.say(fmt::format("The schedule '{}' of {} is gone: {} does not declare it any more",
                            schedule.key.name, project_, schedule.file));
      co_await from_.store.triggers().remove(schedule.key);
    }
  }

  TriggerSources& from_;
  const std::string project_;
  const Time now_;
  const ProjectTriggers& before_;
  std::vector<Schedule> known_;
  std::vector<Schedule> declared_;
  std::set<std::string> broken_;  // files
  ProjectTriggers out_;
};

Result<TriggeredRun> triggered_run(const std::string& project, const Definition& definition,
                                   const ArgumentInput& given, Json request) {
  const auto& info = *definition.info;
  const auto args = make_arguments(info.args_schema, given);
  if (!args) return tl::unexpected(args.error());
  auto terms = flow_terms(project, info.id, info.config, *args);
  if (!terms) return tl::unexpected(terms.error());
  request["preserve"] = false;
  TriggeredRun out;
  out.run.bundle = *definition.bundle;
  out.run.definition = info.id;
  out.run.project = project;
  out.run.name = info.name.empty() ? info.id : info.name;
  out.run.timeout = info.timeout.value_or(Milliseconds(0));
  out.run.request = {fmt::format(R"({{"args":{},{})", args->text, to_text(request).substr(1))};
  out.run.flow = std::move(terms->flow);
  out.policy = std::move(terms->policy);
  return out;
}

// The run of one due time and those of others: a group of their own.
void add_overlap(const std::string& project, const std::string& definition,
                 const CronTrigger& trigger, TriggeredRun& run) {
  if (trigger.overlap == Overlap::allow) return;
  const history::FlowGroup group{.id = to_text({"schedule", project, definition, trigger.name}),
                                 .label = fmt::format("runs of the schedule '{}'", trigger.name),
                                 .limit = 1};
  if (trigger.overlap == Overlap::skip) run.policy.refuse_if.push_back(group.id);
  if (trigger.overlap == Overlap::cancel_old) run.policy.cancel.push_back(group.id);
  run.run.flow.groups.push_back(group);
}

}  // namespace

const TriggeredDefinition* ProjectTriggers::find(const std::string& id) const {
  const auto found = std::ranges::find_if(
      definitions, [&](const auto& one) { return one.definition.info->id == id; });
  return found == definitions.end() ? nullptr : &*found;
}

Task<ProjectTriggers> read_triggers(TriggerSources from, std::filesystem::path project, Time now,
                                    ProjectTriggers before) {
  Reading reading(from, project.string(), now, before);
  co_return co_await reading.read();
}

Result<TriggeredRun> run_of_event(const std::string& project, const Definition& definition,
                                  const std::string& id, const std::string& name,
                                  const JsonText& data) {
  const ArgumentInput args{.json = data.text.empty() || data.text == "null" ? "{}" : data.text,
                           .pairs = {},
                           .what = "the event's data"};
  auto run = triggered_run(project, definition, args,
                           {{"mode", "stay"}, {"event", {{"id", id}, {"name", name}}}});
  if (!run) return run;
  run->run.origin = "event";
  run->run.cause = id;
  run->policy.causes.push_back({.text = cause_of_event(id)});
  return run;
}

Result<TriggeredRun> run_of_schedule(const std::string& project, const Definition& definition,
                                     const CronTrigger& trigger, std::optional<Time> due) {
  Json request{{"mode", trigger.mode}, {"schedule", trigger.name}};
  if (due) request["due"] = to_iso8601(*due);
  auto run = triggered_run(project, definition,
                           {.json = trigger.args.text, .pairs = {}, .what = "the trigger's args"},
                           std::move(request));
  if (!run) return run;
  run->run.origin = "schedule";
  run->run.cause = trigger.name;
  if (due) run->policy.causes.push_back({.text = cause_of_schedule(trigger.name, *due)});
  add_overlap(project, definition.info->id, trigger, *run);
  return run;
}

std::string cause_of_event(const std::string& id) {
  return "event " + id;
}

std::string cause_of_schedule(const std::string& name, Time due) {
  return fmt::format("schedule {} {}", name, to_iso8601(due));
}

}  // namespace agentcmd::projects
