#include "cli/execute.h"

#include "async/settled.h"
#include "async/task_group.h"
#include "async/wakeup.h"
#include "cli/child_waits.h"
#include "cli/detach.h"
#include "cli/dispatch.h"
#include "cli/exit_code.h"
#include "cli/gate_prompt.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <optional>
#include <utility>

namespace agentcmd::cli {
namespace asio = boost::asio;
namespace {

bool is_ignored(int signal) {
  struct sigaction action{};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

// Asks on the terminal; an end of input or anything but "y" is no.
Task<bool> confirmed(asio::any_io_executor executor, Output& output, std::string question) {
  output.out(question + " [y/N] ");
  asio::posix::stream_descriptor input(executor, dup(STDIN_FILENO));
  std::string line;
  const auto [error, size] = co_await asio::async_read_until(input, asio::dynamic_buffer(line, 256),
                                                             '\n', asio::as_tuple(use_task));
  co_return !error && size > 0 && (line[0] == 'y' || line[0] == 'Y');
}

class Execution {
 public:
  Execution(Services& services, runtime::Driver& driver, RunView& view, history::RunId run)
      : services_(services),
        driver_(driver),
        view_(view),
        run_(std::move(run)),
        signals_(services.executor),
        prompt_(services, view, run_),
        tasks_(services.executor),
        changed_(services.executor) {
    signals_.add(SIGINT);
    signals_.add(SIGTERM);
    // Started by nohup, it has no terminal to lose.
    if (!is_ignored(SIGHUP)) signals_.add(SIGHUP);
    view_.on_event([this](const history::Event& event) { committed(event); });
  }
  ~Execution() { view_.on_event(nullptr); }
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  Task<int> run(bool resume) {
    tasks_.spawn("run.signals", watch_signals());
    tasks_.spawn("run.animate", view_.animate());
    tasks_.spawn("run.stdout", services_.output.drain_out());
    tasks_.spawn("run.stderr", services_.output.drain_err());
    if (services_.can_ask) tasks_.spawn("run.ask", ask_gates());
    for (const auto& [key, gate] : view_.facts().waiting.gates) announce(gate);
    do {
      driven_.reset();
      tasks_.spawn("run.drive", drive(resume));
      while (!driven_ && !fault_ && !is_left()) co_await changed_.wait();
      resume = true;
    } while (co_await is_to_be_repeated());
    if (is_left()) co_await driver_.stop();
    tasks_.cancel();
    co_await tasks_.join();
    if (fault_ && !is_left()) {
      view_.close();
      services_.output.err(
          fmt::format("The run could not go on and stays as it is. When the cause is gone: "
                      "agentcmd runs resume "
                      "{}\n",
                      run_.text));
      std::rethrow_exception(fault_);
    }
    if (!view_.facts().waiting.invoked.empty()) {
      view_.know_children(co_await child_waits(services_.store(), view_.facts().waiting));
    }
    if (leaving_ != 0) co_return left();
    co_return is_left() ? left_at_gate() : ended();
  }

 private:
  // The border of the run within this command: what leaves it is rethrown by run().
  Task<> drive(bool resume) {
    try {
      driven_ = co_await driver_.drive(run_, resume);
    } catch (...) {
      fault_ = std::current_exception();
    }
    changed_.notify();
  }

  bool is_left() const { return leaving_ != 0 || prompt_.is_taken_back(); }

  Task<> ask_gates() {
    co_await prompt_.ask();
    changed_.notify();
  }

  // Who waits where nobody can be asked says what for, and how to answer. Where nothing but gates
  // is left, and we do not wait, the ending says it.
  void announce(const OpenGate& gate) {
    const auto& waiting = view_.facts().waiting;
    const bool has_more =
        !waiting.steps.empty() || !waiting.waits.empty() || !waiting.timers.empty();
    if (services_.can_ask || !(services_.wait_when_paused || has_more)) return;
    view_.notice(fmt::format("Waiting for approval '{}': {}\n  {}\n  {}", gate.key.text, gate.title,
                             approve_command(run_, gate), deny_command(run_, gate)));
  }

  void committed(const history::Event& event) {
    prompt_.look();
    if (const auto* opened = std::get_if<history::GateOpened>(&event.detail)) {
      announce(view_.facts().waiting.gates.at(opened->key));
    }
    const auto* paused = std::get_if<history::RunPaused>(&event.detail);
    if (paused != nullptr && services_.wait_when_paused) {
      view_.notice(fmt::format("Paused; waiting. {}\n  agentcmd runs resume {}", paused->message,
                               run_.text));
    }
  }

  Task<> watch_signals() {
    while (leaving_ == 0) {
      const int signal = co_await signals_.async_wait(use_task);
      if (signal == SIGHUP) {
        go_to_background();
      } else if (signal == SIGINT && asking_) {
        asking_ = false;
        changed_.notify();
      } else if (signal == SIGINT && prompt_.is_asking()) {
        prompt_.take_back();
      } else if (signal == SIGINT && !cancelling_) {
        cancelling_ = true;
        view_.notice(
            "Cancelling; clean-up steps run. Ctrl-C again leaves the run as it is, to be resumed "
            "later.");
        tasks_.spawn("run.cancel", driver_.cancel(run_, "Ctrl-C"));
      } else {
        leaving_ = signal;
        changed_.notify();
      }
    }
  }

  void go_to_background() {
    if (detached_) return;
    detached_ = true;
    prompt_.retire();
    services_.output.redirect(log_file(services_.home, run_));
    view_.detached();
    view_.notice("The terminal is gone; the run goes on in the background.");
  }

  // A command that was lost is run again only when the user says so.
  Task<bool> is_to_be_repeated() {
    const bool is_lost = driven_ && *driven_ && (*driven_)->status == store::RunStatus::paused &&
                         view_.facts().paused_reason == "lost";
    const bool can_ask = services_.output.out_is_terminal() && isatty(STDIN_FILENO) == 1;
    if (!is_lost || !can_ask || leaving_ != 0) co_return false;
    view_.notice((*driven_)->message);
    using namespace asio::experimental::awaitable_operators;
    asking_ = true;
    auto asked = settle(confirmed(services_.executor, services_.output, "Run it again?"));
    const auto answer = co_await (std::move(asked) || not_asked());
    asking_ = false;
    // A question that cannot be asked has not been answered with yes.
    co_return answer.index() == 0 && std::get<0>(answer).value.value_or(false);
  }

  // Returns when a signal takes the question back.
  Task<> not_asked() {
    while (asking_ && leaving_ == 0) co_await changed_.wait();
  }

  int left() {
    Ending ending;
    ending.run = run_;
    ending.status = store::RunStatus::running;
    ending.interrupted = true;
    view_.finish(ending);
    return static_cast<int>(leaving_ == SIGINT ? ExitCode::interrupted : ExitCode::terminated);
  }

  int left_at_gate() {
    Ending ending;
    ending.run = run_;
    ending.status = store::RunStatus::waiting;
    view_.finish(ending);
    return static_cast<int>(ExitCode::gated);
  }

  int ended() {
    const auto& driven = *driven_;
    if (!driven) {
      view_.close();
      return refuse(services_, driven.error(), ExitCode::failed);
    }
    Ending ending;
    ending.run = run_;
    ending.status = driven->status;
    ending.message = driven->message;
    view_.finish(ending);
    return static_cast<int>(exit_code_of(driven->status));
  }

  ExitCode exit_code_of(store::RunStatus status) const {
    if (status == store::RunStatus::completed) return ExitCode::ok;
    if (status == store::RunStatus::paused) return ExitCode::paused;
    if (status == store::RunStatus::waiting) return ExitCode::gated;
    const bool by_us = status == store::RunStatus::cancelled && cancelling_;
    return by_us ? ExitCode::interrupted : ExitCode::failed;
  }

  // Constant after construction.
  Services& services_;
  runtime::Driver& driver_;
  RunView& view_;
  const history::RunId run_;

  asio::signal_set signals_;
  GatePrompt prompt_;
  std::optional<Result<runtime::Driven>> driven_;
  std::exception_ptr fault_;
  bool cancelling_ = false;
  bool asking_ = false;  // whether to run a lost command again
  bool detached_ = false;
  int leaving_ = 0;  // the signal that said so
  TaskGroup tasks_;
  Wakeup changed_;
};

}  // namespace

Task<int> execute_run(Services& services, runtime::Driver& driver, RunView& view,
                      history::RunId run, bool resume) {
  Execution execution(services, driver, view, std::move(run));
  co_return co_await execution.run(resume);
}

}  // namespace agentcmd::cli
