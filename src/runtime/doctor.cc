#include "runtime/doctor.h"

#include "async/blocking.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/run_state.h"
#include "process/process_identity.h"
#include "process/unique_fd.h"
#include "runtime/driver.h"
#include "runtime/ownership.h"
#include "runtime/retention.h"
#include "script/bundle.h"
#include "steps/environment.h"
#include "workspace/run_traces.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

namespace agentcmd::runtime {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using store::Finding;
using store::Severity;

// A file below drivers/ that belongs to no process any more.
bool is_stale(const store::Home& home, const fs::path& file) {
  const auto driver = file.extension() == ".sock" ? file.stem().string() : file.filename().string();
  return !is_driver_alive(home, driver);
}

// Old enough that it is not a driver's that is about to take its lock.
bool is_old(const fs::path& file) {
  std::error_code gone;
  const auto written = fs::last_write_time(file, gone);
  return !gone && written + limits::stale_driver_min < fs::file_time_type::clock::now();
}

std::vector<fs::path> stale_driver_files(const store::Home& home) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(home.drivers(), error)) {
    if (is_stale(home, entry.path()) && is_old(entry.path())) files.push_back(entry.path());
  }
  return files;
}

void remove_stale(const store::Home& home, const std::vector<fs::path>& files) {
  for (const auto& file : files) {
    if (is_stale(home, file)) unlink(file.c_str());
  }
}

struct RunProcess {
  int pid = 0;
  std::string run;
};

std::string variable_of(std::string_view environment, std::string_view name) {
  for (const auto& entry : split(environment, '\0')) {
    if (entry.starts_with(name)) return entry.substr(name.size());
  }
  return {};
}

// Everything of steps that we may look at; processes of other users are theirs.
std::vector<RunProcess> step_processes() {
  std::vector<RunProcess> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const auto name = entry.path().filename().string();
    int pid = 0;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failed != std::errc() || end != name.data() + name.size() || pid == getpid()) continue;
    const auto environment = process::read_kernel_text(entry.path() / "environ");
    auto run = variable_of(environment, "AGENTCMD_RUN=");
    if (!run.empty()) found.push_back({pid, std::move(run)});
  }
  return found;
}

class Doctor {
 public:
  Doctor(asio::any_io_executor executor, DoctorOptions options, std::function<store::Store&()> open)
      : executor_(std::move(executor)),
        options_(std::move(options)),
        open_(std::move(open)),
        pool_(1) {}

  Task<Checkup> examine() {
    co_await verify();
    if (checkup_.store.is_readable) co_await repair_store();
    for (const auto& finding : checkup_.store.findings) add(finding);
    examine_bundles();
    co_await examine_drivers();
    co_await examine_processes();
    co_await examine_projects();
    checkup_.surroundings =
        co_await examine_surroundings(executor_, options_.libexec, options_.home);
    for (const auto& finding : checkup_.surroundings.findings) add(finding);
    checkup_.agents = examine_agents(checkup_.surroundings.tools, steps::step_environment());
    for (const auto& finding : findings_about(checkup_.agents)) add(finding);
    co_return std::move(checkup_);
  }

 private:
  void add(Finding finding) { checkup_.findings.push_back(std::move(finding)); }

  Task<> verify() {
    checkup_.store = co_await pool_.run([home = options_.home] {
      return store::verify_store(
          home, [](const std::vector<history::Event>& events) { engine::state_of(events); });
    });
    for (const auto& run : checkup_.store.runs) runs_.emplace(run.id.text, &run);
  }

  // What was mended is found no more.
  Task<> repair_store() {
    const bool differ = checkup_.store.projections_differ;
    bool changed = false;
    if (options_.rebuild || (options_.fix && differ)) {
      co_await open_().catalog().rebuild();
      checkup_.repaired.emplace_back("what is shown of runs was made again from their histories");
      changed = true;
    }
    if (options_.fix && !checkup_.store.leftovers.empty()) {
      const auto report = co_await finish_deletions(executor_, open_(), options_.home);
      for (const auto& left : report.unfinished) {
        add({.check = "deletions",
             .what =
                 fmt::format("files of the deleted run {} are left: {}", left.run.text, left.why),
             .meaning = "it is gone from the history; its files take space",
             .action = "remove what is in the way, then agentcmd doctor --fix"});
      }
      checkup_.repaired.push_back(fmt::format("{} deletions were finished", report.finished));
      changed = true;
    }
    if (options_.fix && checkup_.store.garbage != store::Garbage{}) {
      const auto swept = co_await open_().retention().sweep();
      checkup_.repaired.push_back(
          fmt::format("{} blobs and {} bundles that nothing refers to were "
                      "removed",
                      swept.blobs, swept.bundles));
      changed = true;
    }
    if (!changed) co_return;
    runs_.clear();
    co_await verify();
  }

  void examine_bundles() {
    std::map<std::string, std::vector<std::string>> needed;  // unfinished runs, by bundle
    for (const auto& run : checkup_.store.runs) {
      if (!run.ended) needed[run.code_hash].push_back(run.id.text);
    }
    for (const auto& [hash, runs] : needed) {
      std::string what;
      try {
        const auto bundle = script::load_bundle(options_.home.bundles(), hash);
        if (!bundle) what = bundle.error().message;
      } catch (const Fault& fault) {
        what = fault.what();
      }
      if (what.empty()) continue;
      add({.check = "bundles",
           .what = std::move(what),
           .meaning = fmt::format("the code that {} pinned to is lost: {}",
                                  runs.size() == 1 ? "an unfinished run is" : "unfinished runs are",
                                  join(runs, ", ")),
           .action = "agentcmd runs resume RUN --code now goes on with the definition as it is, or "
                     "take the file from a backup"});
    }
  }

  Task<> examine_drivers() {
    const auto home = options_.home;
    checkup_.drivers = live_drivers(home).size();
    const auto stale = co_await pool_.run([home] { return stale_driver_files(home); });
    if (!stale.empty() && options_.fix) {
      remove_stale(home, stale);
      checkup_.repaired.push_back(
          fmt::format("{} files of dead drivers were removed", stale.size()));
    } else if (!stale.empty()) {
      add({.check = "drivers",
           .severity = Severity::note,
           .what = fmt::format("{} file{} of drivers that are dead", stale.size(),
                               stale.size() == 1 ? "" : "s"),
           .meaning = "they were killed; what they drove can be resumed, and the files do no harm",
           .action = "agentcmd doctor --fix removes them"});
    }
    std::vector<std::string> interrupted;
    for (const auto& run : checkup_.store.runs) {
      if (!run.ended && !is_driver_alive(home, run.driver)) interrupted.push_back(run.id.text);
    }
    if (interrupted.empty()) co_return;
    constexpr std::size_t named_max = 3;
    const auto count = interrupted.size();
    interrupted.resize(std::min(count, named_max));
    add({.check = "runs",
         .severity = Severity::note,
         .what = fmt::format("no process drives {} unfinished run{} ({}{})", count,
                             count == 1 ? "" : "s", join(interrupted, ", "),
                             count > named_max ? ", …" : ""),
         .meaning = "paused runs wait for you, others were interrupted; nothing of them is lost",
         .action = "agentcmd runs resume RUN, or agentcmd runs cancel RUN"});
  }

  Task<> examine_processes() {
    std::map<std::string, std::vector<std::string>> by_run;
    for (const auto& process : co_await pool_.run([] { return step_processes(); })) {
      const auto run = runs_.find(process.run);
      // Of an unknown run: it may be another home's.
      if (run == runs_.end() || !run->second->ended) continue;
      by_run[process.run].push_back(fmt::to_string(process.pid));
    }
    for (const auto& [run, pids] : by_run) {
      add({.check = "processes",
           .what = fmt::format("run {} has ended and {} of its processes still run{}: {}", run,
                               pids.size(), pids.size() == 1 ? "s" : "", join(pids, ", ")),
           .meaning = "they were started so that nothing could find them, or were started by hand",
           .action = "look at them (ps), then kill " + join(pids, " ")});
    }
  }

  Task<> examine_projects() {
    std::set<std::string> projects;
    for (const auto& run : checkup_.store.runs) projects.insert(run.project);
    std::set<std::string> deleted;
    for (const auto& left : checkup_.store.leftovers) deleted.insert(left.run.text);
    for (const auto& project : projects) {
      std::error_code error;
      if (project.empty() || !fs::is_directory(project, error)) continue;
      co_await examine_project(project, deleted);
    }
  }

  Task<> examine_project(std::string project, std::set<std::string> deleted) {
    std::set<std::string> strangers;  // ids of runs that this home does not know
    const auto look_at = [&](const std::string& run) {
      if (!runs_.contains(run) && !deleted.contains(run)) strangers.insert(run);
    };
    std::error_code error;
    const auto runs = fs::path(project) / ".agent/workflows/executions";
    for (const auto& entry : fs::directory_iterator(runs, error)) look_at(entry.path().filename());
    const auto traces = co_await workspace::find_traces(executor_, pool_, project);
    if (traces) {
      for (const auto& [run, records] : traces->workspaces) {
        if (!workspace::worktrees_of(*traces, run).empty()) look_at(run);
      }
      for (const auto& [run, refs] : traces->snapshots) look_at(run);
    }
    if (strangers.empty()) co_return;
    constexpr std::size_t named_max = 3;
    const auto count = strangers.size();
    std::vector<std::string> named(strangers.begin(), strangers.end());
    named.resize(std::min(count, named_max));
    add({.check = "projects",
         .severity = Severity::note,
         .what = fmt::format("{} has files, worktrees or snapshots of {} run{} that this home does "
                             "not know ({}{})",
                             project, count, count == 1 ? "" : "s", join(named, ", "),
                             count > named_max ? ", …" : ""),
         .meaning = "they belong to another home, or to runs of a home that was replaced",
         .action =
             fmt::format("where you know that they are of no use: remove their folders in {}, "
                         "their worktrees (git worktree list), and refs/agentcmd/RUN",
                         runs.string())});
  }

  // Constant after construction.
  asio::any_io_executor executor_;
  DoctorOptions options_;
  std::function<store::Store&()> open_;

  BlockingPool pool_;
  Checkup checkup_;
  std::map<std::string, const store::VerifiedRun*> runs_;
};

}  // namespace

Task<Checkup> examine(asio::any_io_executor executor, DoctorOptions options,
                      std::function<store::Store&()> open) {
  Doctor doctor(std::move(executor), std::move(options), std::move(open));
  co_return co_await doctor.examine();
}

std::vector<int> live_drivers(const store::Home& home) {
  std::vector<int> pids;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(home.drivers(), error)) {
    const auto driver = entry.path().filename().string();
    if (entry.path().extension() == ".sock" || !is_driver_alive(home, driver)) continue;
    pids.push_back(driver_pid(home, driver));
  }
  return pids;
}

}  // namespace agentcmd::runtime
