// step.ai: one question to a model, answered by a text or by an object that fits a schema. What a
// vendor refuses for good is a result (success: false); what passes by itself (too many requests,
// an overloaded service, a broken connection) is thrown, so that the step is tried again.

#include "agents/json_reply.h"
#include "base/duration.h"
#include "base/network_limits.h"
#include "gateway/model_call.h"
#include "http/transfer.h"
#include "steps/interruptible.h"
#include "steps/result.h"
#include "steps/schema.h"
#include "steps/step_types.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fstream>
#include <optional>
#include <utility>

namespace agentcmd::steps {
namespace {

using gateway::ModelAnswer;
using gateway::ModelCall;
using gateway::Vendor;

constexpr std::string_view anthropic_model = "claude-sonnet-4-5-20250929";
constexpr std::string_view openai_model = "gpt-4";
constexpr double usual_temperature = 0.7;
constexpr std::string_view wrapped = "value";

// Only objects can be asked for: another kind of value is asked for as the member of one.
bool is_wrapped(const Json& schema) {
  const auto type = schema.find("type");
  return type == schema.end() || *type != "object";
}

Json schema_of_object(const Json& schema) {
  if (!is_wrapped(schema)) return schema;
  Json inner = schema;
  Json outer{{"type", "object"}};
  // References within the schema are from its root.
  for (const auto* shared : {"$defs", "definitions"}) {
    if (!inner.contains(shared)) continue;
    outer[shared] = inner[shared];
    inner.erase(shared);
  }
  inner.erase("$schema");
  outer["properties"] = {{wrapped, std::move(inner)}};
  outer["required"] = Json::array({wrapped});
  return outer;
}

struct KeyNames {
  std::string_view variable;
  std::string_view setting;
};

KeyNames key_names(Vendor vendor) {
  if (vendor == Vendor::anthropic) return {"ANTHROPIC_API_KEY", "anthropicApiKey"};
  return {"OPENAI_API_KEY", "openaiApiKey"};
}

struct Question {
  ModelCall call;
  gateway::VendorAccess access;
  Json schema;                   // as the workflow gave it; null: none
  bool waits_for_limits = true;  // onUsageLimit
};

Result<Question> read_question(const Step& step, const Json& config) {
  Question question;
  auto& call = question.call;
  call.prompt = string_or(config, "prompt");
  if (call.prompt.empty()) return fail(ErrorCode::invalid_argument, "step.ai needs a prompt");
  const auto provider = string_or(config, "provider", "anthropic");
  if (provider != "anthropic" && provider != "openai") {
    return fail(ErrorCode::invalid_argument,
                fmt::format("step.ai knows the providers \"anthropic\" and \"openai\", not \"{}\"",
                            provider));
  }
  call.vendor = provider == "anthropic" ? Vendor::anthropic : Vendor::openai;
  const auto usual = call.vendor == Vendor::anthropic ? anthropic_model : openai_model;
  call.model = string_or(config, "model", std::string(usual));
  call.system = string_or(config, "systemPrompt");
  // Null leaves it to the model; some refuse to be told.
  const bool has_temperature = config.contains("temperature");
  if (!has_temperature) call.temperature = usual_temperature;
  if (has_temperature && config["temperature"].is_number()) {
    call.temperature = config["temperature"].get<double>();
  }
  if (const auto most = int_or(config, "maxTokens"); most > 0) call.max_tokens = most;
  if (config.contains("schema") && !config["schema"].is_null()) {
    question.schema = config["schema"];
    if (const auto usable = check_schema(question.schema, "schema"); !usable) {
      return tl::unexpected(usable.error());
    }
    call.schema = schema_of_object(question.schema);
  }
  question.waits_for_limits = string_or(config, "onUsageLimit", "park") != "fail";
  question.access = step.run.models.of(call.vendor);
  if (question.access.key.empty() && question.access.base_url.empty()) {
    const auto [variable, setting] = key_names(call.vendor);
    return fail(ErrorCode::failed_precondition,
                fmt::format("there is no key for {}: set {}, or \"{}\" in config.json", provider,
                            variable, setting));
  }
  return question;
}

// Why there is no answer.
struct Refusal {
  std::string message;
  bool passes = false;  // another attempt may go well
  std::string name = "ModelError";
  std::chrono::milliseconds wait{0};
};

using Asked = tl::expected<ModelAnswer, Refusal>;

Refusal refusal_of(const Question& question, int status, const http::Headers& headers,
                   const std::string& body) {
  const auto vendor = gateway::to_string(question.call.vendor);
  Refusal refusal;
  refusal.message =
      fmt::format("{} answered {}: {}", vendor, status, gateway::refusal_message(body));
  refusal.passes = status == 408 || status == 409 || status == 429 || status >= 500;
  if (status == 401 || status == 403) {
    const auto [variable, setting] = key_names(question.call.vendor);
    refusal.message += fmt::format(". Check {}, or {} in config.json", variable, setting);
  }
  if (status == 429) refusal.name = "RateLimitError";
  if (!refusal.passes) return refusal;
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  refusal.wait = gateway::retry_after(headers, now).value_or(std::chrono::milliseconds(0));
  if (status == 429 && refusal.wait > limits::model_retry_after_max) {
    refusal.name = "UsageLimitError";
    refusal.message += fmt::format(". The limit is over in {}", format_duration(refusal.wait));
    refusal.passes = question.waits_for_limits;
  }
  return refusal;
}

// Shows and keeps what the model says, while it says it.
class Saying {
 public:
  Saying(StepHost& host, const Step& step) : host_(host), step_(step) {
    std::filesystem::create_directories(step.attempt_dir());
    file_.open(step.attempt_dir() / "stdout", std::ios::app | std::ios::binary);
  }
  void add(std::string_view text) {
    const auto clean = redact(text, step_.run.secrets);
    file_ << clean << std::flush;
    open_ = !clean.ends_with('\n');
    if (host_.has_audience()) host_.output(step_, "stdout", clean);
  }
  // The next answer, or whatever else is shown, begins on a line of its own.
  void end() {
    if (std::exchange(open_, false)) add("\n");
    open_ = false;
  }

 private:
  StepHost& host_;
  const Step& step_;
  std::ofstream file_;
  bool open_ = false;
};

bool is_event_stream(const http::Headers& headers) {
  return http::header_of(headers, "content-type").contains("event-stream");
}

// The body, as far as it is worth reading.
Task<std::string> read_all(http::Transfer& transfer, std::size_t bytes_max) {
  std::string body;
  while (body.size() < bytes_max) {
    auto part = co_await transfer.read();
    if (!part || part->empty()) break;
    body += *part;
  }
  co_return body;
}

Task<Asked> ask(http::Transfers& transfers, const Question& question, Saying& saying,
                std::chrono::milliseconds timeout) {
  auto request = gateway::model_request(question.call, question.access);
  request.timeout = timeout;
  auto transfer = transfers.start(std::move(request));
  const auto broken = [](const http::Failure& failure) {
    const bool passes = failure.code != ErrorCode::invalid_argument;
    return tl::unexpected(Refusal{.message = failure.message, .passes = passes});
  };
  const auto head = co_await transfer->head();
  if (!head) co_return broken(head.error());
  if (head->status != 200) {
    const auto body = co_await read_all(*transfer, limits::model_refusal_bytes_max);
    co_return tl::unexpected(refusal_of(question, head->status, head->headers, body));
  }

  ModelAnswer answer(question.call.vendor);
  const auto say = [&saying](std::string_view text) { saying.add(text); };
  if (!is_event_stream(head->headers)) {
    const auto body = co_await read_all(*transfer, limits::model_answer_bytes_max);
    const auto document = parse_json(body, "the model's answer");
    if (!document) {
      co_return tl::unexpected(Refusal{.message = document.error().message, .passes = true});
    }
    answer.take_document(*document, say);
  }
  std::size_t size = 0;
  while (!answer.is_complete() && answer.error().empty()) {
    const auto part = co_await transfer->read();
    if (!part) co_return broken(part.error());
    if (part->empty()) break;
    size += part->size();
    if (size > limits::model_answer_bytes_max) {
      co_return tl::unexpected(Refusal{.message = "the model's answer is larger than 32 MiB"});
    }
    answer.feed(*part, say);
  }
  saying.end();
  if (!answer.error().empty()) {
    co_return tl::unexpected(Refusal{.message = answer.error(), .passes = true});
  }
  if (!answer.is_complete()) {
    co_return tl::unexpected(Refusal{.message = "the model's answer was cut off", .passes = true});
  }
  co_return answer;
}

// What is read of an answer: the data, or why it is none.
struct Reading {
  JsonText data;
  std::vector<std::string> wrong;
};

// The object of the answer; a server without tools may have answered in words.
std::string json_in(const ModelAnswer& answer) {
  if (!answer.object().empty()) return answer.object();
  const auto found = agents::json_from_reply(answer.text());
  return found ? found->text : answer.text();
}

Reading read_object(const Question& question, const ModelAnswer& answer) {
  const auto text = json_in(answer);
  auto json = parse_json(text, "the answer");
  if (!json) return {.data = {"{}"}, .wrong = {json.error().message}};
  const bool wraps = is_wrapped(question.schema);
  if (wraps && json->is_object() && json->contains(wrapped)) json = Json((*json)[wrapped]);
  auto wrong = violations(question.schema, *json, "data");
  if (!wrong) return {.data = {"{}"}, .wrong = {wrong.error().message}};
  // The model's own numbers, where its text is the data.
  return {.data = {wraps ? to_text(*json) : text}, .wrong = std::move(*wrong)};
}

std::string repairing(const std::string& prompt, const std::string& answer,
                      const std::vector<std::string>& wrong) {
  return fmt::format(
      "{}\n\nYou have answered this before with:\n{}\n\nThat answer cannot be used:\n- {}\n\nGive "
      "the "
      "answer again, corrected.",
      prompt, answer, fmt::join(wrong, "\n- "));
}

Json described(const ModelAnswer& answer, const gateway::Usage& total) {
  const auto& meter = answer.meter();
  return {{"finishReason", answer.finish_reason()},
          {"usage", gateway::to_json(meter.usage)},
          {"totalUsage", gateway::to_json(total)},
          {"warnings", Json::array()},
          {"providerMetadata", Json::object()},
          {"request", Json::object()},
          {"response", {{"id", meter.id}, {"modelId", meter.model}}}};
}

Json trace_of(const Question& question, std::chrono::steady_clock::time_point begun) {
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begun);
  Json entry{{"command",
              fmt::format("{} {}", gateway::to_string(question.call.vendor), question.call.model)},
             {"duration", took.count()}};
  return Json::array({std::move(entry)});
}

Outcome not_answered(const Step& step, const Refusal& refusal, Json trace) {
  if (refusal.passes) {
    Failed failure{{.name = refusal.name, .message = redact(refusal.message, step.run.secrets)}};
    failure.failure.retry_after = static_cast<std::uint64_t>(refusal.wait.count());
    return {.what = std::move(failure), .notes = {}};
  }
  return completed_with_data(
      step, false, {"{}"},
      {{"success", false}, {"error", refusal.message}, {"trace", std::move(trace)}});
}

Task<Outcome> perform(StepHost& host, Step step) {
  const auto input = read_input(step);
  auto question = read_question(step, input.config);
  if (!question) {
    co_return not_answered(step, {.message = question.error().message}, Json::array());
  }
  const auto begun = std::chrono::steady_clock::now();
  const auto timeout = timeout_of(step, input);
  http::Transfers transfers(host.executor());
  Saying saying(host, step);
  auto answer = co_await ask(transfers, *question, saying, timeout);
  if (!answer) co_return not_answered(step, answer.error(), trace_of(*question, begun));
  auto total = answer->meter().usage;

  Reading reading;
  if (question->schema.is_null()) {
    reading.data = {to_text({{"text", answer->text()}})};
  } else {
    reading = read_object(*question, *answer);
    if (!reading.wrong.empty()) {
      question->call.prompt = repairing(question->call.prompt, json_in(*answer), reading.wrong);
      auto repaired = co_await ask(transfers, *question, saying, timeout);
      if (!repaired) co_return not_answered(step, repaired.error(), trace_of(*question, begun));
      total += repaired->meter().usage;
      answer.emplace(std::move(*repaired));
      reading = read_object(*question, *answer);
    }
  }
  Json result{{"success", reading.wrong.empty()}};
  if (!reading.wrong.empty()) {
    result["error"] =
        fmt::format("the answer does not fit the schema: {}", fmt::join(reading.wrong, "; "));
    reading.data = {"{}"};
  }
  result["result"] = described(*answer, total);
  result["trace"] = trace_of(*question, begun);
  co_return completed_with_data(step, reading.wrong.empty(), std::move(reading.data),
                                std::move(result));
}

}  // namespace

Task<Outcome> run_ai_step(StepHost& host, Step step, StopSource& stop) {
  if (step.recovery) {
    co_return Outcome{.what = Lost{"its answer was being read by a process that is gone"},
                      .notes = {}};
  }
  const auto timeout = timeout_of(step, read_input(step));
  co_return co_await interruptible(perform(host, std::move(step)), stop, timeout,
                                   "the model's answer");
}

}  // namespace agentcmd::steps
