// stub-models: serves a stand-in for the vendors' models until a signal says to stop.

#include "async/settled.h"
#include "async/task_group.h"
#include "cli/dispatch.h"
#include "cli/exit_code.h"
#include "gateway/stub_server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>

namespace agentcmd::cli {
namespace asio = boost::asio;
namespace {

Result<gateway::StubRules> read_rules(const std::filesystem::path& cwd, const std::string& file) {
  if (file.empty()) return gateway::StubRules();
  std::error_code ignored;
  if (std::filesystem::is_directory(cwd / file, ignored)) {
    return fail(ErrorCode::invalid_argument, fmt::format("--rules: '{}' is a folder", file));
  }
  std::ifstream in(cwd / file, std::ios::binary);
  if (!in) {
    return fail(ErrorCode::not_found,
                fmt::format("--rules: '{}' cannot be read: {}", file, std::strerror(errno)));
  }
  const std::string text(std::istreambuf_iterator<char>(in), {});
  return gateway::StubRules::parse(text, file);
}

// Whoever started us may be gone without a signal.
Task<> end_of_stdin(asio::any_io_executor executor) {
  asio::posix::stream_descriptor input(executor, dup(STDIN_FILENO));
  std::array<char, 256> bytes{};
  while (true) {
    const auto [error, count] =
        co_await input.async_read_some(asio::buffer(bytes), asio::as_tuple(use_task));
    if (error) co_return;
  }
}

Task<> told_to_stop(asio::signal_set& signals) {
  co_await signals.async_wait(asio::as_tuple(use_task));
}

}  // namespace

Task<int> serve_stub_models(Services& services, StubModelsCommand command) {
  auto rules = read_rules(services.cwd, command.rules);
  if (!rules) co_return refuse(services, rules.error(), ExitCode::not_started);
  asio::signal_set signals(services.executor, SIGINT, SIGTERM);
  const auto log = command.log.empty() ? std::filesystem::path() : services.cwd / command.log;
  gateway::StubServer server(services.executor, command.port, std::move(*rules), log);
  const auto url = fmt::format("http://127.0.0.1:{}", server.port());
  services.output.line(command.json ? to_text({{"url", url}, {"port", server.port()}}) : url);
  services.output.flush();
  TaskGroup tasks(services.executor);
  tasks.spawn("stub-models", server.run());
  using namespace asio::experimental::awaitable_operators;
  if (command.until_stdin_ends) {
    co_await (settle(end_of_stdin(services.executor)) || settle(told_to_stop(signals)));
  } else {
    co_await told_to_stop(signals);
  }
  co_await server.stop();
  tasks.cancel();
  co_await tasks.join();
  co_return static_cast<int>(ExitCode::ok);
}

}  // namespace agentcmd::cli
