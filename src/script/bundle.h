#pragma once
// A definition as one piece of JavaScript with its source map, made by esbuild. A run is pinned to
// the hash of its bundle, and the bundle is kept as long as the run.

#include "async/task.h"
#include "base/result.h"

#include <boost/asio/any_io_executor.hpp>

#include <filesystem>
#include <string>

namespace agentcmd::script {

struct Bundle {
  std::string hash;  // SHA-256 of code
  std::string file;  // the definition, relative to the project
  std::string code;
  std::string map;  // source map, JSON; paths relative to the project
};

// Bundles `file` (absolute) of `project`. invalid_argument with "file:line:column: reason" for
// every error that esbuild reports. Keeps the bundle in `bundles` (a folder).
Task<Result<Bundle>> make_bundle(boost::asio::any_io_executor executor,
                                 std::filesystem::path libexec, std::filesystem::path project,
                                 std::filesystem::path file, std::filesystem::path bundles);

// A kept bundle. not_found if it is gone; Fault if its content does not have that hash.
Result<Bundle> load_bundle(const std::filesystem::path& bundles, const std::string& hash);

}  // namespace agentcmd::script
