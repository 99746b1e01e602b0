#pragma once
// The two streams that the user sees. A reader that goes away (EPIPE) is no error: what is written
// after that is dropped. So it is after any other error, which is kept.

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace agentcmd::cli {

class Output {
 public:
  // Writes to these descriptors, which stay the caller's.
  Output(int out, int err);

  void out(std::string_view text);
  // A line of text for people: without blanks at its end, with a line break.
  void line(std::string_view text);
  void err(std::string_view text);
  // "agentcmd: message", on stderr.
  void complain(std::string_view message);

  bool out_is_terminal() const { return out_is_terminal_; }
  // Whether stdout is a terminal on which a line can be erased and written anew.
  bool can_redraw() const { return can_redraw_; }
  // Whether to use colours on stdout: a terminal, and neither NO_COLOR nor TERM=dumb.
  bool has_color() const { return has_color_; }
  // Whether the locale can show more than ASCII; true when stdout is not a terminal.
  bool has_unicode() const { return has_unicode_; }
  // Columns of the terminal as it is now; 80 without one.
  std::size_t width() const;

  // Why text for stdout was dropped, as an errno; 0 if none was, or its reader went away.
  int write_error() const { return out_.error; }

  // From here on both streams, and descriptors 1 and 2, lead to `file`, to which it appends. Throws
  // Fault when it cannot be opened.
  void redirect(const std::filesystem::path& file);

 private:
  struct Stream {
    int fd = -1;
    bool gone = false;
    int error = 0;
  };
  static void write(Stream& stream, std::string_view text);

  Stream out_;
  Stream err_;
  bool out_is_terminal_;
  bool can_redraw_;
  bool has_color_;
  bool has_unicode_;
};

}  // namespace agentcmd::cli
