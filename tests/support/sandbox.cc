#include "support/sandbox.h"

#include "base/text.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

extern char** environ;

namespace agentcmd::test {

namespace fs = std::filesystem;

namespace {

// Of a process that ends meanwhile, what could be read: an iterator over the file would throw.
std::string slurp(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

fs::path make_root() {
  auto pattern = (fs::temp_directory_path() / "agentcmd-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  return pattern;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text(*entry);
    if (!added.contains(text.substr(0, text.find('=')))) all.push_back(text);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

int exit_code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Running::Running(pid_t pid, int out, fs::path err) : pid_(pid), out_(out), err_(std::move(err)) {}

Running::~Running() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (out_ >= 0) close(out_);
}

bool Running::next_line(std::string& line) {
  while (true) {
    const auto end = buffer_.find('\n');
    if (end != std::string::npos) {
      line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return true;
    }
    std::array<char, 65536> chunk{};
    const auto count = read(out_, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    buffer_.append(chunk.data(), static_cast<std::size_t>(count));
    all_.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

std::string Running::line_with(std::string_view text) {
  std::string line;
  while (next_line(line)) {
    if (line.contains(text)) return line;
  }
  ADD_FAILURE() << "no line with '" << text << "' in:\n" << all_ << slurp(err_);
  return {};
}

void Running::signal(int number) const {
  kill(pid_, number);
}

std::string Running::errors() const {
  return slurp(err_);
}

Finished Running::wait() {
  std::string ignored;
  while (next_line(ignored)) {
  }
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return {.code = exit_code(status), .out = all_, .err = slurp(err_)};
}

Sandbox::Sandbox(const std::string& name)
    : root(make_root()), home(root / "home"), project(root / name) {
  fs::create_directories(project);
  env = {{"AGENTCMD_HOME", home.string()},
         {"HOME", (root / "user").string()},
         {"GIT_CONFIG_GLOBAL", (root / "gitconfig").string()},
         {"GIT_CONFIG_NOSYSTEM", "1"},
         {"NO_COLOR", "1"},
         {"LC_ALL", "C.UTF-8"}};
  fs::create_directories(root / "user");
  std::ofstream(root / "gitconfig") << "[user]\n name = Test\n email = test@localhost\n"
                                       "[init]\n defaultBranch = main\n";
}

Sandbox::~Sandbox() {
  for (int round = 0; round < 200; ++round) {
    const auto alive = processes();
    if (alive.empty()) break;
    for (const auto pid : alive) kill(pid, SIGKILL);
    std::this_thread::yield();
  }
  std::error_code ignored;
  fs::remove_all(root, ignored);
}

void Sandbox::make_repository() {
  exec({"git", "init", "-q", "."});
  if (!fs::exists(project / "README.md")) write("README.md", "# Project\n");
  git({"add", "-A"});
  git({"commit", "-q", "-m", "first"});
}

void Sandbox::write(const fs::path& file, std::string_view content) const {
  fs::create_directories((project / file).parent_path());
  std::ofstream(project / file, std::ios::binary) << content;
}

void Sandbox::define(const std::string& name, std::string_view source) const {
  write(fs::path(".agent/workflows/definitions") / name, source);
}

std::string Sandbox::read(const fs::path& file) const {
  return slurp(project / file);
}

std::string Sandbox::git(std::vector<std::string> args) const {
  args.insert(args.begin(), "git");
  const auto finished = exec(args);
  EXPECT_EQ(finished.code, 0) << join(args, " ") << "\n" << finished.err;
  return finished.out;
}

std::unique_ptr<Running> Sandbox::start(std::vector<std::string> args) const {
  args.insert(args.begin(), AGENTCMD_TEST_BINARY);
  std::array<int, 2> out{};
  if (pipe2(out.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
  static std::atomic<int> count = 0;
  const auto err = root / fmt::format("stderr-{}", ++count);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addchdir_np(&actions, project.c_str());
  auto variables = merged_environment(env);
  pid_t pid = 0;
  const auto failed = posix_spawnp(&pid, args[0].c_str(), &actions, nullptr, pointers(args).data(),
                                   pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  if (failed != 0) throw std::runtime_error("cannot start " + args[0]);
  return std::make_unique<Running>(pid, out[0], err);
}

Finished Sandbox::agentcmd(std::vector<std::string> args) const {
  return start(std::move(args))->wait();
}

Finished Sandbox::exec(std::vector<std::string> argv) const {
  argv.insert(argv.begin(), {"/usr/bin/env", "-C", project.string()});
  const auto out = root / "exec-out";
  const auto err = root / "exec-err";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  auto variables = merged_environment(env);
  pid_t pid = 0;
  const auto failed = posix_spawnp(&pid, argv[0].c_str(), &actions, nullptr, pointers(argv).data(),
                                   pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot start " + argv[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  return {.code = exit_code(status), .out = slurp(out), .err = slurp(err)};
}

Json Sandbox::run(const std::string& id) const {
  const auto shown = agentcmd({"runs", "show", id, "--json"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  return Json::parse(shown.out, nullptr, false);
}

Json Sandbox::runs() const {
  const auto listed = agentcmd({"runs", "list", "--json"});
  EXPECT_EQ(listed.code, 0) << listed.err;
  return Json::parse(listed.out, nullptr, false);
}

std::vector<pid_t> Sandbox::processes() const {
  std::vector<pid_t> found;
  const auto mark = "AGENTCMD_HOME=" + home.string();
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    if (!std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) continue;
    const auto pid = static_cast<pid_t>(std::stol(name));
    if (pid == getpid()) continue;
    const auto environment = slurp(entry.path() / "environ");
    const auto state = slurp(entry.path() / "stat");
    const auto after_name = state.rfind(')');
    const bool zombie =
        after_name != std::string::npos && state.substr(after_name).starts_with(") Z");
    if (!zombie && environment.contains(mark)) found.push_back(pid);
  }
  return found;
}

void wait_until(const std::function<bool()>& condition, std::string_view what,
                std::chrono::seconds longest) {
  const auto deadline = std::chrono::steady_clock::now() + longest;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      FAIL() << "waited in vain until " << what;
    }
    std::this_thread::yield();
    usleep(2000);
  }
}

Json result_of(const Finished& finished) {
  const auto lines = split(trim(finished.out), '\n');
  const auto last = Json::parse(lines.back(), nullptr, false);
  if (last.is_discarded() || last.value("type", "") != "result") {
    ADD_FAILURE() << "no result in:\n" << finished.out << finished.err;
    return Json::object();
  }
  return last["run"];
}

}  // namespace agentcmd::test
