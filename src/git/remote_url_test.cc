#include "git/remote_url.h"

#include <gtest/gtest.h>

namespace agentcmd::git {
namespace {

TEST(ParseRemoteUrl, EveryFormGivesHostAndPath) {
  const RemoteAddress expected{"github.com", "owner/name"};
  for (const auto* url :
       {"git@github.com:owner/name.git", "github.com:owner/name",
        "https://github.com/owner/name.git", "https://user:to%40ken@GitHub.com/owner/name/",
        "ssh://git@github.com:22/owner/name.git", "git://github.com/owner/name",
        " https://github.com//owner/name\n"}) {
    EXPECT_EQ(parse_remote_url(url), expected) << url;
  }
}

TEST(ParseRemoteUrl, FoldersAreNoAddress) {
  for (const auto* url : {"", "/srv/git/name.git", "../name", "./a:b", "file:///srv/name",
                          "https://host", "https://host/", ":name"}) {
    EXPECT_EQ(parse_remote_url(url), std::nullopt) << url;
  }
}

TEST(CompareUrl, NamesAreEncodedAndTheTokenIsLeftOut) {
  EXPECT_EQ(compare_url("https://secret@github.com/o/r.git", "main", "feat/ü #1"),
            "https://github.com/o/r/compare/main...feat/%C3%BC%20%231?expand=1");
  EXPECT_EQ(compare_url("ssh://git@ssh.github.com:443/o/r", "main", "x"),
            "https://github.com/o/r/compare/main...x?expand=1");
}

TEST(CompareUrl, OtherHostsHaveNone) {
  EXPECT_EQ(compare_url("https://gitlab.com/o/r.git", "main", "x"), std::nullopt);
  EXPECT_EQ(compare_url("https://evil.example/github.com/r.git", "main", "x"), std::nullopt);
}

}  // namespace
}  // namespace agentcmd::git
