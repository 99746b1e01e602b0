#pragma once
// What is checked out, as far as the disk alone says so beyond doubt (discovery.h): every run asks
// for it twice, and a git process takes longer than all else that a short run does.

#include "git/git.h"

#include <filesystem>
#include <optional>

namespace agentcmd::git {

// Of the working tree that `folder` is in; nothing where git has to be asked. Blocks for a few
// small reads.
std::optional<Checkout> look_at_checkout(const std::filesystem::path& folder);

}  // namespace agentcmd::git
