#pragma once
// A home and a git project of a test's own below a temporary folder, and the real binary run
// against them. Everything is gone when the sandbox is: processes that still work for its runs are
// killed and waited for.

#include "base/json.h"

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::test {

struct Finished {
  int code = 0;  // exit status, or 128 + signal
  std::string out;
  std::string err;
};

// The program of a sandbox, running.
class Running {
 public:
  Running(pid_t pid, int out, std::filesystem::path err);
  ~Running();  // kills what still runs
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  pid_t pid() const { return pid_; }
  // The next line of stdout, without its end; false at the end of the stream.
  bool next_line(std::string& line);
  // Reads on until a line contains `text`; the line. Fails the test at the end of the stream.
  std::string line_with(std::string_view text);
  void signal(int number) const;
  // What it wrote to stderr so far.
  std::string errors() const;
  // Reads the rest and reaps.
  Finished wait();

 private:
  pid_t pid_;
  int out_;
  std::filesystem::path err_;
  std::string buffer_;
  std::string all_;
};

class Sandbox {
 public:
  // `name` becomes part of the project's path.
  explicit Sandbox(const std::string& name = "project");
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  std::filesystem::path root;
  std::filesystem::path home;
  std::filesystem::path project;
  std::map<std::string, std::string> env;  // of everything that is run

  // git init with one commit.
  void make_repository();
  void write(const std::filesystem::path& file, std::string_view content) const;  // below project
  void define(const std::string& name, std::string_view source) const;  // a definition file
  std::string read(const std::filesystem::path& file) const;  // below project; "" if missing
  std::string git(std::vector<std::string> args) const;       // stdout; fails the test

  // agentcmd with `--project` where the command takes it left to the caller; the working directory
  // is the project.
  Finished agentcmd(std::vector<std::string> args) const;
  std::unique_ptr<Running> start(std::vector<std::string> args) const;
  Finished exec(std::vector<std::string> argv) const;

  // `runs show ID --json`, `runs list --json`.
  Json run(const std::string& id) const;
  Json runs() const;

  // Processes that carry AGENTCMD_RUN, or were started by this sandbox's home.
  std::vector<pid_t> processes() const;
};

// Looks again every few milliseconds until it holds; fails the test after `longest`.
void wait_until(const std::function<bool()>& condition, std::string_view what,
                std::chrono::seconds longest = std::chrono::seconds(60));

// The last line of `run --json`, its "run" object.
Json result_of(const Finished& finished);

}  // namespace agentcmd::test
