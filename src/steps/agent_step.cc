// step.agent: an agent CLI works in the run's workspace. Its session is chosen and recorded before
// it starts, so that an attempt that was lost is resumed and not repeated.

#include "agents/agent.h"
#include "agents/json_reply.h"
#include "agents/line_framer.h"
#include "agents/outcome.h"
#include "async/settled.h"
#include "base/duration.h"
#include "base/text.h"
#include "steps/agent_conversation.h"
#include "steps/attempt_process.h"
#include "steps/result.h"
#include "steps/step_types.h"
#include "steps/whole_lines.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <fmt/format.h>

namespace agentcmd::steps {
namespace {

using namespace boost::asio::experimental::awaitable_operators;

constexpr std::size_t stderr_bytes_max = 4 * limits::kib;

constexpr std::string_view resumed_session =
    "You were interrupted while you worked on this: your process or its machine died. The last "
    "command or edit that you began may or may not have taken effect; look at the files before "
    "you go on, then finish the task. The task, again:\n\n";
constexpr std::string_view interrupted_before =
    "An earlier attempt at this task was interrupted and nothing is left of its conversation. "
    "Some of the work may already be done; look at the files before you begin.\n\n";

// Everything that an attempt knows about its agent. Lives in the frame of run_agent_step.
struct Conversation {
  const agents::Adapter* adapter = nullptr;
  agents::AgentRequest request;
  agents::Tally tally;
  QuestionPolicy policy;
};

Result<Conversation> begin(const Step& step, const StepInput& input) {
  constexpr std::string_view scripted = "scripted";
  const auto& config = input.config;
  auto name = string_or(config, "agent", "claude");
  Conversation conversation;
  auto& request = conversation.request;
  if (const std::string_view override = step.run.agents_override; !override.empty()) {
    name = override.substr(0, override.find(':'));
    if (name == scripted && override.size() > scripted.size()) {
      request.script = override.substr(scripted.size() + 1);
    }
  }
  auto adapter = agents::find_adapter(name);
  if (!adapter) return tl::unexpected(adapter.error());
  conversation.adapter = *adapter;

  request.prompt = string_or(config, "prompt");
  request.json = bool_or(config, "json");
  request.step = step.name;
  request.permission_mode = string_or(config, "permissionMode");
  request.model = string_or(config, "model");
  request.append_system_prompt = string_or(config, "appendSystemPrompt");
  request.mcp_config = texts_of(config, "mcpConfig");
  request.allowed_tools = texts_of(config, "allowedTools");
  request.disallowed_tools = texts_of(config, "disallowedTools");
  request.max_turns = int_or(config, "maxTurns");
  request.cwd = directory_of(step, config);
  request.project = step.run.project;
  request.libexec = step.run.libexec;
  request.env = environment_of(step, config);
  if (trim(request.prompt).empty()) {
    return fail(ErrorCode::invalid_argument, "step.agent needs a prompt");
  }
  auto policy = question_policy(step, config);
  if (!policy) return tl::unexpected(policy.error());
  conversation.policy = std::move(*policy);
  return conversation;
}

constexpr std::string_view session_member = "sessionId";

// Whether this attempt has recorded its session before we died.
bool has_session(const Step& step) {
  return step.recovery && !noted_in(step.recovery->checkpoint, session_member).is_null();
}

// Chooses between a new session, the user's, and that of the attempt before.
void choose_session(const Step& step, const Json& config, Conversation& conversation) {
  auto& request = conversation.request;
  const bool is_begun = has_session(step);
  const auto checkpoint =
      noted_in(is_begun ? step.recovery->checkpoint : step.lost_checkpoint, session_member);
  if (!checkpoint.is_null()) {
    request.session_id = string_or(checkpoint, session_member);
    if (is_begun) {
      request.resume = bool_or(checkpoint, "resume");
      request.forked_from = string_or(checkpoint, "forkedFrom");
      request.prompt.insert(0, string_or(checkpoint, "preface"));
      return;
    }
    request.resume = conversation.adapter->session_exists(request);
    request.prompt.insert(0, request.resume ? resumed_session : interrupted_before);
    if (!request.resume) request.session_id = agents::make_session_id();
    return;
  }
  request.session_id = string_or(config, "resume");
  request.resume = !request.session_id.empty();
  if (request.resume && bool_or(config, "fork")) {
    request.forked_from = std::exchange(request.session_id, agents::make_session_id());
  }
  if (!request.resume) request.session_id = agents::make_session_id();
}

JsonText checkpoint_of(const Conversation& conversation, const std::string& prompt) {
  const auto& request = conversation.request;
  const auto preface = request.prompt.substr(0, request.prompt.size() - prompt.size());
  return {to_text({{"agent", conversation.adapter->name},
                   {"sessionId", request.session_id},
                   {"resume", request.resume},
                   {"forkedFrom", request.forked_from},
                   {"preface", preface}})};
}

ProcessUse use_of(const Step& step, const StepInput& input, Conversation& conversation,
                  agents::LineFramer& lines, WholeLines& err) {
  ProcessUse use;
  use.spec = [&step, &input, &conversation]() -> Result<process::ProcessSpec> {
    const auto& request = conversation.request;
    auto command = conversation.adapter->command(request);
    if (!command) return tl::unexpected(command.error());
    if (!std::filesystem::is_directory(request.cwd)) {
      return fail(ErrorCode::not_found,
                  fmt::format("the working directory {} does not exist", request.cwd.string()));
    }
    process::ProcessSpec spec;
    spec.argv = std::move(command->argv);
    spec.env = std::move(command->env);
    spec.takes_frames = conversation.adapter->converse != nullptr;
    if (!spec.takes_frames) spec.input = std::move(command->input);
    spec.cwd = request.cwd;
    spec.timeout = timeout_of(step, input);
    return spec;
  };
  use.out.on_bytes = [&lines](std::string_view bytes) { lines.feed(bytes); };
  use.err.on_bytes = [&err](std::string_view bytes) { err.feed(bytes); };
  return use;
}

// Ends only by cancellation: the process is over before.
Task<> pass_on(StopSource& stop, StopSource& kill) {
  co_await stop.wait();
  kill.request();
  StopSource never(co_await boost::asio::this_coro::executor);
  co_await never.wait();
}

Json usage_json(const agents::Usage& usage) {
  Json json{{"inputTokens", usage.input_tokens},
            {"outputTokens", usage.output_tokens},
            {"cacheReadTokens", usage.cache_read_tokens},
            {"cacheCreationTokens", usage.cache_creation_tokens},
            {"totalTokens", usage.input_tokens + usage.output_tokens + usage.cache_read_tokens +
                                usage.cache_creation_tokens}};
  if (!usage.models.is_null()) json["models"] = usage.models;
  return json;
}

Json denials_json(const std::vector<agents::Denial>& denials) {
  Json list = Json::array();
  for (const auto& denial : denials) {
    list.push_back({{"tool", denial.tool}, {"input", denial.input}});
  }
  return list;
}

Outcome agent_result(const Step& step, const Conversation& conversation, const process::Exit& exit,
                     const std::set<std::string>& refused) {
  const auto& tally = conversation.tally;
  const auto complaints = process::read_stream(step.attempt_dir() / "stderr", stderr_bytes_max);
  auto verdict =
      agents::judge(conversation.adapter->name, tally, describe(exit), complaints, refused);
  JsonText data{to_text(Json(verdict.text))};
  if (conversation.request.json && verdict.success) {
    if (auto json = agents::json_from_reply(verdict.text)) {
      data = std::move(*json);
    } else {
      verdict.success = false;
      verdict.error = json.error().message;
    }
  }
  Json result{{"success", verdict.success}};
  if (!verdict.success) result["error"] = verdict.error;
  result["sessionId"] =
      tally.session_id().empty() ? conversation.request.session_id : tally.session_id();
  result["exitCode"] = shell_code(exit);
  if (const auto& final = tally.last_word()) {
    if (final->usage) result["usage"] = usage_json(*final->usage);
    if (final->cost_usd) result["cost"] = *final->cost_usd;
    if (!final->denials.empty()) result["permissionDenials"] = denials_json(final->denials);
  }
  Json trace{{"command", conversation.adapter->name},
             {"exitCode", shell_code(exit)},
             {"duration", exit.duration.count()},
             {"exit", to_json(exit)}};
  result["trace"] = Json::array({std::move(trace)});
  return completed_with_data(step, verdict.success, std::move(data), std::move(result));
}

Outcome outcome_of(const Step& step, const Conversation& conversation, ProcessEnd end,
                   bool asked_to_stop, const std::set<std::string>& refused) {
  using process::ExitCause;
  if (auto* lost = std::get_if<Lost>(&end)) return {.what = std::move(*lost), .notes = {}};
  if (auto* error = std::get_if<Error>(&end)) return failed(*error);
  if (auto* late = std::get_if<TimedOut>(&end)) {
    late->failure.message += fmt::format("; its session is {}", conversation.request.session_id);
    return {.what = std::move(*late), .notes = {}};
  }
  const auto& exit = std::get<process::Exit>(end);
  // A rejected login is killed by us, too; that is a result.
  if (exit.cause == ExitCause::cancelled && asked_to_stop) {
    return {.what = Cancelled{}, .notes = {}};
  }
  if (exit.cause == ExitCause::start_failed) {
    return failed(
        fmt::format("{} could not be started: {}", conversation.adapter->name, exit.message));
  }
  return agent_result(step, conversation, exit, refused);
}

// What the agent may do unasked, before it does anything.
void tell_permissions(StepHost& host, const Step& step, const Conversation& conversation) {
  const auto& request = conversation.request;
  auto text = fmt::format("{}: permission mode {}", conversation.adapter->name,
                          request.permission_mode.empty() ? conversation.adapter->default_mode
                                                          : request.permission_mode);
  const auto add = [&text](std::string_view what, const std::vector<std::string>& rules) {
    if (!rules.empty()) text += fmt::format("; {}: {}", what, join(rules, ", "));
  };
  auto allowed = conversation.policy.allow;
  allowed.insert(allowed.end(), request.allowed_tools.begin(), request.allowed_tools.end());
  add("allowed without asking", allowed);
  add("never", request.disallowed_tools);
  host.output(step, "agent", redact(text, step.run.secrets));
}

}  // namespace

Task<Outcome> run_agent_step(StepHost& host, Step step, StopSource& stop) {
  const auto input = read_input(step);
  auto begun = begin(step, input);
  if (!begun) co_return failed(begun.error());
  auto& conversation = *begun;
  const auto prompt = conversation.request.prompt;
  choose_session(step, input.config, conversation);
  if (!has_session(step)) {
    co_await host.checkpoint(step, checkpoint_of(conversation, prompt));
  }

  StopSource kill(host.executor());
  const auto* adapter = conversation.adapter;
  std::unique_ptr<agents::Dialogue> dialogue;
  std::optional<AgentConversation> talk;
  if (adapter->converse != nullptr) {
    dialogue = adapter->converse(conversation.request);
    talk.emplace(host, step, conversation.request, adapter->name, conversation.policy, *dialogue);
  }
  if (!step.recovery) tell_permissions(host, step, conversation);
  agents::LineFramer lines([&](std::string_view line) {
    for (const auto& event : talk ? talk->received(line) : adapter->parse(line)) {
      conversation.tally.add(event);
      if (!host.has_audience()) continue;
      const auto shown = agents::render(event);
      if (!shown.empty()) host.output(step, "agent", redact(shown, step.run.secrets));
    }
    // The CLI would retry a refused key for minutes.
    if (conversation.tally.rejected()) kill.request();
  });
  WholeLines err([&](std::string_view text) {
    host.output(step, "stderr", redact(to_utf8(text), step.run.secrets));
  });
  auto use = use_of(step, input, conversation, lines, err);
  if (talk) {
    use.beside = [&talk] { return talk->run(); };
    use.waits_for_people = [&talk] { return talk->waits_for_people(); };
  }
  auto ended = co_await (settle(run_attempt_process(host, step, std::move(use), kill)) ||
                         pass_on(stop, kill));
  lines.finish();
  err.finish();
  const auto refused = talk ? talk->refused_by_people() : std::set<std::string>();
  co_return outcome_of(step, conversation, std::get<0>(ended).take(), stop.requested(), refused);
}

}  // namespace agentcmd::steps
