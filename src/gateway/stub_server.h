#pragma once
// A stand-in for the vendors' models, on loopback: Anthropic's Messages API, OpenAI's Responses and
// Chat Completions, streamed and whole, with the side calls that the CLIs make (count_tokens,
// models). It plays rules (stub_rules.h), so that agents and step.ai run without a key and without
// spending anything: demos, dry runs, tests.

#include "gateway/stub_rules.h"
#include "http/server.h"

#include <boost/asio/any_io_executor.hpp>

#include <filesystem>
#include <memory>

namespace agentcmd::gateway {

class StubServer {
 public:
  // Every request to a model is appended to `log`, a JSON object a line (method, path, headers
  // without keys, body); empty: none is. Throws Fault where the port is taken.
  StubServer(boost::asio::any_io_executor executor, std::uint16_t port, StubRules rules,
             std::filesystem::path log);
  ~StubServer();
  StubServer(const StubServer&) = delete;
  StubServer& operator=(const StubServer&) = delete;

  std::uint16_t port() const;
  Task<> run();   // until stop()
  Task<> stop();  // breaks off what is being answered

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agentcmd::gateway
