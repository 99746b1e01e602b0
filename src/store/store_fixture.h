#pragma once
// What the tests of this folder share: a home that is gone afterwards, a loop, and short words for
// runs and events.

#include "base/check.h"
#include "store/store.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace agentcmd::store {

class TempHome {
 public:
  TempHome() {
    std::string pattern = (std::filesystem::temp_directory_path() / "store-test-XXXXXX").native();
    AGENTCMD_CHECK(mkdtemp(pattern.data()) != nullptr, "mkdtemp {}", pattern);
    folder_ = pattern;
    home = {folder_ / "home"};
    prepare(home);
  }
  ~TempHome() { std::filesystem::remove_all(folder_); }
  TempHome(const TempHome&) = delete;
  TempHome& operator=(const TempHome&) = delete;

  Home home;

 private:
  std::filesystem::path folder_;
};

class Loop {
 public:
  template <typename T>
  T wait(Task<T> task) {
    auto future = boost::asio::co_spawn(io, std::move(task), boost::asio::use_future);
    io.restart();
    io.run();
    return future.get();
  }
  std::unique_ptr<Store> open(const Home& home) { return open_store(io.get_executor(), home); }

  boost::asio::io_context io;
};

inline const Owner me{.driver = "d1", .term = 1};

inline std::vector<history::Event> numbered(std::uint64_t first,
                                            std::vector<history::Detail> details) {
  std::vector<history::Event> events;
  for (auto& detail : details) {
    const auto seq = first + events.size();
    events.push_back({.seq = seq,
                      .at = from_millis(1'790'000'000'000 + static_cast<std::int64_t>(1000 * seq)),
                      .detail = std::move(detail)});
  }
  return events;
}

inline RunAppend part(std::string run, std::uint64_t expected,
                      std::vector<history::Detail> details) {
  return {.run = {std::move(run)},
          .expected_seq = expected,
          .owner = me,
          .events = numbered(expected + 1, std::move(details))};
}

template <typename... Part>
std::vector<RunAppend> parts(Part... part) {
  std::vector<RunAppend> all;
  (all.push_back(std::move(part)), ...);
  return all;
}

inline history::RunCreated created(std::string name = {}, std::string project = "/p") {
  return {.definition = "d",
          .file = "d.ts",
          .code_hash = "c0de",
          .project = std::move(project),
          .name = std::move(name),
          .seed = 7,
          .request = {R"({"args":{"n":123456789012345678901234567890}})"}};
}

inline history::StepScheduled scheduled(std::string key) {
  return {.key = {std::move(key)}, .type = "cli", .input = {"{}"}};
}
inline history::StepStarted started(std::string key, std::uint32_t attempt = 1) {
  return {.key = {std::move(key)}, .attempt = attempt};
}
inline history::StepCompleted completed(std::string key, std::string output = "null") {
  return {.key = {std::move(key)}, .output = {std::move(output)}};
}

}  // namespace agentcmd::store
