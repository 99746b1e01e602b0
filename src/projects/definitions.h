#pragma once
// The workflow definitions of a project: found, bundled, and asked in a worker what they declare. A
// file that cannot be loaded is listed with its error and disturbs no other.

#include "async/task.h"
#include "base/result.h"
#include "script/bundle.h"
#include "script/worker.h"

#include <boost/asio/any_io_executor.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::projects {

// Exactly one of `info` (with `bundle`) and `error` is set, save for a file whose id another file
// has too, or whose argsSchema or a schedule cannot be used: that one has all three.
struct Definition {
  std::string file;  // relative to the project where it lies within, else absolute
  std::optional<script::Bundle> bundle;
  std::optional<script::WorkflowInfo> info;
  std::string error;                      // "file:line:column: reason", or "file: reason"
  std::vector<script::Finding> findings;  // when asked for

  bool usable() const { return error.empty(); }
};

struct Loader {
  boost::asio::any_io_executor executor;
  std::filesystem::path libexec;
  std::filesystem::path bundles;  // where bundles are kept
};

enum class Findings { no, yes };

// The definition files of a project, sorted: .ts and .js below its definitions folder, without
// declaration files (.d.ts), hidden folders and node_modules. Absolute paths.
std::vector<std::filesystem::path> definition_files(const std::filesystem::path& project);

// All of them, in that order; and with their errors, links that lead nowhere and folders that
// cannot be read.
Task<std::vector<Definition>> load_definitions(Loader loader, std::filesystem::path project,
                                               Findings findings);

// The definition that the user means: a path (absolute, or relative to `cwd` or to the project) or
// the id of one of the project's. not_found names the closest; invalid_argument says why it cannot
// be loaded. Only files that look like having the id are waited for; so it may go unnoticed that
// another one, which computes its id, has the same.
Task<Result<Definition>> resolve_definition(Loader loader, std::filesystem::path project,
                                            std::filesystem::path cwd, std::string wanted);

// What a kept bundle declares. invalid_argument when it cannot be loaded.
Task<Result<script::WorkflowInfo>> describe_bundle(Loader loader, script::Bundle bundle);

}  // namespace agentcmd::projects
