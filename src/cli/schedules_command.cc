// schedules and triggers: what starts runs by itself, and what has come of it.

#include "base/limits.h"
#include "base/suggestion.h"
#include "cli/dispatch.h"
#include "cli/exit_code.h"
#include "cli/moment.h"
#include "cli/text_width.h"
#include "projects/project.h"
#include "projects/project_triggers.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace agentcmd::cli {
namespace {

using projects::CronTrigger;
using projects::DueTimes;
using store::Schedule;

constexpr auto ok = static_cast<int>(ExitCode::ok);

Json time_or_null(Time time) {
  return time == Time() ? Json() : Json(to_iso8601(time));
}

Json to_json(const Schedule& schedule) {
  const auto trigger = projects::trigger_from(schedule.key.name, schedule.spec);
  return {{"name", schedule.key.name},
          {"definition", schedule.key.definition},
          {"project", schedule.key.project},
          {"file", schedule.file},
          {"cron", trigger.cron},
          {"timezone", trigger.timezone},
          {"overlap", projects::to_string(trigger.overlap)},
          {"catch_up", trigger.catch_up.count()},
          {"args", parse_trusted(trigger.args.text, "args of a schedule")},
          {"next_due", schedule.paused ? Json() : time_or_null(schedule.next_due)},
          {"last_due", time_or_null(schedule.last_due)},
          {"last_run", schedule.last_run},
          {"last_message", schedule.last_message},
          {"missed", schedule.missed},
          {"paused", schedule.paused},
          {"paused_by", schedule.paused_by},
          {"error", schedule.error}};
}

std::string line_of(const Schedule& schedule) {
  const auto trigger = projects::trigger_from(schedule.key.name, schedule.spec);
  auto line = fmt::format("{}  {}  {}  {}", printable(schedule.key.name), printable(trigger.cron),
                          printable(trigger.timezone), printable(schedule.key.project));
  if (!schedule.error.empty()) return line + "\n  starts nothing: " + printable(schedule.error);
  if (schedule.paused) {
    line += fmt::format("\n  paused by {}", printable(schedule.paused_by));
  } else if (schedule.next_due == Time()) {
    line += "\n  is never due again";
  } else {
    line += fmt::format("\n  next {}", to_iso8601(schedule.next_due).substr(0, 19));
  }
  if (schedule.last_due == Time()) return line;
  line += fmt::format("  last {}", to_iso8601(schedule.last_due).substr(0, 19));
  if (!schedule.last_message.empty()) return line + ": " + printable(schedule.last_message);
  return schedule.last_run.empty() ? line : line + " " + schedule.last_run;
}

class Schedules {
 public:
  Schedules(Services& services, SchedulesCommand command)
      : services_(services),
        command_(std::move(command)),
        due_times_(services.executor, services.libexec) {}

  // The worker that knows due times is ended in any case.
  Task<int> run() {
    int code = ok;
    std::exception_ptr fault;
    try {
      code = co_await carry_out();
    } catch (...) {
      fault = std::current_exception();
    }
    co_await due_times_.stop();
    if (fault) std::rethrow_exception(fault);
    co_return code;
  }

 private:
  Task<int> carry_out() {
    const auto found = co_await known();
    if (!found) co_return refuse(services_, found.error());
    if (command_.action == "list") co_return list(*found);
    const auto schedule = named(*found);
    if (!schedule) co_return refuse(services_, schedule.error());
    if (command_.action == "pause") co_return co_await pause(*schedule);
    if (command_.action == "resume") co_return co_await resume(*schedule);
    co_return co_await start(*schedule);
  }

  store::Triggers& triggers() { return services_.store().triggers(); }

  // Those of the project, as its files are now; without a project, those of the whole home.
  Task<Result<std::vector<Schedule>>> known() {
    auto project = command_.project.empty() ? projects::find_project(services_.cwd)
                                            : projects::named_project(command_.project);
    if (!project && !command_.project.empty()) co_return tl::unexpected(project.error());
    if (project) {
      auto say = [this](std::string text) { services_.output.complain(text); };
      co_await projects::read_triggers({services_.loader(), services_.store(), due_times_, say},
                                       *project, services_.clock.now(), {});
    }
    auto all = co_await triggers().schedules();
    if (project) {
      std::erase_if(all, [&](const auto& one) { return one.key.project != project->string(); });
    }
    co_return all;
  }

  int list(const std::vector<Schedule>& all) {
    if (command_.json) {
      Json out = Json::array();
      for (const auto& schedule : all) out.push_back(to_json(schedule));
      services_.output.out(to_pretty_text(out) + "\n");
      return ok;
    }
    for (const auto& schedule : all) services_.output.line(line_of(schedule));
    services_.output.err(all.empty() ? "No schedules. A definition declares them: triggers: [{ "
                                       "cron: \"0 9 * * 1-5\" }]\n"
                                     : "They start runs while agentcmd worker runs.\n");
    return ok;
  }

  Result<Schedule> named(const std::vector<Schedule>& all) const {
    std::vector<Schedule> same;
    std::vector<std::string> names;
    for (const auto& schedule : all) {
      names.push_back(schedule.key.name);
      if (schedule.key.name == command_.schedule) same.push_back(schedule);
    }
    if (same.size() == 1) return same.front();
    if (same.empty()) {
      return fail(ErrorCode::not_found,
                  fmt::format("no schedule '{}'.{} 'agentcmd schedules list' shows them",
                              command_.schedule, did_you_mean(command_.schedule, names)));
    }
    return fail(ErrorCode::invalid_argument,
                fmt::format("several projects have a schedule '{}': say which one with --project",
                            command_.schedule));
  }

  int say(const Schedule& schedule, const Json& fields, const std::string& words) {
    Json out{{"name", schedule.key.name}, {"project", schedule.key.project}};
    for (const auto& [field, value] : fields.items()) out[field] = value;
    services_.output.out(command_.json ? to_text(out) + "\n" : words + "\n");
    return ok;
  }

  Task<int> pause(Schedule schedule) {
    co_await triggers().pause(schedule.key, "schedules pause");
    co_return say(
        schedule, {{"paused", true}},
        fmt::format("{} is paused; 'agentcmd schedules resume' ends that", schedule.key.name));
  }

  Task<int> resume(Schedule schedule) {
    const auto trigger = projects::trigger_from(schedule.key.name, schedule.spec);
    const auto next = co_await due_times_.next(trigger, services_.clock.now());
    if (!next) co_return refuse(services_, next.error(), ExitCode::failed);
    co_await triggers().resume(schedule.key, *next);
    co_return say(schedule, {{"paused", false}, {"next_due", time_or_null(*next)}},
                  fmt::format("{} is due next at {}", schedule.key.name, to_iso8601(*next)));
  }

  // trigger, backfill: runs that a worker executes.
  Task<int> start(Schedule schedule) {
    auto trigger = projects::trigger_from(schedule.key.name, schedule.spec);
    std::vector<std::optional<Time>> moments;
    if (command_.action == "backfill") {
      const auto times = co_await moments_of(trigger);
      if (!times) co_return refuse(services_, times.error());
      moments.assign(times->begin(), times->end());
      // They are made up for, one after the other: none of them is skipped.
      if (trigger.overlap == projects::Overlap::skip) trigger.overlap = projects::Overlap::queue;
    } else {
      moments.emplace_back();
    }
    const auto definition = co_await projects::resolve_definition(
        services_.loader(), schedule.key.project, schedule.key.project, schedule.file);
    if (!definition) co_return refuse(services_, definition.error());
    auto driver =
        co_await runtime::start_driver(services_.executor, services_.store(), services_.clock,
                                       services_.random, services_.driver_options(nullptr));
    if (!driver) co_return refuse(services_, driver.error());
    int code = ok;
    std::exception_ptr fault;
    try {
      for (const auto& moment : moments) {
        code = std::max(code, co_await start_one(**driver, schedule, *definition, trigger, moment));
      }
    } catch (...) {
      fault = std::current_exception();
    }
    co_await (*driver)->stop();
    if (fault) std::rethrow_exception(fault);
    if (!command_.json && code == ok) {
      services_.output.err("agentcmd worker executes what was started.\n");
    }
    co_return code;
  }

  Task<Result<std::vector<Time>>> moments_of(CronTrigger trigger) {
    const auto cron = trigger.cron;
    const auto zone = trigger.timezone;
    const auto from = parse_moment(command_.from);
    if (!from) co_return tl::unexpected(from.error());
    const auto to =
        command_.to.empty() ? Result<Time>(services_.clock.now()) : parse_moment(command_.to);
    if (!to) co_return tl::unexpected(to.error());
    if (*to < *from) {
      co_return fail(
          ErrorCode::invalid_argument,
          fmt::format("--from {} is later than {} {}: nothing lies between them", to_iso8601(*from),
                      command_.to.empty() ? "now," : "--to", to_iso8601(*to)));
    }
    const auto times = co_await due_times_.of(std::move(trigger), *from - Milliseconds(1), *to,
                                              limits::due_times_max + 1);
    if (times && times->size() > limits::due_times_max) {
      co_return fail(ErrorCode::resource_exhausted,
                     fmt::format("more than {} due times lie between {} and {}: backfill a shorter "
                                 "time",
                                 limits::due_times_max, to_iso8601(*from), to_iso8601(*to)));
    }
    if (times && times->empty()) {
      co_return fail(
          ErrorCode::invalid_argument,
          fmt::format("'{}' is never due between {} and {} ({} in {}): nothing to start",
                      command_.schedule, to_iso8601(*from), to_iso8601(*to), cron, zone));
    }
    co_return times;
  }

  Task<int> start_one(runtime::Driver& driver, const Schedule& schedule,
                      const projects::Definition& definition, const CronTrigger& trigger,
                      std::optional<Time> due) {
    auto run = projects::run_of_schedule(schedule.key.project, definition, trigger, due);
    if (!run) co_return refuse(services_, run.error());
    const auto made = co_await driver.request(std::move(run->run), std::move(run->policy));
    if (!made) co_return refuse(services_, made.error(), ExitCode::failed);
    const auto when = due ? to_iso8601(*due) : std::string();
    auto words = made->is_new
                     ? made->run.text
                     : fmt::format("{}: {}", when,
                                   made->run.text.empty() ? "came to nothing: " + made->message
                                                          : "was run before, as " + made->run.text);
    co_return say(schedule,
                  {{"run", made->run.text},
                   {"new", made->is_new},
                   {"due", due ? Json(when) : Json()},
                   {"message", made->message}},
                  words);
  }

  Services& services_;
  SchedulesCommand command_;
  DueTimes due_times_;
};

}  // namespace

Task<int> steer_schedules(Services& services, SchedulesCommand command) {
  Schedules schedules(services, std::move(command));
  co_return co_await schedules.run();
}

Task<int> show_triggers(Services& services, TriggersCommand command) {
  std::string only;
  if (!command.project.empty()) {
    const auto project = projects::named_project(command.project);
    if (!project) co_return refuse(services, project.error());
    only = project->string();
  }
  const auto starts = co_await services.store().triggers().starts(only, command.limit);
  if (command.json) {
    Json all = Json::array();
    for (const auto& start : starts) {
      all.push_back({{"cause", start.cause},
                     {"definition", start.definition},
                     {"project", start.project},
                     {"run", start.run.empty() ? Json() : Json(start.run)},
                     {"message", start.message},
                     {"at", to_iso8601(start.at)}});
    }
    services.output.out(to_pretty_text(all) + "\n");
    co_return ok;
  }
  for (const auto& start : starts) {
    services.output.line(
        fmt::format("{}  {}  {}  {}", to_iso8601(start.at).substr(0, 19), printable(start.cause),
                    printable(start.definition),
                    start.run.empty() ? "not started: " + printable(start.message) : start.run));
  }
  if (starts.empty()) services.output.err("No event and no schedule has started anything yet.\n");
  co_return ok;
}

}  // namespace agentcmd::cli
