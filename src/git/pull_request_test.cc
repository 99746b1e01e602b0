#include "git/pull_request.h"

#include "git/test_support.h"

#include <sys/stat.h>

namespace agentcmd::git {
namespace {

namespace fs = std::filesystem;

// A `gh` that keeps its pull requests in a file, and its arguments in another.
class PullRequestTest : public GitTest {
 protected:
  PullRequestTest() : repository_(make_repository("project")) {
    git(repository_, {"remote", "add", "origin", "git@github.com:owner/name.git"});
  }

  void install_gh(const std::string& script) {
    const auto gh = root_ / "bin/gh";
    write_file(gh, "#!/bin/sh\n" + script);
    fs::permissions(gh, fs::perms::owner_all);
    ::setenv("PATH", ((root_ / "bin").string() + ":" + ::getenv("PATH")).c_str(), 1);
    ::setenv("GH_STATE", (root_ / "state").c_str(), 1);
  }

  fs::path repository_;
};

constexpr const char* working_gh = R"sh(
printf '%s\n' "$@" >>"$GH_STATE.args"
case "$2" in
  list) if [ -e "$GH_STATE" ]; then echo '[{"url":"https://github.com/owner/name/pull/7","number":7}]'; else echo '[]'; fi ;;
  create) cat >"$GH_STATE"; echo "https://github.com/owner/name/pull/7" ;;
esac
)sh";

TEST_F(PullRequestTest, IsOpenedOnceHoweverOftenAsked) {
  install_gh(working_gh);
  const PullRequestSpec spec{"--help $(touch x)", "body `x`", "main", "feat/x"};
  const auto first = wait(create_pull_request(at(repository_), spec));
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_TRUE(first->success);
  EXPECT_FALSE(first->existed);
  EXPECT_EQ(first->number, 7);
  EXPECT_EQ(contents(root_ / "state"), "body `x`");
  EXPECT_TRUE(contents(root_ / "state.args").contains("--title=--help $(touch x)\n"));

  const auto second = wait(create_pull_request(at(repository_), spec));
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->existed);
  EXPECT_EQ(second->url, "https://github.com/owner/name/pull/7");
}

TEST_F(PullRequestTest, ARefusalOfGhIsNoSuccessAndGivesThePageToOpenItOn) {
  install_gh("echo 'not logged in' >&2; exit 4");
  const auto made = wait(create_pull_request(at(repository_), {"title", "", "main", "feat/x"}));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_FALSE(made->success);
  EXPECT_TRUE(made->error.contains("not logged in")) << made->error;
  EXPECT_EQ(made->url, "https://github.com/owner/name/compare/main...feat/x?expand=1");
}

TEST_F(PullRequestTest, BranchesThatLookLikeOptionsAreRefused) {
  install_gh(working_gh);
  const auto made = wait(create_pull_request(at(repository_), {"title", "", "--web", "feat/x"}));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
  EXPECT_FALSE(fs::exists(root_ / "state.args"));
}

}  // namespace
}  // namespace agentcmd::git
