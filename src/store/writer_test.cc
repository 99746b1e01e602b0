// How commits are shared: between the callers of one process, and between processes.

#include "store/writer.h"

#include "store/store_fixture.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <numeric>

namespace agentcmd::store {
namespace {

using namespace history;

struct AppendOne {
  using Value = Result<void>;

  std::size_t prepare(const Blobs& blobs) {
    encoded = encode(std::move(parts), blobs);
    return bytes_of(encoded);
  }
  Value apply(WriteContext& context) { return context.history.append(encoded); }

  std::vector<RunAppend> parts;
  std::vector<EncodedPart> encoded = {};
};

Task<> append_one(Writer& writer, std::string run) {
  auto done = co_await writer.write(AppendOne{parts(part(std::move(run), 0, {created()}))});
  AGENTCMD_CHECK(done, "append");
}

TEST(Writer, CallersThatWaitTogetherShareACommit) {
  TempHome temp;
  Loop loop;
  loop.open(temp.home);
  Writer writer(loop.io.get_executor(), temp.home, nullptr, [] {});
  std::vector<std::future<void>> all;
  constexpr int callers = 200;
  for (int i = 0; i < callers; ++i) {
    all.push_back(boost::asio::co_spawn(loop.io, append_one(writer, "r" + std::to_string(i)),
                                        boost::asio::use_future));
  }
  loop.io.restart();
  loop.io.run();
  for (auto& one : all) one.get();
  EXPECT_GE(writer.commits(), 1U);
  EXPECT_LT(writer.commits(), callers / 4U);
}

// What the processes of the test below share.
struct Shared {
  std::atomic<int> ready;
  std::atomic<bool> go;
  std::atomic<bool> over;
  std::array<std::atomic<int>, 4> commits;
};

Shared& shared_between_processes() {
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  AGENTCMD_CHECK(memory != MAP_FAILED, "mmap");
  return *new (memory) Shared{};
}

// One driver with one run that always has something to append, until all together have done enough.
void append_until_over(const Home& home, Shared& shared, std::size_t self, int total) {
  Loop loop;
  auto store = loop.open(home);
  const auto run = "r" + std::to_string(self);
  bool fine = loop.wait(store->log().append(parts(part(run, 0, {created()})))).has_value();
  ++shared.ready;
  while (!shared.go) usleep(100);
  for (std::uint64_t seq = 1; fine && !shared.over; ++seq) {
    auto next = parts(part(run, seq, {Logged{"info", "", "x"}}));
    fine = loop.wait(store->log().append(std::move(next))).has_value();
    ++shared.commits[self];
    const auto sum = std::accumulate(shared.commits.begin(), shared.commits.end(), 0);
    if (sum >= total) shared.over = true;
  }
  store.reset();
  _exit(fine ? 0 : 1);
}

TEST(Writer, FourProcessesCommitAtAFairRate) {
  TempHome temp;
  Loop().open(temp.home);
  constexpr int total = 800;
  auto& shared = shared_between_processes();
  std::array<pid_t, 4> children{};
  for (std::size_t i = 0; i < children.size(); ++i) {
    children[i] = fork();
    ASSERT_GE(children[i], 0);
    if (children[i] == 0) append_until_over(temp.home, shared, i, total);
  }
  while (shared.ready < 4) usleep(100);
  shared.go = true;
  for (const auto child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  constexpr int fair = total / 4;
  for (const auto& commits : shared.commits) {
    EXPECT_GT(commits, fair / 3) << "of " << fair;
    EXPECT_LT(commits, fair * 2) << "of " << fair;
  }
  munmap(&shared, sizeof shared);
}

}  // namespace
}  // namespace agentcmd::store
