#pragma once
// A short helper process of ours (git, esbuild): argument vector, captured output, deadline. Not
// for steps: those are supervised (supervised_process.h) and survive us.

#include "async/task.h"
#include "base/limits.h"
#include "base/result.h"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::process {

struct CommandSpec {
  std::vector<std::string> argv;  // argv[0] is searched in PATH
  std::filesystem::path cwd;      // empty: ours
  // Added to our own environment; nullopt removes a variable.
  std::map<std::string, std::optional<std::string>> env;
  std::string input;  // stdin
  std::chrono::milliseconds timeout = std::chrono::minutes(2);
  std::size_t output_bytes_max = 64 * limits::mib;
};

struct CommandResult {
  int code = 0;  // exit status; 128 + signal when it was killed
  std::string out;
  std::string err;
};

// Errors: not_found (no such program; says which and how to install what we know), timed_out,
// resource_exhausted (more output than allowed), unavailable (fork failed). A non-zero exit is a
// result. The process and its group are dead when this returns or is cancelled.
Task<Result<CommandResult>> run_command(boost::asio::any_io_executor executor, CommandSpec spec);

// Full path of `program` in the PATH of `path_variable`, or nothing.
std::optional<std::filesystem::path> find_program(const std::string& program,
                                                  const std::string& path_variable);

}  // namespace agentcmd::process
