// runs query: what the code of a run says of itself. It is asked in a replay of what is recorded
// (docs/decisions/0014), so that it does not matter whether anybody drives the run.

#include "cli/dispatch.h"
#include "history/export.h"
#include "projects/compatibility.h"
#include "script/bundle.h"

#include <utility>

namespace agentcmd::cli {
namespace {

// A text as it is, everything else as JSON.
std::string in_words(const JsonText& answer) {
  const auto json = parse_trusted(answer.text, "the answer to a query");
  return json.is_string() ? json.get<std::string>() : to_pretty_text(json);
}

Task<Result<JsonText>> answer_of(Services& services, RunsQueryCommand command) {
  auto args = validate_json(std::move(command.args), "--args");
  if (!args) co_return tl::unexpected(args.error());
  const auto run = co_await services.store().catalog().find_run(command.run);
  if (!run) co_return tl::unexpected(run.error());
  auto events = co_await services.store().log().read(run->id, 0);
  auto bundle = script::load_bundle(services.home.bundles(), history::pin_of(events));
  if (!bundle) co_return tl::unexpected(bundle.error());
  co_return co_await projects::query(services.loader(), run->id, std::move(events),
                                     *std::move(bundle), std::move(command.name), *std::move(args));
}

}  // namespace

Task<int> query_run(Services& services, RunsQueryCommand command) {
  const bool json = command.json;
  const auto answer = co_await answer_of(services, std::move(command));
  if (!answer) {
    const bool threw = answer.error().code == ErrorCode::failed_precondition;
    co_return refuse(services, answer.error(), threw ? ExitCode::failed : ExitCode::not_started);
  }
  services.output.out((json ? answer->text : in_words(*answer)) + "\n");
  co_return static_cast<int>(ExitCode::ok);
}

}  // namespace agentcmd::cli
