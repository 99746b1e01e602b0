#include "async/deadline.h"
#include "base/secret.h"
#include "base/text.h"
#include "cli/dispatch.h"
#include "cli/exit_code.h"
#include "cli/interrupted.h"
#include "cli/run_log.h"
#include "cli/text_width.h"

#include <fmt/format.h>

namespace agentcmd::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto follow_interval = 150ms;

Json to_json(const LogLine& line) {
  Json json{{"step", line.step.empty() ? Json() : Json(line.step)}};
  json["attempt"] = line.attempt == 0 ? Json() : Json(line.attempt);
  json["stream"] = line.stream;
  json["text"] = to_utf8(line.text);
  return json;
}

// How the lines are printed: for people, as one JSON array, or (while following) as one JSON object
// a line.
class LogPrinter {
 public:
  LogPrinter(Output& output, const RunsLogsCommand& command)
      : output_(output),
        json_(command.json),
        follow_(command.follow),
        bare_(!command.step.empty()) {}

  void print(const LogLine& line) {
    if (!json_) {
      output_.out(for_people(line) + "\n");
    } else if (follow_) {
      output_.out(to_text(to_json(line)) + "\n");
    } else {
      output_.out((first_ ? "[\n" : ",\n") + to_text(to_json(line)));
    }
    first_ = false;
  }

  void finish() {
    if (json_ && !follow_) output_.out(first_ ? "[]\n" : "\n]\n");
  }

 private:
  std::string for_people(const LogLine& line) const {
    const auto text = output_.out_is_terminal() ? printable(line.text) : line.text;
    if (bare_) return text;
    const bool is_note = line.attempt == 0;
    return fmt::format("[{}]{}{}", is_note ? line.stream : line.step, text.empty() ? "" : " ",
                       text);
  }

  Output& output_;
  const bool json_;
  const bool follow_;
  const bool bare_;
  bool first_ = true;
};

// Reads on until the run is over or nobody executes it.
Task<> follow(Services& services, store::RunRow run, RunLog& log) {
  auto& store = services.store();
  while (!log.is_over()) {
    const auto now = co_await store.catalog().find_run(run.id.text);
    const bool abandoned = now && is_interrupted(services, *now);
    log.add(co_await store.log().read(run.id, log.last_seq()));
    log.read_running();
    if (abandoned || !now) co_return;
    if (!log.is_over()) co_await sleep_until(deadline_in(follow_interval));
  }
}

}  // namespace

Task<int> show_logs(Services& services, RunsLogsCommand command) {
  auto& store = services.store();
  const auto run = co_await store.catalog().find_run(command.run);
  if (!run) co_return refuse(services, run.error());
  LogPrinter printer(services.output, command);
  RunLog log(logs_folder(run->project, run->id), command.step, [&](LogLine line) {
    line.text = redact(line.text, services.secrets);
    printer.print(line);
  });
  log.add(co_await store.log().read(run->id, 0));
  if (command.follow) co_await follow(services, *run, log);
  log.finish();
  printer.finish();
  co_await mention_interrupted(services);
  co_return static_cast<int>(ExitCode::ok);
}

}  // namespace agentcmd::cli
