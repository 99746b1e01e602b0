#include "runtime/retention.h"

#include "async/blocking.h"
#include "base/limits.h"
#include "process/attempt_files.h"
#include "workspace/run_traces.h"

#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace agentcmd::runtime {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using history::RunId;
using store::EndedRun;

// Ids name folders that are removed: nothing but letters and digits may come this far.
bool is_plain(const std::string& id) {
  return !id.empty() && std::ranges::all_of(id, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0;
  });
}

fs::path folder_of(const std::string& project, const RunId& run) {
  return fs::path(project) / ".agent/workflows/executions" / run.text;
}

// As `du --apparent-size` counts files. What cannot be read counts nothing.
std::uint64_t bytes_below(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator walk(folder, options, error), end; !error && walk != end;
       walk.increment(error)) {
    struct stat status{};
    if (lstat(walk->path().c_str(), &status) == 0 && !S_ISDIR(status.st_mode)) {
      bytes += static_cast<std::uint64_t>(status.st_size);
    }
  }
  return bytes;
}

// Of a run that has ended: what was started by hand in its place, or could not be killed.
bool has_live_process(const fs::path& run_folder) {
  std::error_code error;
  for (const auto& step : fs::directory_iterator(run_folder / "logs", error)) {
    std::error_code none;
    for (const auto& attempt : fs::directory_iterator(step.path(), none)) {
      if (attempt.is_directory(none) && process::is_locked(attempt.path())) return true;
    }
  }
  return false;
}

// Empty when it is gone.
std::string remove_folder(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  std::error_code unknown;
  if (!fs::exists(fs::symlink_status(folder, unknown))) return {};
  return fmt::format("'{}' cannot be removed: {}", folder.native(),
                     error ? error.message() : "it is being written to");
}

std::vector<EndedRun> chosen_by(const RetentionPolicy& policy, std::vector<EndedRun> newest_first,
                                Time now) {
  std::map<std::string, std::size_t> seen;  // by project
  std::vector<EndedRun> chosen;
  if (!policy.is_set()) return chosen;
  for (auto& run : newest_first) {
    const bool is_kept_by_count = policy.keep && ++seen[run.project] <= *policy.keep;
    const bool is_too_young = policy.older_than && now - run.ended_at < *policy.older_than;
    if (!is_kept_by_count && !is_too_young) chosen.push_back(std::move(run));
  }
  return chosen;
}

class Deletion {
 public:
  Deletion(asio::any_io_executor executor, store::Store& store, store::Home home)
      : executor_(std::move(executor)), store_(store), home_(std::move(home)), pool_(1) {}

  // Those of `runs` that nothing keeps; why the others stay goes into the report.
  Task<> examine(std::vector<EndedRun> runs) {
    for (auto& run : runs) {
      auto why = co_await reason_to_keep(run);
      if (why.empty()) {
        auto weighed = co_await weigh(std::move(run));
        report_.deleted.push_back(std::move(weighed));
      } else {
        report_.kept.push_back({run.id, std::move(why)});
      }
    }
  }

  Task<> estimate() {
    report_.garbage = co_await store_.retention().garbage_without(ids(report_.deleted));
  }

  Task<> carry_out(Time now) {
    const auto wanted = std::exchange(report_.deleted, {});
    for (std::size_t from = 0; from < wanted.size(); from += limits::forgotten_at_once_max) {
      const auto to = std::min(from + limits::forgotten_at_once_max, wanted.size());
      std::vector<DeletedRun> batch(wanted.begin() + static_cast<std::ptrdiff_t>(from),
                                    wanted.begin() + static_cast<std::ptrdiff_t>(to));
      co_await delete_batch(std::move(batch), now);
    }
    co_await sweep();
    report_.compacted = co_await store_.retention().compact();
  }

  // Writers rely on files for the time of a commit: there is a gap between two soon. A backup takes
  // longer, and is not waited for.
  Task<> sweep() {
    for (int i = 0; i < limits::sweep_tries_max; ++i) {
      report_.garbage = co_await store_.retention().sweep();
      if (!report_.garbage.in_use) co_return;
      asio::steady_timer timer(executor_, limits::sweep_wait);
      co_await timer.async_wait(use_task);
    }
  }

  Task<std::size_t> finish_earlier() {
    auto left = co_await store_.retention().leftovers();
    const auto before = report_.unfinished.size();
    const auto count = left.size();
    co_await remove_files(std::move(left));
    co_return count - (report_.unfinished.size() - before);
  }

  PruneReport& report() { return report_; }

 private:
  static std::vector<RunId> ids(const std::vector<DeletedRun>& runs) {
    std::vector<RunId> ids;
    for (const auto& run : runs) ids.push_back(run.run.id);
    return ids;
  }

  // Read once for each project: a process of git for each run would take longer than all the rest.
  Task<Result<workspace::RunTraces>> traces_of(std::string project) {
    const auto known = traces_.find(project);
    if (known != traces_.end()) co_return known->second;
    auto traces = co_await workspace::find_traces(executor_, pool_, project);
    co_return traces_.emplace(project, std::move(traces)).first->second;
  }

  Task<std::string> reason_to_keep(EndedRun run) {
    if (!run.needed.empty()) co_return run.needed;
    if (!is_plain(run.id.text)) co_return std::string("its id is none of agentcmd's");
    const auto folder = folder_of(run.project, run.id);
    const bool lives = co_await pool_.run([folder] { return has_live_process(folder); });
    if (lives) co_return std::string("a process of it still runs");
    const auto traces = co_await traces_of(run.project);
    if (!traces) co_return traces.error().message;
    const auto unsaved = co_await workspace::unsaved_work(executor_, pool_, *traces, run.id.text);
    co_return unsaved ? *unsaved : unsaved.error().message;
  }

  Task<DeletedRun> weigh(EndedRun run) {
    DeletedRun weighed;
    weighed.history_bytes = co_await store_.retention().bytes_of(run.id);
    const auto folder = folder_of(run.project, run.id);
    weighed.file_bytes = co_await pool_.run([folder] { return bytes_below(folder); });
    const auto traces = co_await traces_of(run.project);
    if (traces) {
      for (const auto& worktree : workspace::worktrees_of(*traces, run.id.text)) {
        weighed.worktree_bytes += co_await pool_.run([worktree] { return bytes_below(worktree); });
      }
    }
    weighed.run = std::move(run);
    co_return weighed;
  }

  Task<> delete_batch(std::vector<DeletedRun> batch, Time now) {
    const auto refused = co_await store_.retention().forget(ids(batch), now);
    std::set<RunId> stay;
    for (const auto& refusal : refused) {
      stay.insert(refusal.run);
      report_.kept.push_back({refusal.run, refusal.why});
    }
    std::vector<store::Leftover> left;
    for (auto& run : batch) {
      if (stay.contains(run.run.id)) continue;
      left.push_back({run.run.id, run.run.project});
      report_.deleted.push_back(std::move(run));
    }
    co_await remove_files(std::move(left));
  }

  Task<> remove_files(std::vector<store::Leftover> left) {
    std::vector<RunId> done;
    for (auto& run : left) {
      const auto id = run.run;
      auto why = co_await remove_files_of(std::move(run));
      if (why.empty()) {
        done.push_back(id);
      } else {
        report_.unfinished.push_back({id, std::move(why)});
      }
    }
    if (!done.empty()) co_await store_.retention().files_removed(std::move(done));
  }

  // Why not all is gone. A worktree in which somebody has worked since it was looked at stays, and
  // is tried again.
  Task<std::string> remove_files_of(store::Leftover left) {
    if (!is_plain(left.run.text)) co_return std::string();
    const auto traces = co_await traces_of(left.project);
    if (!traces) co_return traces.error().message;
    const auto removed =
        co_await workspace::remove_traces(executor_, pool_, *traces, left.run.text);
    if (!removed) co_return removed.error().message;
    const auto folder = folder_of(left.project, left.run);
    const auto log = home_.logs() / (left.run.text + ".log");
    co_return co_await pool_.run([folder, log] {
      auto why = remove_folder(folder);
      return why.empty() ? remove_folder(log) : why;
    });
  }

  // Constant after construction.
  asio::any_io_executor executor_;
  store::Store& store_;
  store::Home home_;

  BlockingPool pool_;
  std::map<std::string, Result<workspace::RunTraces>> traces_;
  PruneReport report_;
};

bool is_in_scope(const PruneOptions& options, const store::RunRow& run, Time now) {
  return (options.project.empty() || run.project == options.project) && options.policy.older_than &&
         now - run.created_at >= *options.policy.older_than;
}

}  // namespace

Task<PruneReport> prune_runs(asio::any_io_executor executor, store::Store& store, Clock& clock,
                             PruneOptions options) {
  const auto now = clock.now();
  Deletion deletion(std::move(executor), store, options.home);
  auto& report = deletion.report();
  if (!options.dry_run) report.finished = co_await deletion.finish_earlier();
  auto ended = co_await store.retention().ended(options.project);
  co_await deletion.examine(chosen_by(options.policy, std::move(ended), now));
  for (const auto& run : co_await store.catalog().unfinished()) {
    if (!is_in_scope(options, run, now)) continue;
    report.kept.push_back(
        {run.id, fmt::format("it has not ended ({})", store::to_string(run.status))});
  }
  if (options.dry_run) {
    co_await deletion.estimate();
  } else {
    co_await deletion.carry_out(now);
  }
  co_return std::move(report);
}

Task<PruneReport> delete_runs(asio::any_io_executor executor, store::Store& store, Clock& clock,
                              store::Home home, std::vector<RunId> runs) {
  Deletion deletion(std::move(executor), store, home);
  auto& report = deletion.report();
  report.finished = co_await deletion.finish_earlier();
  const std::set<RunId> wanted(runs.begin(), runs.end());
  std::set<RunId> found;
  std::vector<EndedRun> chosen;
  for (auto& run : co_await store.retention().ended("")) {
    if (!wanted.contains(run.id)) continue;
    found.insert(run.id);
    chosen.push_back(std::move(run));
  }
  for (const auto& run : wanted) {
    if (!found.contains(run)) report.kept.push_back({run, "it has not ended"});
  }
  co_await deletion.examine(std::move(chosen));
  co_await deletion.carry_out(clock.now());
  co_return std::move(report);
}

Task<PruneReport> finish_deletions(asio::any_io_executor executor, store::Store& store,
                                   store::Home home) {
  Deletion deletion(std::move(executor), store, std::move(home));
  auto& report = deletion.report();
  report.finished = co_await deletion.finish_earlier();
  co_return std::move(report);
}

}  // namespace agentcmd::runtime
