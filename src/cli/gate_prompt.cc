#include "cli/gate_prompt.h"

#include "async/settled.h"
#include "cli/ask_driver.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace agentcmd::cli {
namespace asio = boost::asio;

namespace {

constexpr std::size_t line_bytes_max = 64 * 1024;

}  // namespace

GatePrompt::GatePrompt(Services& services, RunView& view, history::RunId run)
    : services_(services), view_(view), run_(std::move(run)), changed_(services.executor) {}

void GatePrompt::take_back() {
  taken_back_ = true;
  changed_.notify();
}

void GatePrompt::retire() {
  retired_ = true;
  changed_.notify();
}

Task<> GatePrompt::ask() {
  while (!taken_back_ && !retired_) {
    const auto* gate = next();
    if (gate == nullptr) {
      co_await changed_.wait();
    } else {
      co_await ask_one(*gate);
    }
  }
}

// A question among the output of steps would be overlooked.
const OpenGate* GatePrompt::next() const {
  const auto& waiting = view_.facts().waiting;
  if (!view_.facts().paused_reason.empty()) return nullptr;
  auto at_work = waiting.steps;
  for (const auto& [key, gate] : waiting.gates) at_work.erase(gate.step);
  if (!at_work.empty()) return nullptr;
  for (const auto& [key, gate] : waiting.gates) {
    if (!answered_.contains(key)) return &gate;
  }
  return nullptr;
}

Task<> GatePrompt::ask_one(OpenGate gate) {
  using namespace asio::experimental::awaitable_operators;
  asking_ = true;
  tcflush(STDIN_FILENO, TCIFLUSH);  // what was typed before the question is no answer to it
  view_.ask(gate);
  auto typed = settle(read_line());
  auto answer = co_await (std::move(typed) || closed(gate.key));
  asking_ = false;
  view_.asked();
  if (answer.index() == 1) co_return;
  const auto typed_line = std::get<0>(answer).take();
  if (typed_line.terminal_gone) co_return retire();
  if (!typed_line.line) co_return take_back();
  const auto parsed = parse_answer(gate, *typed_line.line);
  if (!parsed) co_return;  // asked again
  answered_.insert(gate.key);
  co_await post_request(services_, run_, "gate", gate_request(gate, user_name(), *parsed));
}

Task<GatePrompt::Typed> GatePrompt::read_line() {
  asio::posix::stream_descriptor input(services_.executor, dup(STDIN_FILENO));
  std::string line;
  const auto [error, size] = co_await asio::async_read_until(
      input, asio::dynamic_buffer(line, line_bytes_max), '\n', asio::as_tuple(use_task));
  Typed typed;
  typed.terminal_gone = error.value() == EIO;
  if (!error) typed.line = line.substr(0, size);
  co_return typed;
}

// Returns when the gate is no longer to be asked.
Task<> GatePrompt::closed(history::StepKey gate) {
  while (!taken_back_ && !retired_ && view_.facts().waiting.gates.contains(gate))
    co_await changed_.wait();
}

}  // namespace agentcmd::cli
