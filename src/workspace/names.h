#pragma once
// Names made from what users write. Pure.

#include <string>
#include <string_view>

namespace agentcmd::workspace {

// "Add Login!" becomes "add-login"; "run" where nothing is left.
std::string slug(std::string_view text);

// "agentcmd/add-login-r4k2m9xq"
std::string default_branch(std::string_view run_name, std::string_view run);

// What the numbers of its forks are put behind: "feat" of "feat" and of its fork "feat-fork-2".
std::string fork_stem(std::string_view branch);

// As the name of one folder: "feat/x" becomes "feat-x", ".." "--", a leading dot or dash "_".
std::string folder_name(std::string_view branch);

// Names the record of a workspace: the run, and what distinguishes several of one run.
std::string workspace_id(std::string_view run, std::string_view key);
bool is_of_run(std::string_view workspace_id, std::string_view run);

}  // namespace agentcmd::workspace
