#pragma once
// What tests with a real store share: a home and a project that are gone afterwards, and a loop.

#include "store/store.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <utility>

namespace agentcmd::runtime {

namespace fs = std::filesystem;
namespace asio = boost::asio;

// Whoever uses the store beyond a test's body stops doing so in the derived class's destructor.
class HomeFixture : public testing::Test {
 protected:
  HomeFixture() {
    auto pattern = (fs::temp_directory_path() / "agentcmd-test-XXXXXX").string();
    root = mkdtemp(pattern.data());
    project = root / "project";
    fs::create_directories(project / ".agent/workflows/definitions");
    home = {.root = root / "home"};
    store::prepare(home);
    store = store::open_store(io.get_executor(), home);
  }
  ~HomeFixture() override {
    wait(store->log().stop());
    store.reset();
    fs::remove_all(root);
  }

  template <typename T>
  T wait(Task<T> task) {
    auto future = asio::co_spawn(io, std::move(task), asio::use_future);
    io.restart();
    while (future.wait_for(std::chrono::seconds(0)) != std::future_status::ready) io.run_one();
    return future.get();
  }

  void run_until(const std::function<bool()>& condition) {
    io.restart();
    while (!condition()) io.run_one_for(std::chrono::milliseconds(20));
  }

  asio::io_context io;
  fs::path root;
  fs::path project;
  store::Home home;
  std::unique_ptr<store::Store> store;
};

}  // namespace agentcmd::runtime
