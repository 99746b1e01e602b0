#include "cli/stream_writer.h"

#include "async/task_group.h"

#include <boost/asio/io_context.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <thread>

namespace agentcmd::cli {
namespace {

using process::UniqueFd;

constexpr std::size_t more_than_any_pipe = 2'000'000;

struct Ends {
  UniqueFd reader;
  UniqueFd writer;
};

Ends make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Ends make_sockets() {
  std::array<int, 2> ends{};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Ends make_terminal() {
  int reader = -1;
  int writer = -1;
  EXPECT_EQ(openpty(&reader, &writer, nullptr, nullptr, nullptr), 0);
  return {UniqueFd(reader), UniqueFd(writer)};
}

// The next bytes; empty at the end.
std::string read_some(int fd) {
  std::array<char, 65536> piece{};
  const auto count = read(fd, piece.data(), piece.size());
  return count <= 0 ? "" : std::string(piece.data(), static_cast<std::size_t>(count));
}

std::string read_bytes(int fd, std::size_t wanted) {
  std::string text;
  while (text.size() < wanted) {
    const auto more = read_some(fd);
    if (more.empty()) break;
    text += more;
  }
  return text;
}

bool takes_more(int fd) {
  pollfd ready{fd, POLLOUT, 0};
  return poll(&ready, 1, 0) > 0;
}

std::string numbered(std::size_t bytes) {
  std::string text;
  for (int i = 0; text.size() < bytes; ++i) text += std::to_string(i) + "\n";
  return text;
}

TEST(StreamWriter, AReaderThatStandsStillIsNotWaitedFor) {
  for (auto* make : {&make_pipe, &make_sockets}) {
    const auto ends = make();
    StreamWriter writer(ends.writer.get());
    writer.stop_waiting();
    const auto text = numbered(more_than_any_pipe);
    writer.write(text);
    writer.write("the last words");
    EXPECT_GT(writer.waits(), 0u);
    std::jthread reader([&] {
      EXPECT_EQ(read_bytes(ends.reader.get(), text.size() + 14), text + "the last words");
    });
    writer.flush();
    EXPECT_EQ(writer.waits(), 0u);
  }
}

TEST(StreamWriter, WhatIsKeptIsWrittenAsTheReaderTakesIt) {
  const auto ends = make_pipe();
  StreamWriter writer(ends.writer.get());
  writer.stop_waiting();
  const auto text = numbered(more_than_any_pipe);
  boost::asio::io_context loop;
  TaskGroup tasks(loop.get_executor());
  tasks.spawn("drain", writer.drain());
  loop.poll();
  writer.write(text);
  std::jthread reader([&] { EXPECT_EQ(read_bytes(ends.reader.get(), text.size()), text); });
  while (writer.waits() > 0) loop.run_one();
  tasks.cancel();
  loop.run();
}

TEST(StreamWriter, AStoppedTerminalIsNotWaitedFor) {
  const auto ends = make_terminal();
  StreamWriter writer(ends.writer.get());
  writer.stop_waiting();
  writer.write("before\n");
  EXPECT_EQ(read_bytes(ends.reader.get(), 8), "before\r\n");
  ASSERT_EQ(write(ends.reader.get(), "\x13", 1), 1);  // Ctrl-S
  while (takes_more(ends.writer.get())) std::this_thread::yield();
  writer.write("meanwhile\n");
  EXPECT_EQ(writer.waits(), 10u);
  ASSERT_EQ(write(ends.reader.get(), "\x11", 1), 1);  // Ctrl-Q
  writer.flush();
  EXPECT_EQ(read_bytes(ends.reader.get(), 11), "meanwhile\r\n");
}

TEST(StreamWriter, OthersWhoHaveThePipeOpenStillWait) {
  const auto ends = make_pipe();
  StreamWriter writer(ends.writer.get());
  writer.stop_waiting();
  EXPECT_EQ(fcntl(ends.writer.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(StreamWriter, AReaderThatGoesAwayIsNoError) {
  std::signal(SIGPIPE, [](int) {});
  auto ends = make_pipe();
  StreamWriter writer(ends.writer.get());
  writer.stop_waiting();
  writer.write(numbered(more_than_any_pipe));
  ends.reader.reset();
  writer.flush();
  writer.write("more");
  EXPECT_EQ(writer.waits(), 0u);
  EXPECT_EQ(writer.error(), 0);
  std::signal(SIGPIPE, SIG_DFL);
}

TEST(StreamWriter, AFullDiskIsRemembered) {
  const UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  StreamWriter writer(full.get());
  writer.stop_waiting();
  writer.write("text");
  writer.flush();
  EXPECT_EQ(writer.error(), ENOSPC);
}

TEST(StreamWriter, WhatIsKeptGoesWhereTheStreamIsRedirectedTo) {
  auto stuck = make_pipe();
  const auto other = make_pipe();
  StreamWriter writer(stuck.writer.get());
  writer.stop_waiting();
  const auto text = numbered(70'000);
  writer.write(text);
  const auto kept = writer.waits();
  ASSERT_GT(kept, 0u);
  writer.redirect(other.writer.get());
  EXPECT_EQ(writer.waits(), 0u);
  EXPECT_EQ(read_bytes(other.reader.get(), kept), text.substr(text.size() - kept));
  // Nothing of ours holds the first pipe open.
  stuck.writer.reset();
  read_bytes(stuck.reader.get(), text.size() - kept);
  EXPECT_EQ(read_some(stuck.reader.get()), "");
}

}  // namespace
}  // namespace agentcmd::cli
