#pragma once
// The two streams that the user sees.

#include "cli/stream_writer.h"

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
  int write_error() const { return out_.error(); }

  // While a run is driven nobody waits for a reader that stands still (stream_writer.h): what it
  // does not take is kept and written by drain_out() and drain_err(), and at the end by flush(),
  // which waits as long as it takes.
  void stop_waiting();
  Task<> drain_out() { return out_.drain(); }
  Task<> drain_err() { return err_.drain(); }
  void flush();
  // False: so much is kept that what may be left out should be.
  bool has_room() const;
  // Whether the reader has taken everything.
  bool is_idle() const { return out_.waits() == 0; }

  // From here on both streams, and descriptors 1 and 2, lead to `file`, to which it appends. Throws
  // Fault when it cannot be opened.
  void redirect(const std::filesystem::path& file);

 private:
  // One writer for both where they lead to one reader, so that it sees things in their order.
  StreamWriter& err_writer() { return is_one_reader_ ? out_ : err_; }

  StreamWriter out_;
  StreamWriter err_;
  bool is_one_reader_;
  bool out_is_terminal_;
  bool can_redraw_;
  bool has_color_;
  bool has_unicode_;
};

}  // namespace agentcmd::cli
