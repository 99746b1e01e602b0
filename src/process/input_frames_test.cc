#include "process/input_frames.h"

#include "process/supervised_test_support.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <sys/wait.h>

namespace agentcmd::process {
namespace {

using Input = std::unique_ptr<InputFrames>;

class Frames : public SupervisedTest {
 protected:
  std::unique_ptr<SupervisedProcess> reader(std::string script) {
    auto taking = shell(std::move(script));
    taking.takes_frames = true;
    auto process = start(std::move(taking));
    if (!process) ADD_FAILURE() << process.error().message;
    return process ? std::move(*process) : nullptr;
  }
  Input open() {
    auto input = run(io_, open_input(io_.get_executor(), attempt()));
    if (!input) ADD_FAILURE() << input.error().message;
    return input ? std::move(*input) : nullptr;
  }
  Result<void> send(InputFrames& input, std::string bytes) {
    return run(io_, input.send(std::move(bytes)));
  }
  Result<void> close(InputFrames& input) { return run(io_, input.close()); }
};

TEST_F(Frames, ReachTheProcessInOrderAndItsInputEndsWhenItIsClosed) {
  auto process = reader("cat; echo end");
  const auto input = open();
  EXPECT_TRUE(input->earlier().empty());
  EXPECT_TRUE(send(*input, "one\n"));
  EXPECT_TRUE(send(*input, "two\n"));
  EXPECT_TRUE(eventually([&] { return output() == "one\ntwo\n"; }));
  EXPECT_TRUE(close(*input));
  EXPECT_EQ(wait_for(*process)->code, 0);
  EXPECT_EQ(output(), "one\ntwo\nend\n");
  EXPECT_FALSE(send(*input, "three\n"));
  EXPECT_FALSE(run(io_, open_input(io_.get_executor(), attempt())));
  EXPECT_EQ(sent_frames(attempt()), (std::vector<std::string>{"one\n", "two\n", ""}));
}

TEST_F(Frames, InputStaysOpenWhenItsDriverIsGone) {
  auto process = reader("cat");
  EXPECT_TRUE(send(*open(), "one\n"));
  const auto input = open();
  EXPECT_EQ(input->earlier(), (std::vector<std::string>{"one\n"}));
  EXPECT_TRUE(send(*input, "two\n"));
  EXPECT_TRUE(close(*input));
  wait_for(*process);
  EXPECT_EQ(output(), "one\ntwo\n");
}

TEST_F(Frames, TheLatestClientTakesTheInputFromTheOneBefore) {
  auto process = reader("cat");
  const auto first = open();
  EXPECT_TRUE(send(*first, "first\n"));
  const auto second = open();
  const auto refused = send(*first, "too late\n");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(send(*second, "second\n"));
  EXPECT_TRUE(close(*second));
  wait_for(*process);
  EXPECT_EQ(output(), "first\nsecond\n");
}

TEST_F(Frames, AProcessThatNeverReadsHoldsNobodyUp) {
  auto process = reader("touch ready; while [ ! -e read ]; do sleep 0.01; done; cat");
  const auto input = open();
  const std::string large(3 * limits::mib, 'x');  // many times what a pipe holds
  EXPECT_TRUE(send(*input, large));
  EXPECT_TRUE(send(*input, "end"));
  EXPECT_TRUE(close(*input));
  EXPECT_EQ(sent_frames(attempt()).size(), 3U);
  EXPECT_TRUE(output().empty());
  write_file(dir_ / "read", "");
  wait_for(*process);
  EXPECT_TRUE(output() == large + "end");
}

TEST_F(Frames, AProcessThatClosesItsInputIsNotHarmedByMore) {
  auto process = reader("exec <&-; touch closed; while [ ! -e go ]; do sleep 0.01; done; echo end");
  const auto input = open();
  ASSERT_TRUE(eventually([&] { return exists("closed"); }));
  EXPECT_TRUE(send(*input, std::string(limits::mib, 'x')));
  EXPECT_TRUE(send(*input, "more"));
  write_file(dir_ / "go", "");
  EXPECT_EQ(wait_for(*process)->code, 0);
  EXPECT_EQ(output(), "end\n");
}

TEST_F(Frames, FiftyMegabytesArriveWhole) {
  auto process = reader("cat");
  const auto input = open();
  std::string large(50 * limits::mib, 'x');
  for (std::size_t at = 0; at < large.size(); at += 4093)
    large[at] = static_cast<char>('a' + at % 26);
  EXPECT_TRUE(send(*input, large));
  EXPECT_TRUE(close(*input));
  wait_for(*process);
  EXPECT_TRUE(output() == large);
}

TEST_F(Frames, AFrameThatIsTooLongIsRefused) {
  auto process = reader("cat");
  const auto input = open();
  const auto refused = send(*input, std::string(256 * limits::mib + 1, 'x'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  const auto again = open();
  EXPECT_TRUE(again->earlier().empty());
  EXPECT_TRUE(close(*again));
  wait_for(*process);
  EXPECT_EQ(output(), "");
}

// A client that sends frames until it is killed, at whatever point it is: then another one sends
// what is missing. Each number arrives once and in order.
TEST_F(Frames, AClientKilledBetweenFramesIsFollowedByOneThatSendsNothingTwice) {
  auto process = reader("cat");
  constexpr std::size_t frames = 2000;
  const auto frame = [](std::size_t number) {
    return std::to_string(number) + std::string(number * 37 % 5000, '.') + "\n";
  };
  std::string expected;
  for (std::size_t number = 0; number < frames; ++number) expected += frame(number);

  std::size_t sent = 0;
  for (int kills = 0; sent < frames; ++kills) {
    const pid_t client = ::fork();
    if (client == 0) {
      boost::asio::io_context io;
      auto input = run(io, open_input(io.get_executor(), attempt()));
      if (!input) ::_exit(1);
      for (std::size_t next = (*input)->earlier().size(); next < frames; ++next) {
        if (!run(io, (*input)->send(frame(next)))) ::_exit(1);
      }
      ::_exit(0);
    }
    const auto before = sent;
    eventually([&] {
      sent = sent_frames(attempt()).size();
      return sent == frames || sent >= before + 300 + static_cast<std::size_t>(kills);
    });
    ::kill(client, SIGKILL);
    ::waitpid(client, nullptr, 0);
    const auto left = open();
    sent = left->earlier().size();
    ASSERT_GT(sent, before) << "no client got any further";
  }
  EXPECT_TRUE(close(*open()));
  wait_for(*process);
  EXPECT_TRUE(output() == expected);
}

// Half a frame goes with the client that sent it.
TEST_F(Frames, AFrameThatWasCutOffIsNoFrame) {
  auto process = reader("cat");
  const pid_t client = ::fork();
  if (client == 0) {
    using namespace boost::asio::experimental::awaitable_operators;
    boost::asio::io_context io;
    auto input = run(io, open_input(io.get_executor(), attempt()));
    if (!input) ::_exit(1);
    run(io, (*input)->send(std::string(200 * limits::mib, 'x')));
    ::_exit(0);
  }
  ASSERT_TRUE(eventually([&] {
    std::error_code absent;
    const auto size = std::filesystem::file_size(attempt() / "frames", absent);
    return !absent && size > limits::mib;
  }));
  ::kill(client, SIGKILL);
  ::waitpid(client, nullptr, 0);
  const auto input = open();
  const bool was_whole = input->earlier().size() == 1;  // the kill came too late
  if (!was_whole) EXPECT_EQ(input->earlier().size(), 0U);
  EXPECT_TRUE(send(*input, "next"));
  EXPECT_TRUE(close(*input));
  wait_for(*process);
  EXPECT_EQ(output().size(), was_whole ? 200 * limits::mib + 4 : 4);
}

TEST_F(Frames, SentFramesAreKnownOfAProcessThatWasKilled) {
  auto process = reader("echo $$ > pid; cat > /dev/null");
  const auto input = open();
  EXPECT_TRUE(send(*input, "one"));
  process->kill_now();
  wait_for(*process);
  EXPECT_FALSE(send(*input, "two"));
  EXPECT_EQ(sent_frames(attempt()), (std::vector<std::string>{"one"}));
}

}  // namespace
}  // namespace agentcmd::process
