#include "projects/due_times.h"

#include <fmt/format.h>

#include <utility>

namespace agentcmd::projects {
namespace {

Task<script::EffectResult> refuse_effect(script::Effect) {
  co_return script::EffectResult{.ok = false, .value = {"{}"}};
}

Json question_about(const CronTrigger& trigger, Time after, std::size_t count) {
  return {{"pattern", trigger.cron},
          {"timezone", trigger.timezone},
          {"after", to_millis(after)},
          {"count", count}};
}

std::string flaw_in(const CronTrigger& trigger, const Json& answer) {
  const auto error = string_or(answer, "error");
  if (error.empty()) return error;
  return fmt::format("the schedule '{}' ({}): {}", trigger.cron, trigger.timezone, error);
}

}  // namespace

Task<std::string> flaw_of_schedules(script::Worker& worker, const script::WorkflowInfo& info) {
  const auto config = trigger_config(info.id, info.config);
  if (!config) co_return config.error().message;
  Json questions = Json::array();
  for (const auto& cron : config->crons) questions.push_back(question_about(cron, Time(), 1));
  if (questions.empty()) co_return "";
  const auto answers = co_await worker.due_times({to_text(questions)});
  if (!answers) co_return answers.error().message;
  const auto list = parse_trusted(answers->text, "due times");
  for (std::size_t i = 0; i < config->crons.size(); ++i) {
    auto flaw = flaw_in(config->crons[i], list.at(i));
    if (!flaw.empty()) co_return flaw;
  }
  co_return "";
}

DueTimes::DueTimes(boost::asio::any_io_executor executor, std::filesystem::path libexec)
    : executor_(std::move(executor)), libexec_(std::move(libexec)) {}

Task<Result<script::Worker*>> DueTimes::worker() {
  if (died_) co_await stop();
  if (!worker_) {
    died_ = false;
    script::WorkerHandlers handlers;
    handlers.effect = refuse_effect;
    handlers.closure_ended = [](history::RunId, history::ClosureEnd) {};
    handlers.died = [this](std::string) { died_ = true; };
    auto started = co_await script::start_worker(executor_, libexec_, std::move(handlers));
    if (!started) co_return tl::unexpected(started.error());
    worker_ = *std::move(started);
  }
  co_return worker_.get();
}

Task<Result<std::vector<Time>>> DueTimes::of(CronTrigger trigger, Time after,
                                             std::optional<Time> until, std::size_t count) {
  auto question = question_about(trigger, after, count);
  if (until) question["until"] = to_millis(*until);
  const auto asked = co_await worker();
  if (!asked) co_return tl::unexpected(asked.error());
  const auto answers = co_await (*asked)->due_times({to_text(Json::array({question}))});
  if (!answers) co_return tl::unexpected(answers.error());
  const auto answer = parse_trusted(answers->text, "due times").at(0);
  if (auto flaw = flaw_in(trigger, answer); !flaw.empty()) {
    co_return fail(ErrorCode::invalid_argument, std::move(flaw));
  }
  std::vector<Time> times;
  for (const auto& time : answer.at("times")) times.push_back(from_millis(time));
  co_return times;
}

Task<Result<Time>> DueTimes::next(CronTrigger trigger, Time after) {
  const auto times = co_await of(std::move(trigger), after, std::nullopt, 1);
  if (!times) co_return tl::unexpected(times.error());
  co_return times->empty() ? Time() : times->front();
}

Task<> DueTimes::stop() {
  if (worker_) co_await worker_->stop();
  worker_.reset();
}

}  // namespace agentcmd::projects
