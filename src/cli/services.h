#pragma once
// What commands need of the machine that app/ builds. The store is opened when a command first asks
// for it, so that commands which need no database touch none.

#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"
#include "cli/output.h"
#include "gateway/model_access.h"
#include "projects/definitions.h"
#include "projects/new_run.h"
#include "runtime/driver.h"
#include "runtime/retention.h"
#include "store/store.h"

#include <boost/asio/any_io_executor.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace agentcmd::cli {

// One setting as `agentcmd config` shows it; secrets are masked already.
struct SettingRow {
  std::string key;
  std::string value;  // empty when it is not set
  std::string source;
};

// Tells the waiting parent of `--detach` the id of the run; see detach.h.
class DetachedReport;

struct Services {
  boost::asio::any_io_executor executor;
  Output& output;
  Clock& clock;
  Random& random;
  store::Home home;
  std::filesystem::path libexec;
  std::filesystem::path cwd;
  steps::EnvironmentPolicy environment = steps::EnvironmentPolicy::inherit;  // of host steps
  runtime::RetentionPolicy retention = {};                                   // of the configuration
  runtime::SnapshotPolicy snapshots = runtime::SnapshotPolicy::worktree;
  std::vector<Secret> secrets;
  gateway::ModelAccess models = {};
  engine::FlowLimits limits;  // of runs at once
  std::vector<SettingRow> settings;
  std::string settings_problem = {};   // what is wrong with the settings, for doctor
  bool json = false;                   // of the command: what errors are on stdout
  bool wait_when_paused = false;       // --on-pause wait
  bool can_ask = false;                // on the terminal, what only a person can decide
  DetachedReport* detached = nullptr;  // set in the background process of --detach
  std::unique_ptr<store::Store> opened;
  bool run_started =
      false;  // a run exists or was taken over: it is no longer "nothing was started"

  // Throws Fault with the way out where the home or the database cannot be used.
  store::Store& store();
  projects::Loader loader() const { return {executor, libexec, home.bundles()}; }
  runtime::DriverOptions driver_options(runtime::Observer* observer) const {
    return {.home = home,
            .libexec = libexec,
            .environment = environment,
            .snapshots = snapshots,
            .secrets = secrets,
            .models = models,
            .observer = observer,
            .wait_when_paused = wait_when_paused,
            .wait_at_gates = can_ask,
            .make_run =
                [loader = loader()](std::filesystem::path project, std::string workflow,
                                    JsonText args) {
                  return projects::new_run(loader, std::move(project), std::move(workflow),
                                           std::move(args));
                },
            .limits = limits};
  }
};

}  // namespace agentcmd::cli
