#include "frames.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace supervise {
namespace {

constexpr const char* socket_name = "frames.sock";
// A bound on the turns, so that neither side keeps the clock from being looked at.
constexpr int turns_max = 16;

std::array<char, 256 * 1024> chunk;

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

// "0000000001 00000000000000000005\n"
bool parse_header(const std::string& header, std::uint64_t& number, std::uint64_t& length) {
  if (header[10] != ' ' || header.back() != '\n') return false;
  for (std::size_t at = 0; at + 1 < header.size(); ++at) {
    if (at != 10 && (header[at] < '0' || header[at] > '9')) return false;
  }
  number = std::strtoull(header.c_str(), nullptr, 10);
  length = std::strtoull(header.c_str() + 11, nullptr, 10);
  return number > 0;
}

// By a descriptor, since the path of a folder is often longer than the name of a socket may be.
bool socket_address(int folder, sockaddr_un& address) {
  address.sun_family = AF_UNIX;
  const int length = std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s",
                                   folder, socket_name);
  return length > 0 && static_cast<std::size_t>(length) < sizeof address.sun_path;
}

}  // namespace

int Frames::open(int folder, Fd& stdin_end) {
  folder_ = folder;
  Pipe pipe;
  if (!make_pipe(pipe)) return errno;
  ::fcntl(pipe.write_end.get(), F_SETFL, O_NONBLOCK);
  file_ = Fd(::openat(folder, "frames", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file_.valid()) return errno;
  listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  if (!listener_.valid() || !socket_address(folder, address)) return errno;
  ::unlinkat(folder, socket_name, 0);
  // sockaddr_un is passed as a sockaddr: so the interface wants it.
  const auto* name = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  if (::bind(listener_.get(), name, sizeof address) != 0) return errno;
  if (::listen(listener_.get(), 4) != 0) return errno;
  stdin_ = std::move(pipe.write_end);
  stdin_end = std::move(pipe.read_end);
  return 0;
}

void Frames::transfer() {
  if (!listener_.valid()) return;
  accept_client();
  for (int turn = 0; turn < turns_max && client_.valid() && receive(); ++turn) {
  }
  write_to_command();
}

void Frames::end() {
  drop_client();
  if (listener_.valid()) ::unlinkat(folder_, socket_name, 0);
  listener_.reset();
  stdin_.reset();
}

void Frames::accept_client() {
  while (true) {
    Fd next(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!next.valid()) return;
    drop_client();
    client_ = std::move(next);
    tell("have " + std::to_string(last_) + "\n");
  }
}

// What there is of a frame that is not whole goes with the client that sent it.
void Frames::drop_client() {
  client_.reset();
  header_.clear();
  in_body_ = false;
  if (size_ > whole_ && ::ftruncate(file_.get(), static_cast<off_t>(whole_)) != 0) {
    // The next frame is written over it, and nobody reads beyond the last one that we have told.
  }
  size_ = whole_;
}

void Frames::refuse(int error) {
  tell("error " + std::to_string(error) + " " + std::to_string(number_) + "\n");
  drop_client();
}

// A client that takes no answers, though each is a few bytes, is none.
void Frames::tell(const std::string& line) {
  const ssize_t sent = ::send(client_.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent != static_cast<ssize_t>(line.size())) drop_client();
}

// False: nothing was there, or the client is gone.
bool Frames::receive() {
  return in_body_ ? receive_body() : receive_header();
}

bool Frames::receive_header() {
  const ssize_t count = ::read(client_.get(), chunk.data(), frame_header_bytes - header_.size());
  if (count < 0 && would_block()) return false;
  if (count <= 0) {
    drop_client();
    return false;
  }
  header_.append(chunk.data(), static_cast<std::size_t>(count));
  if (header_.size() == frame_header_bytes) begin_frame();
  return true;
}

void Frames::begin_frame() {
  if (!parse_header(header_, number_, length_)) return refuse(EPROTO);
  if (length_ > frame_bytes_max) return refuse(EFBIG);
  is_known_ = number_ <= last_;
  if (!is_known_ && number_ != last_ + 1) return refuse(EPROTO);
  if (!is_known_ && closed_) return refuse(EPIPE);
  if (!is_known_) {
    if (::pwrite(file_.get(), header_.data(), header_.size(), static_cast<off_t>(size_)) !=
        static_cast<ssize_t>(header_.size())) {
      return refuse(errno);
    }
    size_ += header_.size();
  }
  header_.clear();
  missing_ = length_;
  in_body_ = true;
  if (missing_ == 0) finish_frame();
}

bool Frames::receive_body() {
  const auto wanted = std::min<std::uint64_t>(missing_, chunk.size());
  const ssize_t count = ::read(client_.get(), chunk.data(), static_cast<std::size_t>(wanted));
  if (count < 0 && would_block()) return false;
  if (count <= 0) {
    drop_client();
    return false;
  }
  const auto got = static_cast<std::size_t>(count);
  for (std::size_t done = 0; !is_known_ && done < got;) {
    const ssize_t kept =
        ::pwrite(file_.get(), chunk.data() + done, got - done, static_cast<off_t>(size_));
    if (kept < 0 && errno == EINTR) continue;
    if (kept <= 0) {
      refuse(kept < 0 ? errno : EIO);
      return false;
    }
    done += static_cast<std::size_t>(kept);
    size_ += static_cast<std::uint64_t>(kept);
  }
  missing_ -= got;
  if (missing_ == 0) finish_frame();
  return true;
}

void Frames::finish_frame() {
  in_body_ = false;
  if (!is_known_) {
    whole_ = size_;
    last_ = number_;
    closed_ = length_ == 0;
  }
  tell("have " + std::to_string(last_) + "\n");
}

void Frames::write_to_command() {
  for (int turn = 0; turn < turns_max && stdin_.valid(); ++turn) {
    if (closing_) {
      stdin_.reset();
      return;
    }
    if (!has_unwritten()) return;
    if (body_left_ == 0) {
      std::string header(frame_header_bytes, '\0');
      std::uint64_t number = 0;
      if (::pread(file_.get(), header.data(), header.size(), static_cast<off_t>(written_)) !=
              static_cast<ssize_t>(header.size()) ||
          !parse_header(header, number, body_left_)) {
        stdin_.reset();  // somebody else wrote into our file: better no input than a wrong one
        return;
      }
      written_ += header.size();
      closing_ = body_left_ == 0;
      continue;
    }
    const auto wanted = std::min<std::uint64_t>(body_left_, chunk.size());
    const ssize_t there = ::pread(file_.get(), chunk.data(), static_cast<std::size_t>(wanted),
                                  static_cast<off_t>(written_));
    if (there <= 0) {
      stdin_.reset();
      return;
    }
    const ssize_t count = ::write(stdin_.get(), chunk.data(), static_cast<std::size_t>(there));
    if (count < 0 && would_block()) return;
    if (count < 0) {
      stdin_.reset();  // the command reads no more; what still comes is kept all the same
      return;
    }
    written_ += static_cast<std::uint64_t>(count);
    body_left_ -= static_cast<std::uint64_t>(count);
  }
}

}  // namespace supervise
