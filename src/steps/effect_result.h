#pragma once
// How the groups of effects (effects_*.cc) answer.

#include "async/stop.h"
#include "base/json.h"
#include "steps/effects.h"

#include <string>
#include <string_view>

namespace agentcmd::steps {

struct EffectError {
  std::string name = "Error";
  std::string message;
  std::string code;
  int number = 0;  // errno, positive; 0 for none
  std::string syscall;
  std::string path;
  std::string dest;
};

using EffectResult = tl::expected<Json, EffectError>;

// "ENOENT: no such file or directory, open 'a.txt'", in Node's words.
tl::unexpected<EffectError> system_error(int number, std::string syscall, std::string path,
                                         std::string dest = {});

// With a code of our own or of Node's, without a number: "ERR_FS_EISDIR".
tl::unexpected<EffectError> coded_error(std::string code, std::string message,
                                        std::string syscall = {}, std::string path = {});

Json to_json(const EffectError& error);

// All of "fs.*"; blocks.
EffectResult perform_file_effect(const std::string& name, const Json& args,
                                 const std::filesystem::path& working_dir);
bool is_file_effect(const std::string& name);

Task<EffectResult> run_child_process(StepHost& host, const Step& step, Json args, StopSource& stop);
Task<EffectResult> perform_fetch(StepHost& host, Json args, StopSource& stop);
Json describe_machine(const RunContext& run);

}  // namespace agentcmd::steps
