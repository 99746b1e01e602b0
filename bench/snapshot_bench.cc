// snapshot_bench FILES: what a snapshot of a repository of FILES files costs, beside `git status`
// of the same repository. Prints medians in milliseconds: status, snapshot of the clean tree,
// snapshot with 10 changed and 10 new files. Data goes to the folder that BENCH_DIR names, else to
// the current one.

#include "async/blocking.h"
#include "git/git.h"
#include "workspace/snapshot.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace agentcmd {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

class Bench {
 public:
  explicit Bench(const fs::path& folder) : folder_(folder) {}

  std::string git(std::vector<std::string> args) {
    auto out = wait(git::git_output({io_.get_executor(), folder_}, std::move(args),
                                    git::GitOptions{.access = git::Access::write, .input = {}}));
    if (!out) throw std::runtime_error(out.error().message);
    return *out;
  }

  void snapshot() {
    const auto taken = wait(workspace::take_snapshot(
        io_.get_executor(), pool_, {.folder = folder_, .run = "rbench", .steps = {"step"}}));
    if (!taken) throw std::runtime_error(taken.error().message);
  }

  template <typename T>
  T wait(Task<T> task) {
    auto future = asio::co_spawn(io_, std::move(task), asio::use_future);
    io_.restart();
    io_.run();
    return future.get();
  }

 private:
  fs::path folder_;
  asio::io_context io_;
  BlockingPool pool_{2};
};

void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

void make_files(const fs::path& folder, int files) {
  constexpr int per_folder = 100;
  for (int i = 0; i < files; ++i) {
    write(folder / fmt::format("d{}/e{}/file{}.txt", i / per_folder / 10, i / per_folder, i),
          fmt::format("file {}\n", i));
  }
}

// One after the other, so that the load of the machine is the same for all.
std::vector<double> medians(const std::vector<std::function<void()>>& works) {
  constexpr std::size_t rounds = 21;
  std::vector<std::vector<double>> times(works.size());
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < works.size(); ++i) {
      const auto start = std::chrono::steady_clock::now();
      works[i]();
      times[i].push_back(
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
              .count());
    }
  }
  std::vector<double> middle;
  for (auto& of_one : times) {
    std::ranges::sort(of_one);
    middle.push_back(of_one[rounds / 2]);
  }
  return middle;
}

void run(const fs::path& folder, int files) {
  Bench bench(folder);
  bench.git({"init", "--quiet"});
  make_files(folder, files);
  bench.git({"add", "--all"});
  bench.git({"-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "--quiet", "-m",
             "first"});
  bench.git({"status"});  // its index knows the times of all files
  const auto status = [&] { bench.git({"--no-optional-locks", "status", "--porcelain"}); };
  const auto snapshot = [&] { bench.snapshot(); };
  const auto clean = medians({status, snapshot});
  for (int i = 0; i < 10; ++i) {
    write(folder / fmt::format("d0/e0/file{}.txt", i), "changed\n");
    write(folder / fmt::format("new/file{}.txt", i), fmt::format("new {}\n", i));
  }
  const auto changed = medians({snapshot});
  fmt::print("{:.1f} {:.1f} {:.1f}\n", clean[0], clean[1], changed[0]);
}

}  // namespace
}  // namespace agentcmd

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const char* base = std::getenv("BENCH_DIR");
  const auto folder = std::filesystem::absolute(base == nullptr ? "." : base) / "snapshot-bench";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  agentcmd::run(folder, words.empty() ? 50'000 : std::stoi(words[0]));
  std::filesystem::remove_all(folder);
  return 0;
}
