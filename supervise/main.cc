// agentcmd-supervise: starts one command contained, outlives whoever asked for it, and writes down
// how it ended. README.md describes the folder and the options.

#include "attempt_folder.h"
#include "container.h"
#include "frames.h"
#include "options.h"
#include "out_of_memory.h"
#include "scope.h"
#include "spool.h"
#include "supervision.h"

#include <fcntl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace supervise {
namespace {

enum ExitCode : int { ok = 0, failed = 1, bad_usage = 2, already_claimed = 3 };

// Tells whoever started us. "ok": the command runs, or exit.json says why it could not be executed.
class Report {
 public:
  explicit Report(int fd) : fd_(fd) {
    if (fd >= 0) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  void ok() { send("ok\n"); }
  int claimed() {
    send("claimed\n");
    return already_claimed;
  }
  int error(const char* doing, int number) {
    send("error " + std::to_string(number) + " " + doing + "\n");
    return failed;
  }

 private:
  void send(const std::string& line) {
    const bool to_driver = fd_.valid();
    if (to_driver || line != "ok\n") write_all(to_driver ? fd_.get() : STDERR_FILENO, line);
    fd_.reset();
  }

  Fd fd_;
};

// 0 to 2 are always open, so that no file of ours gets such a number and is mistaken for a stream.
void fill_standard_descriptors() {
  int fd = 0;
  do {
    fd = ::open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd > STDERR_FILENO) ::close(fd);
}

int open_signal_fd() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGCHLD, SIGTERM, stop_signal, kill_now_signal, interrupt_signal}) {
    sigaddset(&signals, number);
  }
  ::sigprocmask(SIG_SETMASK, &signals, nullptr);
  for (const int number : {SIGHUP, SIGQUIT, SIGPIPE}) ::signal(number, SIG_IGN);
  // May be inherited as ignored, and then no child could be waited for.
  ::signal(SIGCHLD, SIG_DFL);
  return ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

struct Files {
  Frames frames;
  Fd out;
  Fd err;
  Pipe out_pipe;
  Pipe err_pipe;
  Streams streams;
};

// 0 or the error.
int open_files(const Options& options, const AttemptFolder& folder, Files& files) {
  files.out = folder.open_file("stdout", O_WRONLY | O_CREAT | O_APPEND);
  files.err = folder.open_file("stderr", O_WRONLY | O_CREAT | O_APPEND);
  if (!files.out.valid() || !files.err.valid()) return errno;
  if (options.takes_frames) {
    if (const int error = files.frames.open(folder.fd(), files.streams.in); error != 0)
      return error;
  } else {
    files.streams.in = folder.open_file("stdin", O_RDONLY);
    if (!files.streams.in.valid()) {
      if (errno != ENOENT) return errno;
      files.streams.in = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    }
  }
  if (!make_pipe(files.out_pipe) || !make_pipe(files.err_pipe)) return errno;
  files.streams.out = std::move(files.out_pipe.write_end);
  files.streams.err = std::move(files.err_pipe.write_end);
  return 0;
}

int record_start_failure(AttemptFolder& folder, const Container& container, Report& report,
                         const std::string& message) {
  ExitRecord record;
  record.cause = "start_failed";
  record.message = message;
  record.containment = container.status().containment;
  const int error = folder.write_exit(record);
  if (error != 0) return report.error("write exit.json", error);
  report.ok();
  return ok;
}

// With the claim in our hands. What fails before the command could run gives the claim back.
int supervise_claimed(const Options& options, AttemptFolder& folder, Files& files, int signal_fd,
                      Report& report) {
  const OutOfMemory out_of_memory;
  const auto container = start_contained(options, files.streams);
  if (!container) {
    folder.withdraw_claim();
    return report.error("this machine does not allow the containment that was asked for", ENOSYS);
  }
  if (const int error = folder.write_status(container->status()); error != 0) {
    container->kill();
    folder.withdraw_claim();
    return report.error("write status.json", error);
  }
  Spool out(std::move(files.out), std::move(files.out_pipe.read_end), options.output_bytes_max);
  Spool err(std::move(files.err), std::move(files.err_pipe.read_end), options.output_bytes_max);
  Supervision supervision(options, *container, files.frames, out, err, signal_fd);
  ExecFailure failure{};
  const bool executed = container->go(failure);
  files.streams = Streams{};
  if (!executed) {
    container->kill();
    return record_start_failure(folder, *container, report, describe(failure, options));
  }
  report.ok();
  const auto record = supervision.run(out_of_memory);
  if (!record) return failed;  // as if we had been killed: no exit.json
  return folder.write_exit(*record) == 0 ? ok : failed;
}

int supervise(const Options& options) {
  Report report(options.report_fd);
  const int signal_fd = open_signal_fd();
  if (signal_fd < 0) return report.error("receive signals", errno);
  AttemptFolder folder;
  Files files;
  int error = folder.open(options.dir);
  if (error != 0) return report.error("open the folder of the attempt", error);
  error = folder.lock(options.lock_fd);
  if (error == EWOULDBLOCK) return report.claimed();
  if (error != 0) return report.error("lock the folder of the attempt", error);
  error = open_files(options, folder, files);
  if (error != 0) return report.error("make the output files", error);
  error = folder.reserve_exit_record();
  if (error != 0) return report.error("make exit.json", error);
  error = folder.claim();
  if (error == EEXIST) return report.claimed();
  if (error != 0) return report.error("claim the attempt", error);
  return supervise_claimed(options, folder, files, signal_fd, report);
}

}  // namespace
}  // namespace supervise

int main(int argc, char** argv) {
  using namespace supervise;
  fill_standard_descriptors();
  Options options;
  std::string problem;
  if (!parse_options(argc, argv, options, problem)) {
    write_all(STDERR_FILENO, "agentcmd-supervise: " + problem + "\n");
    return bad_usage;
  }
  close_all_but({options.lock_fd, options.report_fd, options.scope_fd});
  ::setsid();
  if (options.scope_fd >= 0) {
    if (::write(options.scope_fd, "r", 1) != 1) return failed;
    ::close(options.scope_fd);
  }
  enter_scope(options, argc, argv);
  return supervise::supervise(options);
}
