#include "script/worker_watchdog.h"

#include "base/duration.h"
#include "base/fault.h"
#include "base/json_slice.h"
#include "base/limits.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

namespace agentcmd::script {
namespace {

constexpr double ask_seconds = 0.05;
constexpr unsigned backtrace_frames_max = 30;
constexpr auto tick = std::chrono::milliseconds(100);
constexpr int ticks_between_signs = 20;
// What the VM's own check is given beyond the limit before the process is ended.
constexpr std::int64_t slack_ns = 1'000'000'000;
constexpr std::int64_t sign_of_life_ns = 10'000'000;
constexpr std::int64_t unknown = -1;

std::int64_t read_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * 1'000'000'000L + now.tv_nsec;
}

std::int64_t read_resident(int statm) {
  std::array<char, 128> text{};
  const auto count = ::pread(statm, text.data(), text.size(), 0);
  if (count <= 0) return 0;
  std::string_view fields(text.data(), static_cast<std::size_t>(count));
  fields.remove_prefix(std::min(fields.find(' ') + 1, fields.size()));
  std::int64_t pages = 0;
  std::from_chars(fields.data(), fields.data() + fields.size(), pages);
  return pages * ::sysconf(_SC_PAGESIZE);
}

int open_statm() {
  const int fd = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw_errno("opening /proc/self/statm", errno);
  return fd;
}

}  // namespace

Watchdog::Watchdog(JSContextGroupRef group, WorkerLimits limits, WorkerChannel& channel)
    : group_(group), limits_(limits), channel_(channel), statm_(open_statm()) {
  ::pthread_getcpuclockid(::pthread_self(), &cpu_clock_);
  resident_ = read_resident(statm_);
  arm();
  thread_ = std::thread([this] { watch(); });
}

void Watchdog::begin(std::int64_t heap, std::string last_words) {
  base_rss_ = resident_ - heap;
  const std::lock_guard lock(mutex_);
  last_words_ = std::move(last_words);
}

std::int64_t Watchdog::end() {
  resident_ = read_resident(statm_);
  return std::max<std::int64_t>(resident_ - base_rss_, 0);
}

void Watchdog::enter() {
  stop_.reset();
  entry_cpu_ = unknown;
  entered_ = true;
}

std::optional<Stop> Watchdog::leave() {
  entered_ = false;
  return std::exchange(stop_, std::nullopt);
}

void Watchdog::enter_dead() {
  dead_ = true;
  enter();
}

bool Watchdog::leave_dead() {
  dead_ = false;
  return leave().has_value();
}

void Watchdog::arm() {
  // The limit holds once: it is set again each time that it is reached.
  JSContextGroupSetExecutionTimeLimit(group_, ask_seconds, &Watchdog::ask, this);
}

bool Watchdog::ask(JSContextRef context, void* self) {
  auto* watchdog = static_cast<Watchdog*>(self);
  const bool stop = watchdog->should_stop(context);
  watchdog->arm();
  return stop;
}

bool Watchdog::should_stop(JSContextRef context) {
  const bool late = used(read_clock(cpu_clock_)) > std::chrono::nanoseconds(limits_.cpu).count();
  const bool large = growth() > limits_.memory_bytes;
  if (!late && !large && !dead_) return false;
  if (!stop_) {
    stop_.emplace();
    stop_->reason = large ? "memory" : "time";
    stop_->message = message_for(stop_->reason);
    const JsString backtrace(JSContextCreateBacktrace(context, backtrace_frames_max));
    if (backtrace.get() != nullptr) append_utf8(stop_->backtrace, backtrace.get());
  }
  return true;
}

std::int64_t Watchdog::used(std::int64_t cpu) {
  std::int64_t entry = unknown;
  return entry_cpu_.compare_exchange_strong(entry, cpu) ? 0 : cpu - entry;
}

std::int64_t Watchdog::growth() const {
  return read_resident(statm_) - base_rss_;
}

std::string Watchdog::message_for(const std::string& reason) const {
  if (reason == "memory") {
    return fmt::format(
        "The workflow's code took more than {} MiB of memory and was stopped. Keep large data in "
        "files and handle it in a step (step.cli), or pass smaller results.",
        limits_.memory_bytes / static_cast<std::int64_t>(limits::mib));
  }
  return fmt::format(
      "The workflow's code ran for {} without coming to a stop: an endless loop, or work that "
      "belongs into a step of its own (step.cli).",
      format_duration(limits_.cpu));
}

void Watchdog::watch() {
  while (true) {
    pollfd driver{.fd = channel_.fd(), .events = POLLRDHUP, .revents = 0};
    ::poll(&driver, 1, static_cast<int>(tick.count()));
    // Nobody is left to whom the work in progress could matter.
    if ((driver.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) ::_exit(0);
    if (entered_) watch_entry();
  }
}

void Watchdog::watch_entry() {
  channel_.flush();  // answers that are ready do not wait for code that takes long
  const auto cpu = read_clock(cpu_clock_);
  if (used(cpu) > std::chrono::nanoseconds(limits_.cpu).count() + slack_ns) give_up("time");
  if (growth() > limits_.memory_bytes + limits_.memory_bytes / 4) give_up("memory");
  if (++ticks_ % ticks_between_signs != 0 || cpu - seen_cpu_ < sign_of_life_ns) return;
  seen_cpu_ = cpu;
  channel_.send(R"({"t":"alive"})");
  channel_.flush();
}

void Watchdog::give_up(const std::string& reason) {
  std::string frame;
  {
    const std::lock_guard lock(mutex_);
    frame = last_words_;
  }
  frame += fmt::format(R"("reason":{},"message":{},"stack":""}})", quote(reason),
                       quote(message_for(reason)));
  channel_.send(frame);
  channel_.flush();
  ::_exit(3);
}

}  // namespace agentcmd::script
