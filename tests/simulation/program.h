#pragma once
// A workflow program of the simulation: a random tree of everything that workflow code can do. What
// it asks for is a function of what happened (code.h), as is that of real workflow code.

#include "base/clock.h"

#include <cstdint>
#include <string>
#include <vector>

namespace agentcmd::simulation {

class World;

struct Node {
  enum class Kind {
    sequence,  // one after the other
    all,       // side by side; the first error wins
    settled,   // side by side; waits for all, whatever became of them
    race,      // side by side; the first wins, the others go on
    attempt,   // the first child; where it throws, the second
    branch,    // by what was found out before: the first child or the second
    repeat,    // the child, `count` times
    deadline,  // the child; gives it up, and throws, when a timer of `wait` comes first
    cleanup,   // the child, at the end of the run
    step,      // of `type`
    closure,   // with `count` effects
    sleep,     // for `wait`
    event,     // waits for the event `type`, at most for `wait` unless that is 0
    gate,      // a person decides, within `wait` unless that is 0
    patch,     // a note that replay tells of
    note,
    fail,  // throws
  };

  Kind kind = Kind::sequence;
  std::string id;    // unique among its siblings
  std::string type;  // see Kind
  std::uint32_t count = 0;
  Milliseconds wait{0};
  std::string options;  // of steps and closures: JSON
  std::string config;   // of steps: JSON; empty: {}
  std::vector<Node> children;
};

struct Program {
  Node body;
  std::vector<std::string> events;  // names of the events that it waits for
};

// How rich programs are.
struct ProgramShape {
  int leaves = 12;                    // about so many
  bool gates = true;                  // somebody is there who decides
  bool events = true;                 // somebody sends them
  std::vector<std::string> children;  // workflows that it may invoke
};

Program make_program(World& world, const ProgramShape& shape);

std::string to_text(const Program& program);

}  // namespace agentcmd::simulation
