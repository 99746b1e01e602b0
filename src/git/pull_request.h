#pragma once
// Pull requests on GitHub through the `gh` program. Nothing is pushed: the branch must be on the
// remote already.

#include "git/repository.h"

#include <optional>
#include <string>

namespace agentcmd::git {

struct PullRequestSpec {
  std::string title;
  std::string body;
  std::string base;
  std::string head;  // branch
};

struct PullRequest {
  bool success = false;            // there is a pull request for the branch
  bool existed = false;            // and it was there before
  std::optional<std::string> url;  // of it; else the page on which the user can open one
  std::optional<int> number;
  std::string error;  // why there is none
};

// The open pull request of a branch, or nothing; so that a repetition does not open a second one.
// Errors: not_found without gh, failed_precondition with what gh said.
Task<Result<std::optional<PullRequest>>> find_pull_request(Repository repository, std::string head);

// Finds it or opens it. Where gh is missing, not logged in or refuses, `success` is false, `error`
// says why, and `url` is GitHub's page for it if the remote "origin" is there.
Task<Result<PullRequest>> create_pull_request(Repository repository, PullRequestSpec spec);

}  // namespace agentcmd::git
