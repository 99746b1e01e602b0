#include "base/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>

namespace agentcmd {
namespace {

// Descriptor 2 is the test's own, so it is put back.
class LogTest : public testing::Test {
 protected:
  LogTest() {
    EXPECT_EQ(pipe2(pipe_.data(), O_CLOEXEC), 0);
    dup2(pipe_[1], STDERR_FILENO);
    log::configure(log::Level::warn);
  }
  ~LogTest() override {
    dup2(saved_, STDERR_FILENO);
    log::configure(log::Level::warn);
    for (const int fd : {saved_, pipe_[0], pipe_[1]}) close(fd);
  }

  void fill() const {
    const int anew = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    const std::string block(4096, 'x');
    while (write(anew, block.data(), block.size()) > 0) {
    }
    close(anew);
  }
  std::string read_some() const {
    std::string text(65536, ' ');
    const auto count = read(pipe_[0], text.data(), text.size());
    text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return text;
  }

 private:
  std::array<int, 2> pipe_{};
  int saved_ = dup(STDERR_FILENO);
};

TEST_F(LogTest, AMessageIsALineOfJsonInAPipe) {
  log::warn("part.stopped", {{"run", "r1"}});
  const auto text = read_some();
  EXPECT_TRUE(text.ends_with("\"level\":\"warn\",\"event\":\"part.stopped\",\"run\":\"r1\"}\n"))
      << text;
}

TEST_F(LogTest, AReaderThatStandsStillIsNotWaitedFor) {
  fill();
  log::warn("never.read");
  EXPECT_EQ(read_some().find("never.read"), std::string::npos);
}

}  // namespace
}  // namespace agentcmd
