#pragma once
// The command's stdin, where a driver writes it while the command runs. Numbered frames come over a
// unix socket; each is whole in the file `frames` before a byte of it goes to the command, and is
// acknowledged then. Whoever connects is told the last number there is, and a number that is there
// already is acknowledged and dropped: so a driver that died between its frame and our answer is
// followed by one that sends nothing twice. The latest client counts; the one before it is dropped.
//
// A frame, on the socket and in the file: a header of 32 bytes, "NUMBER LENGTH\n" in decimal with
// leading zeros, 10 and 20 digits, and LENGTH bytes. An empty one closes stdin. We say "have N\n",
// or "error ERRNO N\n" before we hang up: N was not taken.

#include "files.h"

#include <cstdint>
#include <string>

namespace supervise {

inline constexpr std::size_t frame_header_bytes = 32;
inline constexpr std::uint64_t frame_bytes_max = std::uint64_t{256} << 20;

class Frames {
 public:
  // Without an open() it does nothing, and its descriptors are -1.
  // `folder` is that of the attempt; `stdin_end` is where the command reads from. 0 or the error.
  int open(int folder, Fd& stdin_end);

  int listen_fd() const { return listener_.get(); }
  int client_fd() const { return client_.get(); }
  // -1 while there is nothing to write.
  int stdin_fd() const { return has_unwritten() || closing_ ? stdin_.get() : -1; }

  // Takes what clients sent and gives the command what it has room for, each up to a bound.
  void transfer();
  // Nobody reads any more.
  void end();

 private:
  void accept_client();
  bool receive();
  bool receive_header();
  bool receive_body();
  void begin_frame();
  void finish_frame();
  void drop_client();
  void refuse(int error);
  void tell(const std::string& line);
  void write_to_command();
  bool has_unwritten() const { return written_ < whole_; }

  int folder_ = -1;
  Fd listener_;
  Fd client_;
  Fd file_;
  Fd stdin_;
  std::string header_;         // of the frame that is coming in
  std::uint64_t number_ = 0;   // of that frame
  std::uint64_t length_ = 0;   // of that frame
  std::uint64_t missing_ = 0;  // bytes of it
  bool in_body_ = false;
  bool is_known_ = false;        // it is there already
  std::uint64_t last_ = 0;       // the last whole frame
  std::uint64_t whole_ = 0;      // where the whole frames end in the file
  std::uint64_t size_ = 0;       // with what there is of the frame that is coming in
  std::uint64_t written_ = 0;    // where the next byte for the command is
  std::uint64_t body_left_ = 0;  // of the frame that is being written
  bool closing_ = false;         // the empty frame is next
  bool closed_ = false;          // no frame follows the empty one
};

}  // namespace supervise
