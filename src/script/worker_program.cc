#include "script/worker_program.h"

#include "base/fault.h"
#include "base/json.h"
#include "base/json_slice.h"
#include "base/text.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <utility>

namespace agentcmd::script {
namespace {

using namespace std::chrono_literals;

// Lone surrogates, which JSON.stringify writes as \udXXX, are not text that any of us could keep:
// they become U+FFFD. Payloads are JSON in a JSON string, where the same escape has two
// backslashes; an even pair more is text that only looks like one.
std::string without_lone_surrogates(std::string_view json) {
  std::string out(json);
  for (auto at = out.find("\\ud"); at != std::string::npos; at = out.find("\\ud", at + 1)) {
    std::size_t first = at;
    while (first > 0 && out[first - 1] == '\\') --first;
    const std::size_t backslashes = at - first + 1;
    const bool escape = backslashes % 2 == 1 || backslashes % 4 == 2;
    if (escape && at + 6 <= out.size()) out.replace(at + 2, 4, "fffd");
  }
  return out;
}

void append_element(std::string& list, std::string_view json) {
  if (!list.empty()) list += ',';
  if (json.find("\\ud") == std::string_view::npos) {
    list += json;
  } else {
    list += without_lone_surrogates(json);
  }
}

// The SDK writes the name of a command first.
bool ends_run(std::string_view command) {
  return std::ranges::any_of(
      std::array{R"({"c":"complete")", R"({"c":"fail")", R"({"c":"cancelled")"},
      [&](std::string_view beginning) { return command.starts_with(beginning); });
}

std::int64_t integer(std::string_view digits) {
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

// A context is made when nothing came for so long.
constexpr auto channel_patience = 2ms;

// Other runs wait for this one meanwhile.
constexpr auto ahead_time_max = std::chrono::milliseconds(5);

std::string failure_json(const CodeThrew& thrown) {
  std::string json = fmt::format(R"({{"name":{},"message":{},"stack":{})", quote(thrown.name),
                                 quote(thrown.message), quote(thrown.stack));
  if (thrown.place) {
    const auto& [file, line, column] = *thrown.place;
    json += fmt::format(R"(,"at":{})", quote(fmt::format("{}:{}:{}", file, line, column)));
  }
  return json + '}';
}

std::string failure_json(const CodeStopped& stop) {
  return fmt::format(R"({{"name":"Error","message":{},"stack":{}}})", quote(stop.message),
                     quote(stop.stack));
}

}  // namespace

WorkerProgram::WorkerProgram(Vm& vm, WorkerChannel& channel, std::string analyze, std::string cron)
    : vm_(vm), channel_(channel), analyze_(std::move(analyze)), cron_(std::move(cron)) {}

WorkerProgram::~WorkerProgram() = default;

void WorkerProgram::prepare() {
  make_spare();
  channel_.send(R"({"t":"ready"})");
}

// Not while the watchdog counts for somebody else.
void WorkerProgram::make_spare() {
  if (spare_ != nullptr) return;
  vm_.watchdog->begin(0, {});
  spare_ = std::make_unique<RunContext>(vm_, make_bare_context(vm_.group), *this);
  spare_bytes_ = vm_.watchdog->end();
}

// A spare context takes as long to make as the driver to say what is next, so it is made when a run
// is over, or when there has been nothing to do for a moment.
void WorkerProgram::run() {
  auto idle = channel_patience;
  while (true) {
    if (spare_ == nullptr && !channel_.is_waiting(idle)) make_spare();
    const auto frame = channel_.next();
    if (!frame) return;
    handle(*frame);
    idle = unquote(member(*frame, "t")) == "evict" ? 0ms : channel_patience;
  }
}

void WorkerProgram::handle(const std::string& frame) {
  const auto type = unquote(member(frame, "t"));
  if (type == "activate") return activate(frame);
  if (type == "effect") return answer_effect(frame);
  if (type == "evict") return evict(frame);
  if (type == "query") return query(frame);
  if (type == "code") return keep_code(frame);
  if (type == "describe") return describe(frame);
  if (type == "check") return check(frame);
  if (type == "cron") return cron(frame);
  throw Fault("the driver sent a message of unknown type '" + type + "'");
}

void WorkerProgram::keep_code(std::string_view frame) {
  auto& code = codes_[std::string(member(frame, "hash"))];
  if (code != nullptr) return;
  code = std::make_unique<Code>(vm_.group, unquote(member(frame, "file")),
                                unquote(member(frame, "source")), unquote(member(frame, "map")));
}

Code& WorkerProgram::find_code(std::string_view id) {
  const auto found = codes_.find(std::string(id));
  if (found == codes_.end())
    throw CodeStopped{"error", fmt::format("the code {} was never sent to the worker", id), {}};
  return *found->second;
}

std::unique_ptr<RunContext> WorkerProgram::make_context(Code& code) {
  auto context = std::exchange(spare_, nullptr);
  context->use(code);
  return context;
}

void WorkerProgram::describe(std::string_view frame) {
  const auto hash = member(frame, "hash");
  make_spare();
  std::string answer = fmt::format(R"({{"t":"described","hash":{},)", hash);
  // The last words of a process that has to end here: a stopped frame for nobody's run.
  vm_.watchdog->begin(0, fmt::format(R"({{"t":"gave_up","hash":{},)", hash));
  try {
    const auto context = make_context(find_code(hash));
    context->load();
    answer += fmt::format(R"("workflow":{}}})", context->describe());
  } catch (CodeThrew& thrown) {
    // What the file as a whole lacks is said of its beginning.
    if (!thrown.place) thrown.place = Place{find_code(hash).file(), 1, 1};
    answer += fmt::format(R"("error":{}}})", failure_json(thrown));
  } catch (const CodeStopped& stop) {
    answer += fmt::format(R"("error":{}}})", failure_json(stop));
  }
  vm_.watchdog->end();
  channel_.send(answer);
}

void WorkerProgram::check(std::string_view frame) {
  const auto hash = member(frame, "hash");
  make_spare();
  std::string answer = fmt::format(R"({{"t":"checked","hash":{},)", hash);
  vm_.watchdog->begin(0, fmt::format(R"({{"t":"gave_up","hash":{},)", hash));
  try {
    if (analyze_.empty()) {
      throw CodeThrew{.name = "Error",
                      .message = "analyze.js is missing beside the worker: install agentcmd again",
                      .stack = {},
                      .place = {}};
    }
    if (!analyze_script_) {
      std::string error;
      analyze_script_.emplace(vm_.group, "agentcmd:analyze", analyze_, error);
      if (!error.empty()) throw Fault("analyze.js cannot be parsed: " + error);
    }
    Code& code = find_code(hash);
    const auto context = make_context(code);
    const auto findings = context->apply_to_source(analyze_script_->get());
    answer += fmt::format(R"("findings":{}}})", findings_json(code, findings));
  } catch (const CodeThrew& thrown) {
    answer += fmt::format(R"("error":{}}})", failure_json(thrown));
  } catch (const CodeStopped& stop) {
    answer += fmt::format(R"("error":{}}})", failure_json(stop));
  }
  vm_.watchdog->end();
  channel_.send(answer);
}

// Places of the bundle (columns from 0) become places of the source; what lies in packages is not
// the user's to fix.
std::string WorkerProgram::findings_json(Code& code, const std::string& findings) {
  Json mapped = Json::array();
  for (auto& finding : parse_trusted(findings, "findings of analyze.js")) {
    const auto place = code.map().find(static_cast<int>(int_or(finding, "line")),
                                       static_cast<int>(int_or(finding, "column")) + 1);
    if (!place || place->file.find("node_modules/") != std::string::npos) continue;
    finding["file"] = place->file;
    finding["line"] = place->line;
    finding["column"] = place->column;
    mapped.push_back(std::move(finding));
  }
  return to_text(mapped);
}

WorkerProgram::Run& WorkerProgram::find_or_make_run(std::string_view id, std::string_view frame) {
  auto& run = runs_[std::string(id)];
  run.id = id;
  if (run.context != nullptr) return run;
  const auto jobs = member(frame, "jobs");
  std::string first;
  for_each_element(jobs, [&](std::string_view job) {
    if (first.empty()) first = unquote(member(job, "job"));
  });
  if (first != "start") {
    throw CodeStopped{
        "missing", "the worker does not hold this run; it needs its whole history", {}};
  }
  make_spare();
  run.context = make_context(find_code(member(frame, "code")));
  run.heap = spare_bytes_;
  return run;
}

// One frame's work for a run: the watchdog counts it, and what stops the code is reported.
void WorkerProgram::within(Run& run, const std::function<void()>& work) {
  const std::string id = run.id;
  try {
    counted(run, work);
  } catch (const CodeStopped& stop) {
    stop_run(id, stop);
  }
}

// As within(); throws CodeStopped.
void WorkerProgram::counted(Run& run, const std::function<void()>& work) {
  vm_.watchdog->begin(run.heap, fmt::format(R"({{"t":"stopped","run":{},)", run.id));
  current_ = &run;
  try {
    work();
    run.heap = vm_.watchdog->end();
  } catch (const CodeStopped&) {
    current_ = nullptr;
    throw;
  }
  current_ = nullptr;
}

void WorkerProgram::activate(std::string_view frame) {
  const std::string id(member(frame, "run"));
  answer_ = {};
  try {
    Run& run = find_or_make_run(id, frame);
    answer_.run = &run;
    keep_known(run, find_member(frame, "known").value_or("[]"));
    within(run, [&] { apply(run, frame); });
  } catch (const CodeStopped& stop) {
    stop_run(id, stop);
  }
  answer_ = {};
}

void WorkerProgram::keep_known(Run& run, std::string_view keys) {
  for_each_element(keys, [&](std::string_view key) { run.known.insert(unquote(key)); });
}

void WorkerProgram::apply(Run& run, std::string_view frame) {
  Replaying replaying{.replaying = member(frame, "replaying") == "true"};
  if (replaying.replaying) replaying.locating = member(frame, "locate") == "true";
  if (!run.loaded) {
    run.loaded = true;
    try {
      run.context->load();
    } catch (const CodeThrew& thrown) {
      throw CodeStopped{
          "load",
          fmt::format("the definition could not be loaded: {}: {}", thrown.name, thrown.message),
          thrown.stack};
    }
  }
  if (const auto patches = find_member(frame, "patches")) {
    run.context->use_patches(std::string(*patches));
  }
  std::string text;
  for_each_element(member(frame, "jobs"), [&](std::string_view job) {
    text = job;
    run.context->deliver(text, replaying);
  });
  if (!replaying.replaying) {
    begin_closures(run);
    run_ahead(run, frame);
  }
  if (!answer_.sent) send_completion();
}

void WorkerProgram::begin_closures(Run& run) {
  answer_.beginning_closures = true;
  for (const auto& key : std::exchange(run.closures, {})) {
    if (run.known.contains(key)) continue;
    ++answer_.begun;
    run.context->begin_closure(key);
  }
  answer_.beginning_closures = false;
}

// What closures without effects returned is all that the driver would tell the code next, so the
// code is told of it here, without the way there and back.
void WorkerProgram::run_ahead(Run& run, std::string_view frame) {
  const auto until = std::chrono::steady_clock::now() + ahead_time_max;
  const auto at = integer(member(frame, "now"));
  for (auto rounds = integer(member(frame, "ahead")); rounds > 0; --rounds) {
    // A closure that goes on may ask for an effect, of a step that the driver does not know yet.
    const bool may_go_on = !answer_.sent && !answer_.over && !answer_.stays &&
                           !answer_.closures.empty() && answer_.begun == answer_.ended &&
                           std::chrono::steady_clock::now() < until;
    if (!may_go_on) return;
    const auto ended = fmt::format("[{}]", answer_.closures);
    end_round(run);
    for_each_element(ended, [&](std::string_view end) {
      run.context->settle(at, unquote(member(end, "key")), unquote(member(end, "output")));
    });
    begin_closures(run);
  }
}

void WorkerProgram::end_round(Run& run) {
  answer_.rounds += fmt::format(R"({}{{"commands":[{}],"closures":[{}]}})",
                                answer_.rounds.empty() ? "" : ",", run.commands, answer_.closures);
  run.commands.clear();
  answer_.closures.clear();
}

void WorkerProgram::send_completion() {
  Run& run = *answer_.run;
  answer_.sent = true;
  end_round(run);
  channel_.send(fmt::format(R"({{"t":"completion","run":{},"rounds":[{}],"heap":{}}})", run.id,
                            answer_.rounds, run.heap));
}

void WorkerProgram::stop_run(const std::string& id, const CodeStopped& stop) {
  runs_.erase(id);
  channel_.send(fmt::format(R"({{"t":"stopped","run":{},"reason":{},"message":{},"stack":{}}})", id,
                            quote(stop.reason), quote(stop.message), quote(stop.stack)));
}

void WorkerProgram::evict(std::string_view frame) {
  runs_.erase(std::string(member(frame, "run")));
}

// A function that has to be stopped takes its run's context with it. That is no reason to pause the
// run: it is "missing" here, and replayed.
void WorkerProgram::query(std::string_view frame) {
  const auto id = member(frame, "run");
  const auto found = runs_.find(std::string(id));
  std::string answer =
      R"({"error":{"name":"NotHeldError","message":"the worker does not hold this run","stack":""}})";
  if (found != runs_.end() && found->second.context != nullptr) {
    Run& run = found->second;
    const auto name = unquote(member(frame, "name"));
    const auto args = unquote(member(frame, "args"));
    try {
      counted(run, [&] { answer = run.context->query(name, args); });
    } catch (CodeStopped& stop) {
      answer = fmt::format(R"({{"error":{}}})", failure_json(stop));
      stop.reason = "missing";
      stop_run(std::string(id), stop);
    }
  }
  std::string rest;
  append_element(rest, std::string_view(answer).substr(1));
  channel_.send(fmt::format(R"({{"t":"queried","id":{},{})", member(frame, "id"), rest));
}

void WorkerProgram::answer_effect(std::string_view frame) {
  std::uint64_t id = 0;
  const auto digits = member(frame, "id");
  std::from_chars(digits.data(), digits.data() + digits.size(), id);
  const auto pending = effects_.extract(id);
  if (pending.empty()) return;
  const auto found = runs_.find(pending.mapped().run);
  if (found == runs_.end()) return;  // evicted meanwhile
  Run& run = found->second;
  within(run, [&] {
    const auto ok = find_member(frame, "ok");
    const std::string json = ok ? unquote(*ok) : std::string(member(frame, "error"));
    run.context->effect_answered(pending.mapped().id, ok.has_value(), json);
  });
}

void WorkerProgram::command(std::string_view json, std::string closure) {
  append_element(current_->commands, json);
  answer_.over = answer_.over || ends_run(json);
  if (!closure.empty()) current_->closures.push_back(std::move(closure));
}

void WorkerProgram::closure_ended(std::string_view json) {
  if (answer_.run != nullptr && !answer_.sent) {
    ++answer_.ended;
    answer_.stays = answer_.stays || !find_member(json, "output") || find_member(json, "probe");
    return append_element(answer_.closures, json);
  }
  std::string rest;
  append_element(rest, json.substr(1));
  channel_.send(fmt::format(R"({{"t":"closure","run":{},{})", current_->id, rest));
}

void WorkerProgram::effect(EffectRequest request) {
  if (request.name == "cancel") request.args = cancel_arguments(request.args);
  const auto id = send_effect(request, false);
  effects_.emplace(id, PendingEffect{current_->id, request.id});
}

// The SDK numbers the effects of one context, the driver knows them by the number in their frame.
std::string WorkerProgram::cancel_arguments(std::string_view args) const {
  const auto number = to_integer<std::uint32_t>(member(args, "id"));
  for (const auto& [id, pending] : effects_) {
    if (pending.run == current_->id && pending.id == number)
      return fmt::format(R"({{"id":{}}})", id);
  }
  return R"({"id":0})";
}

std::string WorkerProgram::effect_sync(EffectRequest request) {
  const auto wanted = std::to_string(send_effect(request, true));
  while (auto frame = channel_.receive()) {
    if (unquote(member(*frame, "t")) != "effect" || member(*frame, "id") != wanted) {
      channel_.keep(*std::move(frame));
      continue;
    }
    if (const auto ok = find_member(*frame, "ok"))
      return fmt::format(R"({{"ok":{}}})", unquote(*ok));
    return fmt::format(R"({{"error":{}}})", member(*frame, "error"));
  }
  ::_exit(0);  // the driver is gone
}

std::uint64_t WorkerProgram::send_effect(const EffectRequest& request, bool synchronous) {
  // The driver must know the steps that these closures belong to. While jobs are still being
  // applied, an effect can only come of a closure that began in an earlier activation.
  if (answer_.run == current_ && answer_.beginning_closures && !answer_.sent) send_completion();
  const auto id = ++last_effect_;
  channel_.send(fmt::format(
      R"({{"t":"effect","run":{},"key":{},"attempt":{},"id":{},"name":{},"sync":{},"args":{}}})",
      current_->id, quote(request.key), request.attempt, id, quote(request.name), synchronous,
      quote(request.args)));
  return id;
}

}  // namespace agentcmd::script
