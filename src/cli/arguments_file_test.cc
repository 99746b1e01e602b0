#include "cli/arguments_file.h"

#include "base/id.h"
#include "base/limits.h"
#include "process/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>

namespace agentcmd::cli {
namespace {

namespace fs = std::filesystem;

class ArgumentsFileTest : public testing::Test {
 protected:
  ArgumentsFileTest() {
    SystemRandom random;
    root_ = fs::temp_directory_path() / make_id('t', random);
    fs::create_directories(root_);
  }
  ~ArgumentsFileTest() override { fs::remove_all(root_); }

  Error refused(const std::string& name) const {
    auto text = read_arguments(root_, {"--args", name});
    EXPECT_FALSE(text) << name << " was read";
    return text ? Error{} : text.error();
  }

  fs::path root_;
};

TEST_F(ArgumentsFileTest, AFileIsReadByteForByte) {
  const std::string text("{\"a\": \"\0x\"}\n", 12);
  std::ofstream(root_ / "args.json", std::ios::binary) << text;
  EXPECT_EQ(*read_arguments(root_, {"--args", "args.json"}), text);
}

TEST_F(ArgumentsFileTest, APipeIsReadToItsEnd) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const process::UniqueFd out(ends[0]);
  {
    const process::UniqueFd in(ends[1]);
    ASSERT_EQ(write(in.get(), "{}", 2), 2);
  }
  EXPECT_EQ(*read_arguments(out.get(), {"--args", "stdin"}), "{}");
}

TEST_F(ArgumentsFileTest, ADeviceHasNoEnd) {
  EXPECT_EQ(refused("/dev/zero").code, ErrorCode::invalid_argument);
  EXPECT_NE(refused("/dev/zero").message.find("'/dev/zero' is a device"), std::string::npos);
}

TEST_F(ArgumentsFileTest, WhatIsTooLargeIsRefusedAndNotRead) {
  const auto file = root_ / "large.json";
  std::ofstream{file};
  fs::resize_file(file, limits::arguments_bytes_max + 1);
  EXPECT_EQ(refused("large.json").code, ErrorCode::resource_exhausted);
  EXPECT_NE(refused("large.json").message.find("larger than 16 MiB"), std::string::npos);
  fs::resize_file(file, limits::arguments_bytes_max);
  EXPECT_TRUE(read_arguments(root_, {"--args", "large.json"}));
}

TEST_F(ArgumentsFileTest, WhatIsNoFileIsNamed) {
  EXPECT_EQ(refused("missing.json").message,
            "--args: 'missing.json' cannot be read: No such file or directory");
  EXPECT_EQ(refused("missing.json").code, ErrorCode::not_found);
  EXPECT_EQ(refused(".").message, "--args: '.' is a folder, not a file");
}

TEST_F(ArgumentsFileTest, WhatIsTypedIsItselfUnlessItNamesAFile) {
  std::ofstream(root_ / "data.json") << "[1]";
  EXPECT_EQ(*text_or_file("--data", "{}", root_), "{}");
  EXPECT_EQ(*text_or_file("--data", "@data.json", root_), "[1]");
  EXPECT_EQ(text_or_file("--data", "@no.json", root_).error().message,
            "--data: 'no.json' cannot be read: No such file or directory");
}

}  // namespace
}  // namespace agentcmd::cli
