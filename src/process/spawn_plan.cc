#include "process/spawn_plan.h"

#include "base/fault.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace agentcmd::process {
namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  result.reserve(words.size() + 1);
  for (auto& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

SpawnPlan::SpawnPlan() {
  posix_spawn_file_actions_init(&actions_);
  posix_spawnattr_init(&attributes_);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes_, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes_, &signals);
  posix_spawnattr_setflags(&attributes_,
                           POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

SpawnPlan::~SpawnPlan() {
  posix_spawn_file_actions_destroy(&actions_);
  posix_spawnattr_destroy(&attributes_);
}

void SpawnPlan::give(const UniqueFd& fd, int as) {
  posix_spawn_file_actions_adddup2(&actions_, fd.get(), as);
  given_ = as + 1;
}

void SpawnPlan::change_to(const std::filesystem::path& cwd) {
  if (!cwd.empty()) posix_spawn_file_actions_addchdir_np(&actions_, cwd.c_str());
}

int SpawnPlan::spawn(const std::filesystem::path& program, std::vector<std::string> argv,
                     std::vector<std::string> environment) {
  posix_spawn_file_actions_addclosefrom_np(&actions_, given_);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_,
                                  pointers(argv).data(), pointers(environment).data());
  return error == 0 ? pid : -error;
}

Pipe make_output_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) throw_errno("make a pipe", errno);
  Pipe pipe{UniqueFd(fds[0]), above_given(UniqueFd(fds[1]))};
  if (::fcntl(pipe.read_end.get(), F_SETFL, O_NONBLOCK) != 0) throw_errno("make a pipe", errno);
  return pipe;
}

UniqueFd above_given(UniqueFd fd) {
  if (fd.get() >= given_fds_max) return fd;
  UniqueFd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, given_fds_max));
  if (!moved.valid()) throw_errno("open a file", errno);
  return moved;
}

}  // namespace agentcmd::process
