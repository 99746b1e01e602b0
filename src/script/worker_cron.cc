// When schedules are due: croner in a context of its own (sdk/src/cron.ts).

#include "base/fault.h"
#include "base/json_slice.h"
#include "script/worker_program.h"

#include <fmt/format.h>

namespace agentcmd::script {

// The questions name the answer, as the hash of a bundle does elsewhere.
void WorkerProgram::cron(std::string_view frame) {
  const auto questions = member(frame, "questions");
  make_spare();
  std::string answer = fmt::format(R"({{"t":"due","questions":{},)", questions);
  vm_.watchdog->begin(0, fmt::format(R"({{"t":"gave_up","questions":{},)", questions));
  try {
    if (!cron_script_) {
      if (cron_.empty()) {
        throw CodeThrew{.name = "Error",
                        .message = "cron.js is missing beside the worker: install agentcmd again",
                        .stack = {},
                        .place = {}};
      }
      std::string error;
      cron_script_.emplace(vm_.group, "agentcmd:cron", cron_, error);
      if (!error.empty()) throw Fault("cron.js cannot be parsed: " + error);
    }
    Code asked(vm_.group, "agentcmd:questions", unquote(questions), "");
    const auto context = make_context(asked);
    answer +=
        fmt::format(R"("answers":{}}})", quote(context->apply_to_source(cron_script_->get())));
  } catch (const CodeThrew& thrown) {
    answer += fmt::format(R"("error":{}}})", quote(thrown.message));
  } catch (const CodeStopped& stop) {
    answer += fmt::format(R"("error":{}}})", quote(stop.message));
  }
  vm_.watchdog->end();
  channel_.send(answer);
}

}  // namespace agentcmd::script
