#include "projects/compatibility.h"

#include "async/settled.h"
#include "base/fault.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <system_error>
#include <utility>

namespace agentcmd::projects {

namespace fs = std::filesystem;
using runtime::Replayer;
using runtime::ReplayVerdict;

namespace {

// How far back ended runs are looked for.
constexpr std::size_t page_size = 200;
constexpr std::size_t pages_max = 25;

const Definition* definition_of(const std::vector<Definition>& definitions,
                                const store::RunRow& run) {
  const auto by_file = std::ranges::find(definitions, run.file, &Definition::file);
  if (by_file != definitions.end()) return &*by_file;
  const auto by_id = std::ranges::find_if(definitions, [&](const Definition& one) {
    return one.info && one.info->id == run.definition;
  });
  return by_id == definitions.end() ? nullptr : &*by_id;
}

Task<std::vector<store::RunRow>> ended_runs(store::Store& store, fs::path project,
                                            std::size_t recent) {
  std::vector<store::RunRow> ended;
  if (recent == 0) co_return ended;
  std::map<std::string, std::size_t> taken;
  store::RunFilter filter{.project = project.string(), .limit = page_size};
  for (std::size_t page = 0; page < pages_max; ++page) {
    const auto rows = co_await store.catalog().runs(filter);
    for (const auto& run : rows) {
      if (!store::is_terminal(run.status)) continue;
      if (++taken[run.definition] <= recent) ended.push_back(run);
    }
    if (rows.size() < page_size) break;
    filter.before = rows.back().id.text;
  }
  co_return ended;
}

Task<std::vector<store::RunRow>> runs_to_check(store::Store& store, fs::path project,
                                               std::size_t recent) {
  std::vector<store::RunRow> runs;
  for (auto& run : co_await store.catalog().unfinished()) {
    if (run.project == project.string()) runs.push_back(std::move(run));
  }
  for (auto& run : co_await ended_runs(store, std::move(project), recent)) {
    runs.push_back(std::move(run));
  }
  co_return runs;
}

Task<Result<ReplayVerdict>> check_run(Replayer& replayer, store::Store& store,
                                      const Definition* definition, store::RunRow run) {
  if (definition == nullptr) {
    co_return ReplayVerdict{
        .failure = fmt::format("the project has no definition '{}' any more", run.definition)};
  }
  if (!definition->usable()) co_return ReplayVerdict{.failure = definition->error};
  // A run that cannot be read is this run's trouble, and no reason to leave out the others.
  std::string damage;
  std::vector<history::Event> events;
  try {
    events = co_await store.log().read(run.id, 0);
  } catch (const Fault& fault) {
    damage = fault.what();
  }
  if (!damage.empty()) co_return ReplayVerdict{.failure = damage};
  co_return co_await replayer.check(run.id, std::move(events), *definition->bundle);
}

Task<Result<std::vector<RunCheck>>> check_all(Replayer& replayer, store::Store& store,
                                              fs::path project, std::vector<Definition> definitions,
                                              std::size_t recent) {
  std::vector<RunCheck> checks;
  for (auto& run : co_await runs_to_check(store, std::move(project), recent)) {
    auto verdict = co_await check_run(replayer, store, definition_of(definitions, run), run);
    if (!verdict) co_return tl::unexpected(verdict.error());
    checks.push_back({.run = std::move(run), .verdict = *std::move(verdict)});
  }
  co_return checks;
}

// The task's value, after the replayer that it used was stopped, however it ended.
template <typename T>
Task<T> finally_stop(Replayer& replayer, Task<T> task) {
  auto ended = co_await settle(std::move(task));
  co_await replayer.stop();
  co_return ended.take();
}

}  // namespace

Task<Result<script::Bundle>> code_now(Loader loader, store::RunRow run) {
  const fs::path project = run.project;
  std::error_code error;
  const bool is_there = fs::is_regular_file(project / run.file, error);
  auto definition = co_await resolve_definition(std::move(loader), project, project,
                                                is_there ? run.file : run.definition);
  if (!definition) co_return tl::unexpected(definition.error());
  co_return *std::move(definition->bundle);
}

Task<Result<ReplayVerdict>> replay(Loader loader, history::RunId run,
                                   std::vector<history::Event> events, script::Bundle bundle) {
  Replayer replayer(loader.executor, loader.libexec);
  co_return co_await finally_stop(
      replayer, replayer.check(std::move(run), std::move(events), std::move(bundle)));
}

Task<Result<JsonText>> query(Loader loader, history::RunId run, std::vector<history::Event> events,
                             script::Bundle bundle, std::string name, JsonText args) {
  Replayer replayer(loader.executor, loader.libexec);
  co_return co_await finally_stop(
      replayer, replayer.query(std::move(run), std::move(events), std::move(bundle),
                               std::move(name), std::move(args)));
}

Task<Result<std::vector<RunCheck>>> check_runs(Loader loader, store::Store& store, fs::path project,
                                               std::vector<Definition> definitions,
                                               std::size_t recent) {
  Replayer replayer(loader.executor, loader.libexec);
  co_return co_await finally_stop(
      replayer, check_all(replayer, store, std::move(project), std::move(definitions), recent));
}

}  // namespace agentcmd::projects
