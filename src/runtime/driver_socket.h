#pragma once
// A wake-up for a driver: a datagram that says "look at your requests". What is asked is in the
// database (store/requests.h), so that nothing is lost when nobody listens.

#include "async/task.h"
#include "store/home.h"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <string>

namespace agentcmd::runtime {

class DriverSocket {
 public:
  // Binds <home>/drivers/<id>.sock. Throws Fault.
  DriverSocket(const boost::asio::any_io_executor& executor, const store::Home& home,
               const std::string& driver);
  ~DriverSocket();  // removes the file
  DriverSocket(const DriverSocket&) = delete;
  DriverSocket& operator=(const DriverSocket&) = delete;

  // Calls `on_wake` for each wake-up until the task is cancelled.
  Task<> listen(std::function<void()> on_wake);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Wakes the driver. No answer, no error: a driver that is gone has no use for it.
void wake_driver(const store::Home& home, const std::string& driver);
void wake_all_drivers(const store::Home& home);

}  // namespace agentcmd::runtime
