#include "process/rooted_path.h"

#include "process/test_support.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace agentcmd::process {
namespace {

namespace fs = std::filesystem;

class RootedPath : public testing::Test {
 protected:
  RootedPath() {
    fs::create_directories(root() / "inner");
    write_file(dir_ / "secret", "secret");
    write_file(root() / "inner/file", "inside");
  }

  fs::path root() const { return dir_ / "root"; }
  fs::path outside() const { return dir_.path(); }

  ErrorCode open_error(const fs::path& relative) const {
    const auto fd = open_beneath(root(), relative, O_RDONLY);
    EXPECT_FALSE(fd) << relative << " was opened";
    return fd ? ErrorCode::cancelled : fd.error().code;
  }
  ErrorCode write_error(const fs::path& relative) const {
    const auto written = write_file_beneath(root(), relative, "text");
    EXPECT_FALSE(written) << relative << " was written";
    return written ? ErrorCode::cancelled : written.error().code;
  }

 private:
  TempDir dir_;
};

TEST_F(RootedPath, OpensWhatIsInside) {
  EXPECT_TRUE(open_beneath(root(), "inner/file", O_RDONLY));
  EXPECT_TRUE(open_beneath(root(), "inner/../inner/./file", O_RDONLY));
}

TEST_F(RootedPath, DotsAndAbsolutePathsThatLeaveAreRefused) {
  EXPECT_EQ(open_error("../secret"), ErrorCode::permission_denied);
  EXPECT_EQ(open_error("inner/../../secret"), ErrorCode::permission_denied);
  EXPECT_EQ(open_error(outside() / "secret"), ErrorCode::permission_denied);
  EXPECT_EQ(write_error("../new"), ErrorCode::permission_denied);
  EXPECT_EQ(write_error("inner/../../new"), ErrorCode::permission_denied);
  EXPECT_EQ(write_error(outside() / "new"), ErrorCode::permission_denied);
  EXPECT_FALSE(fs::exists(outside() / "new"));
}

TEST_F(RootedPath, LinksInsideAreFollowedAndLinksOutAreRefused) {
  fs::create_symlink("inner", root() / "alias");
  fs::create_symlink("..", root() / "up");
  fs::create_symlink(outside() / "secret", root() / "stolen");
  EXPECT_TRUE(open_beneath(root(), "alias/file", O_RDONLY));
  EXPECT_EQ(open_error("up/secret"), ErrorCode::permission_denied);
  EXPECT_EQ(open_error("stolen"), ErrorCode::permission_denied);
  EXPECT_TRUE(write_file_beneath(root(), "alias/new", "text"));
  EXPECT_EQ(contents(root() / "inner/new"), "text");
  EXPECT_EQ(write_error("up/new"), ErrorCode::permission_denied);
}

TEST_F(RootedPath, AMissingFileIsNotFoundAndAnEmptyNameInvalid) {
  EXPECT_EQ(open_error("none"), ErrorCode::not_found);
  EXPECT_EQ(open_error("inner/file/below"), ErrorCode::not_found);
  EXPECT_EQ(open_error(""), ErrorCode::invalid_argument);
  EXPECT_EQ(open_error(std::string("inner/file\0x", 12)), ErrorCode::invalid_argument);
  EXPECT_EQ(write_error(""), ErrorCode::invalid_argument);
  EXPECT_EQ(write_error("inner"), ErrorCode::invalid_argument);
  EXPECT_EQ(write_error("inner/"), ErrorCode::invalid_argument);
}

TEST_F(RootedPath, WritingMakesFoldersAndLeavesNoTemporaryFile) {
  ASSERT_TRUE(write_file_beneath(root(), "deep/er/ünd tief.txt", "text"));
  EXPECT_EQ(contents(root() / "deep/er/ünd tief.txt"), "text");
  const auto entries = fs::directory_iterator(root() / "deep/er");
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

TEST_F(RootedPath, WritingKeepsTheModeAndReplacesALinkInsteadOfFollowingIt) {
  fs::permissions(root() / "inner/file", fs::perms::owner_all);
  ASSERT_TRUE(write_file_beneath(root(), "inner/file", "changed"));
  EXPECT_EQ(contents(root() / "inner/file"), "changed");
  EXPECT_EQ(fs::status(root() / "inner/file").permissions(), fs::perms::owner_all);

  fs::create_symlink(outside() / "secret", root() / "stolen");
  ASSERT_TRUE(write_file_beneath(root(), "stolen", "mine"));
  EXPECT_EQ(contents(outside() / "secret"), "secret");
  EXPECT_EQ(contents(root() / "stolen"), "mine");
}

}  // namespace
}  // namespace agentcmd::process
