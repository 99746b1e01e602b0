#pragma once
// What a request to a model used up, in one form for all vendors.

#include "base/json.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace agentcmd::gateway {

enum class Vendor { anthropic, openai };

std::string_view to_string(Vendor vendor);

struct Usage {
  std::int64_t input = 0;   // that were not in a cache
  std::int64_t output = 0;  // thinking included
  std::int64_t cache_read = 0;
  std::int64_t cache_write = 0;       // kept for an hour or less
  std::int64_t cache_write_long = 0;  // of those, for an hour, which costs more
  std::int64_t reasoning = 0;         // of the output
  bool operator==(const Usage&) const = default;

  std::int64_t total() const { return input + output + cache_read + cache_write; }
  Usage& operator+=(const Usage& other);
};

Json to_json(const Usage& usage);

// Takes over what a usage object of any of the APIs says (Messages, Responses, Chat Completions).
// Later ones of the same answer repeat or complete earlier ones.
void read_usage(Usage& usage, const Json& reported);

// What an answer says of itself, gathered while it passes.
struct Meter {
  Usage usage;
  std::string model;
  std::string id;

  // An event of the stream, or the whole document.
  void take(const Json& event);
};

}  // namespace agentcmd::gateway
