#pragma once
// Addresses of remotes, in the forms that git understands, and the pages of GitHub made from them.

#include <optional>
#include <string>
#include <string_view>

namespace agentcmd::git {

struct RemoteAddress {
  std::string host;  // lower case, without user and port
  std::string path;  // "owner/name", without slashes around it and without ".git"
  bool operator==(const RemoteAddress&) const = default;
};

// "git@host:owner/name.git", "ssh://git@host:22/owner/name", "https://token@host/owner/name.git".
// Nothing for folders and for text that is no address.
std::optional<RemoteAddress> parse_remote_url(std::string_view url);

// The page on which GitHub offers to open a pull request from `head` into `base`. Nothing when the
// remote is not a GitHub repository.
std::optional<std::string> compare_url(std::string_view remote_url, std::string_view base,
                                       std::string_view head);

}  // namespace agentcmd::git
