#pragma once
// From the words that the user typed to a command.

#include "cli/commands.h"

#include <map>
#include <string>
#include <variant>
#include <vector>

namespace agentcmd::cli {

struct Parsed {
  Command command;
  // Settings given as flags, by the key that they have in config.json: {"logLevel": "debug"}.
  std::map<std::string, std::string> settings;
};

// Nothing to carry out: help that was asked for, or what is wrong with the words.
struct Refused {
  int exit_code = 0;
  std::string out;
  std::string err;
};

// `words` without the program's name.
std::variant<Parsed, Refused> parse_command_line(std::vector<std::string> words);

}  // namespace agentcmd::cli
