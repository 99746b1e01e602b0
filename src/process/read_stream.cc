#include "base/fault.h"
#include "base/text.h"
#include "process/supervised_process.h"
#include "process/unique_fd.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace agentcmd::process {

namespace fs = std::filesystem;

namespace {

bool continues_a_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// At most `bytes_max` from the front or from the back, never half a character.
std::string_view front(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && bytes_max - end < 3 && continues_a_character(text[end])) --end;
  return text.substr(0, end);
}

std::string_view back(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t from = text.size() - bytes_max;
  for (int i = 0; i < 3 && from < text.size() && continues_a_character(text[from]); ++i) ++from;
  return text.substr(from);
}

std::string read_at(const UniqueFd& fd, std::uint64_t offset, std::size_t count,
                    const fs::path& file) {
  std::string bytes(count, '\0');
  std::size_t done = 0;
  while (done < count) {
    const ssize_t got =
        ::pread(fd.get(), bytes.data() + done, count - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("read " + file.string(), errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace

std::string read_stream(const fs::path& file, std::size_t bytes_max) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) return {};
    throw_errno("read " + file.string(), errno);
  }
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) throw_errno("read " + file.string(), errno);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size <= bytes_max) {
    std::string text = to_utf8(read_at(fd, 0, size, file));
    // What is not UTF-8 grows when it is replaced.
    if (text.size() <= bytes_max) return text;
  }

  const auto note = [&file](std::uint64_t left_out) {
    return fmt::format("\n[... {} bytes left out; everything is in {} ...]\n", left_out,
                       to_utf8(file.string()));
  };
  const std::size_t note_bytes = note(size).size();
  if (bytes_max <= note_bytes) {
    return std::string(
        front(to_utf8(read_at(fd, 0, std::min<std::uint64_t>(size, bytes_max), file)), bytes_max));
  }
  const std::size_t half = (bytes_max - note_bytes) / 2;
  // A cut between two bytes of a character is made at the character instead.
  const std::string first = read_at(fd, 0, std::min<std::uint64_t>(size, half + 1), file);
  const std::uint64_t last_bytes = std::min<std::uint64_t>(size, half + 1);
  const std::string last = read_at(fd, size - last_bytes, last_bytes, file);
  const std::string head_text = to_utf8(front(first, half));
  const std::string tail_text = to_utf8(back(last, half));
  const std::string_view shown_head = front(head_text, half);
  const std::string_view shown_tail = back(tail_text, half);
  const std::uint64_t shown = std::min<std::uint64_t>(size, shown_head.size() + shown_tail.size());
  return std::string(shown_head) + note(size - shown) + std::string(shown_tail);
}

}  // namespace agentcmd::process
