#include "simulation/program.h"

#include "simulation/world.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace agentcmd::simulation {
namespace {

using Kind = Node::Kind;

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::sequence:
      return "sequence";
    case Kind::all:
      return "all";
    case Kind::settled:
      return "settled";
    case Kind::race:
      return "race";
    case Kind::attempt:
      return "try";
    case Kind::branch:
      return "branch";
    case Kind::repeat:
      return "repeat";
    case Kind::deadline:
      return "deadline";
    case Kind::cleanup:
      return "cleanup";
    case Kind::step:
      return "step";
    case Kind::closure:
      return "run";
    case Kind::sleep:
      return "sleep";
    case Kind::event:
      return "event";
    case Kind::gate:
      return "gate";
    case Kind::patch:
      return "patch";
    case Kind::note:
      return "note";
    case Kind::fail:
      return "fail";
  }
  std::unreachable();
}

class Maker {
 public:
  Maker(World& world, const ProgramShape& shape)
      : world_(world), shape_(shape), leaves_(shape.leaves) {}

  Program make() {
    Program program;
    program.body = group(Kind::sequence, 0, world_.between(1, 6));
    program.events = std::move(events_);
    return program;
  }

 private:
  Node node(Kind kind) {
    return {.kind = kind, .id = fmt::format("{}{}", kind_letter(kind), ++ids_)};
  }

  static std::string kind_letter(Kind kind) { return std::string(name_of(kind).substr(0, 1)); }

  Node any(int depth) {
    if (depth < 3 && leaves_ > 2 && world_.chance(400)) return composite(depth + 1);
    return leaf();
  }

  Node group(Kind kind, int depth, std::uint64_t children) {
    auto group = node(kind);
    for (std::uint64_t i = 0; i < children; ++i) group.children.push_back(any(depth));
    return group;
  }

  Node composite(int depth) {
    switch (world_.below(12)) {
      case 0:
      case 1:
        return group(Kind::sequence, depth, world_.between(1, 3));
      case 2:
      case 3:
        return group(Kind::all, depth, world_.between(2, 4));
      case 4:
        return group(Kind::settled, depth, world_.between(2, 4));
      case 5:
        return group(Kind::race, depth, world_.between(2, 3));
      case 6:
      case 7:
        return group(Kind::attempt, depth, 2);
      case 8:
        return group(Kind::branch, depth, 2);
      case 9: {
        auto repeat = group(Kind::repeat, depth, 1);
        repeat.count = static_cast<std::uint32_t>(world_.between(2, 3));
        return repeat;
      }
      case 10: {
        auto deadline = group(Kind::deadline, depth, 1);
        deadline.wait = wait();
        return deadline;
      }
      default:
        return group(Kind::cleanup, depth, 1);
    }
  }

  Milliseconds wait() {
    constexpr std::array<std::uint64_t, 6> longest{1, 50, 1000, 5000, 60'000, 900'000};
    return Milliseconds(world_.between(1, longest.at(world_.below(longest.size()))));
  }

  std::string options() {
    switch (world_.below(14)) {
      case 0:
        return R"({"retry":{"attempts":1}})";
      case 1:
        return R"({"retry":{"attempts":2,"initial":10}})";
      case 2:
        return R"({"retry":{"attempts":5,"initial":100,"factor":3,"max":1000,"timeouts":true}})";
      case 3:
        return R"({"retry":{"attempts":2,"initial":0},"onExhausted":"pause"})";
      case 4:
        return R"({"retry":{"nonRetryable":["NoLuck"]}})";
      case 5:
      case 6:
      case 7:
        return R"({"onLost":"probe","probe":true})";
      case 8:
        return world_.chance(500) ? R"({"onLost":"ask"})" : R"({"onLost":"fail"})";
      default:
        return "{}";
    }
  }

  Node send() {
    auto send = node(Kind::step);
    send.type = "sendEvent";
    send.config = fmt::format(R"({{"events":[{{"name":"event{}","data":{{}}}})", world_.below(3));
    if (world_.chance(300)) send.config += R"(,{"name":"event0","data":{"n":2}})";
    send.config += "]}";
    return send;
  }

  Node invoke() {
    auto invoke = node(Kind::step);
    invoke.type = "invoke";
    const auto& workflow = shape_.children[world_.below(shape_.children.size())];
    invoke.config = fmt::format(R"({{"workflow":"{}","args":{{"n":1}})", workflow);
    if (world_.chance(200)) invoke.config += R"(,"parentClose":"abandon")";
    if (world_.chance(200)) invoke.config += fmt::format(R"(,"timeout":{})", wait().count());
    invoke.config += "}";
    invoke.options = world_.chance(200) ? R"({"retry":{"attempts":2,"initial":10}})" : "{}";
    return invoke;
  }

  Node leaf() {
    --leaves_;
    if (world_.chance(60)) return send();
    if (!shape_.children.empty() && world_.chance(120)) return invoke();
    switch (world_.below(16)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        constexpr std::array<const char*, 4> types{"cli", "agent", "git", "again"};
        auto step = node(Kind::step);
        step.type = types.at(world_.below(types.size()));
        step.options = options();
        return step;
      }
      case 4:
      case 5:
      case 6:
      case 7: {
        auto closure = node(Kind::closure);
        closure.count = static_cast<std::uint32_t>(world_.chance(500) ? 0 : world_.between(1, 3));
        closure.options = options();
        return closure;
      }
      case 8:
      case 9: {
        auto sleep = node(Kind::sleep);
        sleep.wait = wait();
        return sleep;
      }
      case 10:
      case 11: {
        auto event = node(Kind::event);
        event.type = fmt::format("event{}", world_.below(3));
        if (!shape_.events || world_.chance(500)) event.wait = wait();
        events_.push_back(event.type);
        return event;
      }
      case 12: {
        auto gate = node(Kind::gate);
        if (!shape_.gates || world_.chance(500)) gate.wait = wait();
        return gate;
      }
      case 13:
        return node(Kind::patch);
      case 14:
        return node(world_.chance(300) ? Kind::fail : Kind::note);
      default:
        return node(Kind::note);
    }
  }

  World& world_;
  const ProgramShape& shape_;
  int leaves_;
  int ids_ = 0;
  std::vector<std::string> events_;
};

void append(std::string& text, const Node& node, std::size_t depth) {
  text += fmt::format("{:{}}{} {}", "", depth * 2, name_of(node.kind), node.id);
  if (!node.type.empty()) text += " " + node.type;
  if (node.count != 0) text += fmt::format(" x{}", node.count);
  if (node.wait.count() != 0) text += fmt::format(" {} ms", node.wait.count());
  if (!node.config.empty()) text += " " + node.config;
  if (node.options.size() > 2) text += " " + node.options;
  text += '\n';
  for (const auto& child : node.children) append(text, child, depth + 1);
}

}  // namespace

Program make_program(World& world, const ProgramShape& shape) {
  return Maker(world, shape).make();
}

std::string to_text(const Program& program) {
  std::string text;
  append(text, program.body, 1);
  return text;
}

}  // namespace agentcmd::simulation
