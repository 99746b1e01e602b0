#pragma once
// What the worker does with the frames of protocol.md.

#include "script/worker_channel.h"
#include "script/worker_context.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace agentcmd::script {

class WorkerProgram final : public ContextPort {
 public:
  // `analyze`, `cron`: sources of analyze.js and cron.js; empty if they are not there.
  WorkerProgram(Vm& vm, WorkerChannel& channel, std::string analyze, std::string cron);
  ~WorkerProgram() override;

  // Makes the first context, which the process must have before it is sealed.
  void prepare();
  void make_spare();

  // Handles frames until the driver is gone.
  void run();

 private:
  struct Run {
    std::string id;  // as JSON string
    std::unique_ptr<RunContext> context;
    bool loaded = false;
    std::int64_t heap = 0;              // what the process has grown by while this run's code ran
    std::string commands;               // of the next completion, between commas
    std::vector<std::string> closures;  // keys of those that may begin
    std::set<std::string> known;        // of those that need not, ever
  };
  // The answer to the activation in progress.
  struct Answer {
    Run* run = nullptr;
    bool beginning_closures = false;  // all jobs are applied
    bool sent = false;
    bool over = false;      // the code has said how the run ends
    bool stays = false;     // a closure threw, or was a probe: what follows is not for us to say
    std::size_t begun = 0;  // closures
    std::size_t ended = 0;
    std::string closures;
    std::string rounds;  // before the one that is being made
  };
  struct PendingEffect {
    std::string run;
    std::uint32_t id = 0;  // of the run's SDK
  };

  void handle(const std::string& frame);
  void keep_code(std::string_view frame);
  void describe(std::string_view frame);
  void check(std::string_view frame);
  void cron(std::string_view frame);
  void activate(std::string_view frame);
  static void keep_known(Run& run, std::string_view keys);
  void apply(Run& run, std::string_view frame);
  void begin_closures(Run& run);
  void run_ahead(Run& run, std::string_view frame);
  void end_round(Run& run);
  void query(std::string_view frame);
  void answer_effect(std::string_view frame);
  void evict(std::string_view frame);

  std::unique_ptr<RunContext> make_context(Code& code);
  Run& find_or_make_run(std::string_view id, std::string_view frame);
  Code& find_code(std::string_view id);
  void within(Run& run, const std::function<void()>& work);
  void counted(Run& run, const std::function<void()>& work);
  void stop_run(const std::string& id, const CodeStopped& stop);
  void send_completion();
  std::string cancel_arguments(std::string_view args) const;
  std::uint64_t send_effect(const EffectRequest& request, bool synchronous);
  std::string findings_json(Code& code, const std::string& findings);

  // ContextPort, for the code of current_.
  void command(std::string_view json, std::string closure) override;
  void closure_ended(std::string_view json) override;
  void effect(EffectRequest request) override;
  std::string effect_sync(EffectRequest request) override;

  Vm& vm_;
  WorkerChannel& channel_;
  const std::string analyze_;
  std::optional<JsScript> analyze_script_;
  const std::string cron_;
  std::optional<JsScript> cron_script_;
  std::unique_ptr<RunContext> spare_;  // for the next run, made while there is nothing else to do
  std::int64_t spare_bytes_ = 0;       // what the process has grown by with it
  std::unordered_map<std::string, std::unique_ptr<Code>> codes_;
  std::unordered_map<std::string, Run> runs_;
  std::unordered_map<std::uint64_t, PendingEffect> effects_;
  std::uint64_t last_effect_ = 0;
  Run* current_ = nullptr;  // whose code is running
  Answer answer_;
};

}  // namespace agentcmd::script
