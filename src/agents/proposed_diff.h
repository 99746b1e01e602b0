#pragma once
// What a tool call would do to a file, as people read it before they allow it.

#include "base/json.h"

#include <filesystem>
#include <string>

namespace agentcmd::agents {

// A unified diff of the change that an editing tool's input proposes (file_path with content, or
// with old_string and new_string, or a list `edits` of these); empty for any other input. A long
// one is cut, and says so.
std::string proposed_diff(const Json& input, const std::filesystem::path& cwd);

}  // namespace agentcmd::agents
