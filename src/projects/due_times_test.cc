// With the real worker: croner in JavaScriptCore. What croner itself says is
// sdk/test/cron.test.mjs.

#include "projects/due_times.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

namespace agentcmd::projects {
namespace {

namespace asio = boost::asio;

class DueTimesTest : public testing::Test {
 protected:
  ~DueTimesTest() override { wait(due_times.stop()); }

  template <typename T>
  T wait(Task<T> task) {
    auto future = asio::co_spawn(io, std::move(task), asio::use_future);
    io.restart();
    while (future.wait_for(std::chrono::seconds(0)) != std::future_status::ready) io.run_one();
    return future.get();
  }
  static Time moment(int month, int day, int hour, int minute = 0) {
    const std::chrono::year_month_day date(std::chrono::year(2026),
                                           std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day)));
    return Time(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
           std::chrono::minutes(minute);
  }
  static CronTrigger trigger(std::string cron, std::string timezone = "UTC") {
    return {.name = "s", .cron = std::move(cron), .timezone = std::move(timezone), .args = {"{}"}};
  }

  asio::io_context io;
  DueTimes due_times{io.get_executor(), AGENTCMD_TEST_LIBEXEC};
};

TEST_F(DueTimesTest, DueTimesLieBehindOneMomentAndUpToAnother) {
  const auto times =
      wait(due_times.of(trigger("0 9 * * 1-5"), moment(3, 2, 9), moment(3, 5, 9), 10));
  EXPECT_EQ(times.value(), (std::vector{moment(3, 3, 9), moment(3, 4, 9), moment(3, 5, 9)}));
}

TEST_F(DueTimesTest, ZonesChangeTheirClocks) {
  const auto daily = trigger("30 2 * * *", "Europe/Berlin");
  EXPECT_EQ(wait(due_times.of(daily, moment(3, 27, 12), {}, 3)).value(),
            (std::vector{moment(3, 28, 1, 30), moment(3, 29, 1), moment(3, 30, 0, 30)}));
  EXPECT_EQ(wait(due_times.of(daily, moment(10, 24, 0), {}, 3)).value(),
            (std::vector{moment(10, 24, 0, 30), moment(10, 25, 0, 30), moment(10, 26, 1, 30)}));
}

TEST_F(DueTimesTest, AScheduleMayNeverBeDue) {
  EXPECT_EQ(wait(due_times.next(trigger("0 0 30 2 *"), moment(1, 1, 0))).value(), Time());
}

TEST_F(DueTimesTest, WhatIsNoPatternIsRefused) {
  const auto refused = wait(due_times.next(trigger("61 * * * *"), moment(1, 1, 0)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(refused.error().message.find("61 * * * *"), std::string::npos)
      << refused.error().message;
}

}  // namespace
}  // namespace agentcmd::projects
