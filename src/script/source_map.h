#pragma once
// Source maps (version 3), and stacks of JavaScriptCore told in terms of the user's files.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::script {

// Names that the worker gives to the two scripts of a context; they appear in stacks.
inline constexpr std::string_view workflow_source = "agentcmd:workflow";
inline constexpr std::string_view sdk_source = "agentcmd:sdk";
// Lines that the worker puts before the code of a bundle.
inline constexpr int wrapper_lines = 1;

// Lines and columns count from 1.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
};

class SourceMap {
 public:
  // A map that is empty or cannot be read knows no place.
  explicit SourceMap(std::string_view json);

  // Where the code at this place of the bundle came from. Column 0: the first of the line.
  std::optional<Place> find(int line, int column) const;

 private:
  struct Segment {
    int line;  // all from 0
    int column;
    int source;
    int source_line;
    int source_column;
  };
  void decode(std::string_view mappings);

  std::vector<std::string> sources_;
  std::vector<Segment> segments_;  // ordered by line and column
};

// One frame of a stack, with its place in the source.
struct StackFrame {
  std::string function;  // empty for code outside functions
  Place place;
};

// The frames of `stack` that are the user's code. Takes the form of Error.stack
// ("fn@source:line:column") and that of a backtrace ("#0 fn() at source:line"). Lines of the stack
// count the wrapper.
std::vector<StackFrame> map_frames(const SourceMap& map, std::string_view stack);

// As "at fn (file.ts:12:5)" lines.
std::string map_stack(const SourceMap& map, std::string_view stack);

}  // namespace agentcmd::script
