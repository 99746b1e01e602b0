#include "cli/run_log.h"

#include "base/text.h"
#include "history/history.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace agentcmd::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::array<std::string_view, 2> streams{"stdout", "stderr"};

std::string folder_name(const std::string& key) {
  return join(split(key, '/'), "__");
}

// The step whose attempt an event ends, or nullptr.
const history::StepKey* ended_step(const history::Detail& detail) {
  if (const auto* step = std::get_if<history::StepCompleted>(&detail)) return &step->key;
  if (const auto* step = std::get_if<history::StepFailed>(&detail)) return &step->key;
  if (const auto* step = std::get_if<history::StepTimedOut>(&detail)) return &step->key;
  if (const auto* step = std::get_if<history::StepCancelled>(&detail)) return &step->key;
  if (const auto* step = std::get_if<history::StepLost>(&detail)) return &step->key;
  return nullptr;
}

}  // namespace

void RunLog::add(std::span<const history::Event> events) {
  for (const auto& event : events) {
    last_seq_ = event.seq;
    if (const auto* created = std::get_if<history::RunCreated>(&event.detail)) {
      const auto request = parse_json(created->request.text, "request");
      const auto named = request ? string_or(*request, "agents") : "";
      agents_override_ = named.substr(0, named.find(':'));
    } else if (const auto* planned = std::get_if<history::StepScheduled>(&event.detail)) {
      scheduled(*planned);
    } else if (const auto* begun = std::get_if<history::StepStarted>(&event.detail)) {
      started(*begun);
    } else if (const auto* logged = std::get_if<history::Logged>(&event.detail)) {
      note("", logged->level, logged->message);
    } else if (const auto* annotated = std::get_if<history::Annotated>(&event.detail)) {
      note(annotated->key.text, "annotation", annotated->message);
    } else if (const auto* key = ended_step(event.detail)) {
      ended(*key);
    }
    over_ = over_ || history::is_end(event.detail);
  }
}

void RunLog::read_running() {
  for (auto& [key, attempt] : running_) drain(key, attempt, false);
}

void RunLog::finish() {
  for (auto& [key, attempt] : running_) drain(key, attempt, true);
  running_.clear();
}

bool RunLog::is_wanted(const std::string& key) const {
  return step_.empty() || names_step(step_, key);
}

void RunLog::scheduled(const history::StepScheduled& step) {
  if (step.type != "agent") return;
  const auto input = parse_json(step.input.text, "input");
  const auto config = input ? input->value("config", Json::object()) : Json::object();
  const auto name =
      agents_override_.empty() ? string_or(config, "agent", "claude") : agents_override_;
  const auto adapter = agents::find_adapter(name);
  if (adapter) agents_[step.key.text] = *adapter;
}

void RunLog::started(const history::StepStarted& step) {
  if (!is_wanted(step.key.text)) return;
  ended(step.key);  // an attempt of the same step that was given up
  const auto folder = logs_ / folder_name(step.key.text) / fmt::to_string(step.attempt);
  auto& attempt = running_[step.key.text];
  attempt.number = step.attempt;
  if (const auto agent = agents_.find(step.key.text); agent != agents_.end()) {
    attempt.agent = agent->second;
  }
  for (const auto stream : streams) {
    attempt.spools.push_back({std::string(stream), folder / stream, 0, ""});
  }
}

void RunLog::ended(const history::StepKey& key) {
  const auto found = running_.find(key.text);
  if (found == running_.end()) return;
  drain(key.text, found->second, true);
  running_.erase(found);
}

void RunLog::note(const std::string& step, const std::string& stream, const std::string& text) {
  if (!step_.empty() && !is_wanted(step)) return;
  for (const auto& line : split(text, '\n')) sink_({step, 0, stream, line});
}

// What an agent prints is made for its driver: people get the rendering.
void RunLog::emit(const std::string& key, const Attempt& attempt, const Spool& spool,
                  std::string line) {
  if (attempt.agent == nullptr || spool.stream != "stdout") {
    sink_({key, attempt.number, spool.stream, std::move(line)});
    return;
  }
  for (const auto& event : attempt.agent->parse(line)) {
    const auto shown = agents::render(event);
    if (shown.empty()) continue;
    for (auto& part : split(trim(shown), '\n')) {
      sink_({key, attempt.number, "agent", std::move(part)});
    }
  }
}

void RunLog::drain(const std::string& key, Attempt& attempt, bool to_the_end) {
  for (auto& spool : attempt.spools) {
    read(key, attempt, spool);
    if (!to_the_end || spool.partial.empty()) continue;
    emit(key, attempt, spool, std::exchange(spool.partial, ""));
  }
}

void RunLog::read(const std::string& key, const Attempt& attempt, Spool& spool) {
  const int fd = open(spool.file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;  // steps that start no process have no spool
  std::array<char, 64 * 1024> piece{};
  while (true) {
    const auto count = pread(fd, piece.data(), piece.size(), static_cast<off_t>(spool.offset));
    if (count <= 0) break;
    spool.offset += static_cast<std::uint64_t>(count);
    spool.partial.append(piece.data(), static_cast<std::size_t>(count));
    std::size_t begin = 0;
    for (auto end = spool.partial.find('\n'); end != std::string::npos;
         end = spool.partial.find('\n', begin)) {
      emit(key, attempt, spool, spool.partial.substr(begin, end - begin));
      begin = end + 1;
    }
    spool.partial.erase(0, begin);
  }
  close(fd);
}

bool names_step(std::string_view named, std::string_view key) {
  if (!key.ends_with(named)) return false;
  return key.size() == named.size() || key[key.size() - named.size() - 1] == '/';
}

fs::path logs_folder(const fs::path& project, const history::RunId& run) {
  return project / ".agent" / "workflows" / "executions" / run.text / "logs";
}

}  // namespace agentcmd::cli
