#pragma once
// What the commands that execute a run share: run, runs resume, runs fork, runs retry.

#include "async/task.h"
#include "base/result.h"
#include "cli/run_view.h"
#include "cli/services.h"

#include <filesystem>
#include <optional>
#include <string>
#include <variant>

namespace agentcmd::cli {

struct FreshRun {
  runtime::NewRun run;
  runtime::StartPolicy policy;
};
struct TakenOver {
  history::RunId run;
  std::string code_hash;  // of the code that it changes to; empty: it keeps its own
};
// What a driver is started for: a run to be made, or one to be taken over.
using Target = std::variant<FreshRun, TakenOver>;

// Drives it as execute_run() does, and says how to exit.
Task<int> with_driver(Services& services, ViewKind kind, Target target);

ViewKind view_kind(bool json, bool quiet);

// The text of --args: itself, or the content of @FILE (@- is stdin).
Result<std::optional<std::string>> args_text(const std::optional<std::string>& typed,
                                             const std::filesystem::path& cwd);

}  // namespace agentcmd::cli
