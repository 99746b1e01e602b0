#include "scope.h"

#include "cgroup.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <vector>

namespace supervise {
namespace {

bool may_need_a_scope(const Options& options) {
  const bool wants_v2 = options.containment == Containment::automatic ||
                        options.containment == Containment::cgroup_v2;
  // Without this variable there is no systemd of the user's to ask.
  return wants_v2 && options.scope_fd < 0 && ::geteuid() != 0 &&
         ::getenv("XDG_RUNTIME_DIR") != nullptr && ::access("/run/systemd/system", F_OK) == 0;
}

[[noreturn]] void exec_in_scope(int argc, char** argv, int ready_fd) {
  std::array<char, 4096> self{};
  if (::readlink("/proc/self/exe", self.data(), self.size() - 1) < 0) ::_exit(1);
  std::string ready = std::to_string(ready_fd);
  std::vector<std::string> words = {"systemd-run", "--user",     "--scope",      "--quiet",
                                    "--collect",   "-p",         "Delegate=yes", "--",
                                    self.data(),   "--scope-fd", ready};
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  for (int at = 1; at < argc; ++at) arguments.push_back(argv[at]);
  arguments.push_back(nullptr);
  const Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  ::dup2(null.get(), STDERR_FILENO);  // its complaint is of no use: there are other means
  ::execv("/usr/bin/systemd-run", arguments.data());
  ::_exit(1);
}

}  // namespace

void enter_scope(const Options& options, int argc, char** argv) {
  if (!may_need_a_scope(options) || Cgroup::create(Cgroup::Kind::v2)) return;
  Pipe ready;
  if (!make_pipe(ready)) return;
  const pid_t child = ::fork();
  if (child < 0) return;
  if (child == 0) {
    ::fcntl(ready.write_end.get(), F_SETFD, 0);
    exec_in_scope(argc, argv, ready.write_end.get());
  }
  ready.write_end.reset();
  char byte = 0;
  // The supervisor in the scope has our lock and our report descriptor by inheritance.
  if (::read(ready.read_end.get(), &byte, 1) == 1) ::_exit(0);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace supervise
