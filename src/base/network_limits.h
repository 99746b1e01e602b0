#pragma once
// The limits (limits.h) of HTTP and of the model gateway.

#include "base/limits.h"

#include <cstdint>

namespace agentcmd::limits {

// Our HTTP server, and what of an answer is kept for who does not read it.
inline constexpr std::size_t http_body_bytes_max = 128 * mib;
inline constexpr std::uint32_t http_header_bytes_max = 64 * kib;
inline constexpr std::size_t http_connections_max = 1024;
inline constexpr auto http_request_max = 5min;  // until a request is whole, idleness before it too
inline constexpr auto http_accept_retry = 100ms;
inline constexpr auto http_connect_max = 30s;
inline constexpr std::size_t http_unread_bytes_max = mib;

// What a model says in one answer, as step.ai keeps it.
inline constexpr std::size_t model_answer_bytes_max = 32 * mib;
// Of what a vendor says when it refuses.
inline constexpr std::size_t model_refusal_bytes_max = 64 * kib;
// A wait that a vendor asks for; a longer one is a usage limit.
inline constexpr auto model_retry_after_max = 5min;

}  // namespace agentcmd::limits
