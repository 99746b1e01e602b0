#pragma once
// Real repositories for tests, shut off from the configuration of the machine and its user.

#include "base/text.h"
#include "git/git.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>
#include <stdlib.h>  // mkdtemp, setenv

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agentcmd::git {

inline std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline void write_file(const std::filesystem::path& file, std::string_view text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

// Writes down the calls of git while it lives, by a program of that name that comes first in PATH.
class CountedGit {
 public:
  explicit CountedGit(const std::filesystem::path& root)
      : log_(root / "calls"), path_(::getenv("PATH")) {
    const auto program = root / "counted/git";
    write_file(program, "#!/bin/sh\necho \"$*\" >>'" + log_.string() + "'\nPATH='" + path_ +
                            "' exec git \"$@\"\n");
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    ::setenv("PATH", (program.parent_path().string() + ":" + path_).c_str(), 1);
  }
  CountedGit(const CountedGit&) = delete;
  CountedGit& operator=(const CountedGit&) = delete;
  ~CountedGit() { ::setenv("PATH", path_.c_str(), 1); }

  std::vector<std::string> calls() const {
    auto lines = split(contents(log_), '\n');
    lines.pop_back();
    return lines;
  }

 private:
  std::filesystem::path log_;
  std::string path_;
};

// A home without configuration, a folder whose name has what paths of users have, and a loop.
class GitTest : public testing::Test {
 protected:
  GitTest() {
    std::string name =
        (std::filesystem::temp_directory_path() / "agentcmd gït test XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    write_file(
        root_ / "home/.gitconfig",
        "[user]\n name = Tëst Er\n email = tester@example.org\n[init]\n defaultBranch = main\n"
        "[protocol \"file\"]\n allow = always\n");
    ::setenv("HOME", (root_ / "home").c_str(), 1);
    ::setenv("GIT_CONFIG_GLOBAL", (root_ / "home/.gitconfig").c_str(), 1);
    ::setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
  }
  ~GitTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  template <typename T>
  T wait(Task<T> task) {
    auto future = boost::asio::co_spawn(io_, std::move(task), boost::asio::use_future);
    io_.restart();
    io_.run();
    return future.get();
  }

  Repository at(const std::filesystem::path& path) { return {io_.get_executor(), path}; }

  // What git prints, without the last newline. The command must succeed.
  std::string git(const std::filesystem::path& where, std::vector<std::string> args) {
    auto out = wait(git_output(at(where), std::move(args), {}));
    EXPECT_TRUE(out) << out.error().message;
    if (!out) return {};
    if (out->ends_with('\n')) out->pop_back();
    return *out;
  }

  std::filesystem::path init(const std::string& name) {
    std::filesystem::create_directories(root_ / name);
    git(root_ / name, {"init", "--quiet"});
    return root_ / name;
  }

  // With one commit, of a file "readme".
  std::filesystem::path make_repository(const std::string& name) {
    const auto path = init(name);
    write_file(path / "readme", "one\ntwo\nthree\n");
    commit(path, "first");
    return path;
  }

  std::string commit(const std::filesystem::path& path, const std::string& message) {
    git(path, {"add", "--all"});
    git(path, {"commit", "--quiet", "--allow-empty", "-m", message});
    return git(path, {"rev-parse", "HEAD"});
  }

  boost::asio::io_context io_;
  std::filesystem::path root_;
};

}  // namespace agentcmd::git
