#pragma once
// The one coroutine type of product code (docs/decisions/0003). Arguments of coroutines are values;
// the references they keep are to objects that outlive them by construction.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agentcmd {

template <typename T = void>
using Task = boost::asio::awaitable<T>;

inline constexpr auto use_task = boost::asio::use_awaitable;

}  // namespace agentcmd
