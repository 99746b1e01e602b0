#include "projects/definitions.h"

#include "base/id.h"

#include <gtest/gtest.h>

#include <fstream>

namespace agentcmd::projects {
namespace {

namespace fs = std::filesystem;

class DefinitionFilesTest : public testing::Test {
 protected:
  DefinitionFilesTest() {
    SystemRandom random;
    root_ = fs::temp_directory_path() / make_id('t', random);
    fs::create_directories(root_);
  }
  ~DefinitionFilesTest() override { fs::remove_all(root_); }

  void add(const std::string& file) const {
    const auto path = definitions() / file;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "//";
  }

  std::vector<std::string> found() const {
    std::vector<std::string> files;
    for (const auto& file : definition_files(root_)) {
      files.push_back(file.lexically_relative(definitions()).string());
    }
    return files;
  }

 private:
  fs::path definitions() const { return root_ / ".agent" / "workflows" / "definitions"; }
  fs::path root_;
};

TEST_F(DefinitionFilesTest, TypeScriptAndJavaScriptAreFoundInFoldersToo) {
  add("b.ts");
  add("deep/er/a.js");
  EXPECT_EQ(found(), (std::vector<std::string>{"b.ts", "deep/er/a.js"}));
}

TEST_F(DefinitionFilesTest, OtherFilesAreNot) {
  for (const auto* file : {"types.d.ts", "notes.md", "data.json", ".hidden.ts", ".git/x.ts",
                           "node_modules/p/index.js", "deep/node_modules/p.ts"}) {
    add(file);
  }
  EXPECT_EQ(found(), std::vector<std::string>{});
}

TEST_F(DefinitionFilesTest, AProjectWithoutDefinitionsHasNone) {
  EXPECT_EQ(found(), std::vector<std::string>{});
}

}  // namespace
}  // namespace agentcmd::projects
