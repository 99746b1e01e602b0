#include "cli/output.h"

#include "base/fault.h"
#include "base/limits.h"
#include "base/text.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <string>

namespace agentcmd::cli {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    auto value = variable(name);
    if (value.empty()) continue;
    std::ranges::transform(value, value.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return value.contains("utf-8") || value.contains("utf8");
  }
  return false;
}

// Whether both are the same terminal or pipe. Two openings of one file are two places in it.
bool is_same_reader(int a, int b) {
  struct stat first{};
  struct stat second{};
  if (fstat(a, &first) != 0 || fstat(b, &second) != 0 || S_ISREG(first.st_mode)) return false;
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace

Output::Output(int out, int err)
    : out_(out),
      err_(err),
      is_one_reader_(is_same_reader(out, err)),
      out_is_terminal_(isatty(out) == 1),
      can_redraw_(out_is_terminal_ && variable("TERM") != "dumb"),
      has_color_(can_redraw_ && variable("NO_COLOR").empty()),
      has_unicode_(!out_is_terminal_ || locale_is_utf8()) {}

void Output::out(std::string_view text) {
  out_.write(text);
}

void Output::line(std::string_view text) {
  out(std::string(trim_end(text)) + "\n");
}

void Output::err(std::string_view text) {
  err_writer().write(text);
}

void Output::complain(std::string_view message) {
  err(fmt::format("agentcmd: {}\n", message));
}

std::size_t Output::width() const {
  winsize size{};
  const bool known = ioctl(out_.fd(), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

void Output::redirect(const std::filesystem::path& file) {
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) throw_errno(fmt::format("opening the log {}", file.string()), errno);
  dup2(fd, STDOUT_FILENO);
  dup2(fd, STDERR_FILENO);
  close(fd);
  // A caller that reads what it started in the background waits for the end of these.
  for (const int before : {out_.fd(), err_.fd()}) {
    if (before > STDERR_FILENO) close(before);
  }
  out_.redirect(STDOUT_FILENO);
  err_.redirect(STDERR_FILENO);
  is_one_reader_ = false;
  out_is_terminal_ = false;
  can_redraw_ = false;
  has_color_ = false;
}

void Output::stop_waiting() {
  out_.stop_waiting();
  err_.stop_waiting();
}

void Output::flush() {
  out_.flush();
  err_.flush();
}

bool Output::has_room() const {
  return out_.waits() < limits::unread_output_bytes_max;
}

}  // namespace agentcmd::cli
