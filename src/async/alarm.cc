#include "async/alarm.h"

#include <boost/asio/steady_timer.hpp>

#include <utility>

namespace agentcmd {
namespace {

class SteadyAlarm final : public Alarm {
 public:
  explicit SteadyAlarm(const boost::asio::any_io_executor& executor) : timer_(executor) {}
  ~SteadyAlarm() override { cancel(); }

  void set(std::chrono::milliseconds wait, std::function<void()> ring) override {
    cancel();
    ring_ = std::make_shared<std::function<void()>>(std::move(ring));
    timer_.expires_after(wait);
    // A timer that has expired can no longer be cancelled, though its handler only waits in the
    // queue: it finds nothing to call then.
    timer_.async_wait([waiting = std::weak_ptr(ring_)](const boost::system::error_code&) {
      if (const auto set = waiting.lock()) (*set)();
    });
  }

  void cancel() override {
    ring_.reset();
    timer_.cancel();
  }

 private:
  boost::asio::steady_timer timer_;
  std::shared_ptr<std::function<void()>> ring_;
};

}  // namespace

std::unique_ptr<Alarm> make_alarm(const boost::asio::any_io_executor& executor) {
  return std::make_unique<SteadyAlarm>(executor);
}

}  // namespace agentcmd
