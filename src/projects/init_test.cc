#include "projects/init.h"

#include "base/fault.h"
#include "base/id.h"
#include "base/json.h"
#include "projects/project.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace agentcmd::projects {
namespace {

namespace fs = std::filesystem;

class InitTest : public testing::Test {
 protected:
  InitTest() {
    SystemRandom random;
    root_ = fs::canonical(fs::temp_directory_path()) / make_id('t', random);
    fs::create_directories(libexec() / "types");
    write(libexec() / "types" / "index.d.ts", "export declare const x: number;\n");
  }
  ~InitTest() override { fs::remove_all(root_); }

  fs::path libexec() const { return root_ / "libexec"; }
  fs::path project() const { return root_ / "my project ü"; }

  static void write(const fs::path& file, std::string_view text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  static std::string read(const fs::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  fs::path root_;
};

TEST_F(InitTest, MakesWhatARunAndAnEditorNeed) {
  const auto made = init_project(project(), libexec());
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(fs::exists(project() / ".agent/workflows/definitions/hello.ts"));
  const auto tsconfig = Json::parse(read(project() / ".agent/tsconfig.json"));
  const std::string types = tsconfig["compilerOptions"]["paths"]["agentcmd-workflows"][0];
  EXPECT_TRUE(fs::exists(project() / ".agent" / types)) << types;
  EXPECT_EQ(read(project() / ".gitignore"), ".agent/workflows/executions/\n.worktrees/\n");
  EXPECT_EQ(made->created.size(), 4u);
  EXPECT_EQ(*find_project(project() / ".agent/workflows"), project());
}

TEST_F(InitTest, NeverOverwrites) {
  write(project() / ".agent/tsconfig.json", "{}");
  write(project() / ".agent/workflows/definitions/mine.ts", "//");
  write(project() / ".gitignore", "node_modules\n/.worktrees/");
  const auto made = init_project(project(), libexec());
  ASSERT_TRUE(made);
  EXPECT_EQ(read(project() / ".agent/tsconfig.json"), "{}");
  EXPECT_FALSE(fs::exists(project() / ".agent/workflows/definitions/hello.ts"));
  EXPECT_EQ(read(project() / ".gitignore"),
            "node_modules\n/.worktrees/\n.agent/workflows/executions/\n");
  EXPECT_EQ(made->updated, std::vector<std::string>{".gitignore"});
  EXPECT_EQ(std::ranges::count(made->kept, ".agent/tsconfig.json"), 1);
  EXPECT_EQ(std::ranges::count(made->kept, ".agent/workflows/definitions"), 1);
}

TEST_F(InitTest, ASecondCallChangesNothing) {
  ASSERT_TRUE(init_project(project(), libexec()));
  const auto again = init_project(project(), libexec());
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->created.empty());
  EXPECT_TRUE(again->updated.empty());
  EXPECT_EQ(std::ranges::count(again->kept, ".agent/workflows/definitions/hello.ts"), 1);
  EXPECT_EQ(std::ranges::count(again->kept, ".gitignore"), 1);
}

TEST_F(InitTest, AFileIsNotAProject) {
  write(project(), "a file");
  const auto made = init_project(project(), libexec());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
}

TEST_F(InitTest, AnIncompleteInstallationIsAFault) {
  EXPECT_THROW((void)init_project(project(), project() / "nowhere"), Fault);
}

TEST_F(InitTest, WithoutAgentFolderThereIsNoProject) {
  const auto found = find_project("/");
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message.find("agentcmd init"), std::string::npos);
}

}  // namespace
}  // namespace agentcmd::projects
