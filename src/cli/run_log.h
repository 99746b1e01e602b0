#pragma once
// What a run's steps printed, put together from its history (which steps, in which order, and the
// notes between them) and the spool files of their attempts. It can be asked again for what came
// since.

#include "agents/agent.h"
#include "history/event.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::cli {

// A line, without its end.
struct LogLine {
  std::string step;  // key; empty for a note of the workflow itself
  std::uint32_t attempt = 0;
  std::string
      stream;  // "stdout", "stderr", "agent" (rendered), "info", "warn", "error", "annotation"
  std::string text;  // bytes as they were printed
};

class RunLog {
 public:
  using Sink = std::function<void(LogLine)>;

  // `logs`: the run's folder of spool files. `step`: only the steps whose key is this or ends in
  // "/" and this; empty for all.
  RunLog(std::filesystem::path logs, std::string step, Sink sink)
      : logs_(std::move(logs)), step_(std::move(step)), sink_(std::move(sink)) {}

  // Lines of events that follow those given before; steps that end with them are read to their end.
  void add(std::span<const history::Event> events);
  // Complete lines that steps which still run have printed since.
  void read_running();
  // All of it, also a last line without end.
  void finish();

  std::uint64_t last_seq() const { return last_seq_; }
  // Whether the events say that nothing more comes: the run has ended.
  bool is_over() const { return over_; }

 private:
  struct Spool {
    std::string stream;
    std::filesystem::path file;
    std::uint64_t offset = 0;
    std::string partial;
  };
  struct Attempt {
    std::uint32_t number = 1;
    const agents::Adapter* agent = nullptr;  // whose output stdout is
    std::vector<Spool> spools;
  };

  bool is_wanted(const std::string& key) const;
  void scheduled(const history::StepScheduled& step);
  void started(const history::StepStarted& step);
  void ended(const history::StepKey& key);
  void note(const std::string& step, const std::string& stream, const std::string& text);
  void read(const std::string& key, const Attempt& attempt, Spool& spool);
  void emit(const std::string& key, const Attempt& attempt, const Spool& spool, std::string line);
  void drain(const std::string& key, Attempt& attempt, bool to_the_end);

  const std::filesystem::path logs_;
  const std::string step_;
  const Sink sink_;
  std::uint64_t last_seq_ = 0;
  bool over_ = false;
  std::string agents_override_;                           // the agent in the place of all others
  std::map<std::string, const agents::Adapter*> agents_;  // of agent steps, by key
  std::map<std::string, Attempt> running_;                // by key
};

// Whether `named`, as it is typed, is this key or the end of it behind a '/'.
bool names_step(std::string_view named, std::string_view key);

// Where the spool files of a run lie.
std::filesystem::path logs_folder(const std::filesystem::path& project, const history::RunId& run);

}  // namespace agentcmd::cli
