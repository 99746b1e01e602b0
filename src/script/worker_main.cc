// agentcmd-worker: runs workflow code and can do nothing but talk over file descriptor 3
// (protocol.md). Started by start_worker(); its arguments hold no secret.
//
//   agentcmd-worker FOLDER-OF-SDK [--cpu-ms=N] [--memory-mib=N] [--unsealed]

#include "base/fault.h"
#include "base/limits.h"
#include "script/worker_channel.h"
#include "script/worker_context.h"
#include "script/worker_crypto.h"
#include "script/worker_program.h"
#include "script/worker_seal.h"
#include "script/worker_watchdog.h"

#include <sys/socket.h>

#include <charconv>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <string_view>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
// JavaScriptCore looks for live objects on the stack, where the sanitizer would hide ours; and a
// sealed process cannot be looked through for leaks.
extern "C" const char* __asan_default_options() {
  return "detect_stack_use_after_return=0:detect_leaks=0";
}
#endif
#endif

namespace agentcmd::script {
namespace {

constexpr int driver_fd = 3;

struct Options {
  std::filesystem::path folder;
  WorkerLimits limits;
  bool sealed = true;
};

std::int64_t number_after(std::string_view argument, std::string_view prefix) {
  argument.remove_prefix(prefix.size());
  std::int64_t value = 0;
  const auto parsed = std::from_chars(argument.begin(), argument.end(), value);
  if (parsed.ptr != argument.end() || value <= 0) {
    throw Fault(fmt::format("'{}{}' needs a positive number", prefix, argument));
  }
  return value;
}

Options parse_options(std::span<char*> arguments) {
  if (arguments.size() < 2) throw Fault("this program is started by agentcmd, not by hand");
  Options options{.folder = arguments[1]};
  for (const std::string_view argument : arguments.subspan(2)) {
    if (argument.starts_with("--cpu-ms=")) {
      options.limits.cpu = std::chrono::milliseconds(number_after(argument, "--cpu-ms="));
    } else if (argument.starts_with("--memory-mib=")) {
      options.limits.memory_bytes =
          number_after(argument, "--memory-mib=") * static_cast<std::int64_t>(limits::mib);
    } else if (argument == "--unsealed") {
      options.sealed = false;
    } else {
      throw Fault(fmt::format("unknown argument '{}'", argument));
    }
  }
  return options;
}

// Empty when there is no such file.
std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

void require_driver() {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(driver_fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    throw Fault("this program is started by agentcmd, not by hand");
  }
}

void run_worker(const Options& options) {
  require_driver();
  prepare_crypto();
  const auto sdk = read_file(options.folder / "sdk.js");
  if (sdk.empty()) throw Fault((options.folder / "sdk.js").string() + " is missing");
  // The watchdog's thread uses these for as long as the process lives.
  auto& channel = *std::make_unique<WorkerChannel>(driver_fd).release();
  Vm vm{.group = JSContextGroupCreate()};
  vm.watchdog = std::make_unique<Watchdog>(vm.group, options.limits, channel).release();
  load_sdk(vm, sdk);
  WorkerProgram program(vm, channel, read_file(options.folder / "analyze.js"),
                        read_file(options.folder / "cron.js"));
  program.prepare();
  if (options.sealed) seal_process();
  program.run();
  // Nothing is left to put in order: the VM, its threads and the watchdog end with the process.
  std::fflush(nullptr);
  std::_Exit(0);
}

}  // namespace
}  // namespace agentcmd::script

int main(int argc, char** argv) {
  try {
    agentcmd::script::run_worker(
        agentcmd::script::parse_options({argv, static_cast<std::size_t>(argc)}));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "agentcmd-worker: %s\n", error.what());
  }
  std::_Exit(1);
}
