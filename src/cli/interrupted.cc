#include "cli/interrupted.h"

#include "base/text.h"

#include <fmt/format.h>

#include <map>

namespace agentcmd::cli {

bool is_interrupted(const Services& services, const store::RunRow& run) {
  const bool is_live = !store::is_terminal(run.status) && run.status != store::RunStatus::paused;
  // At a gate it waits for a person in any case.
  if (run.status == store::RunStatus::waiting && run.at_gate) return false;
  return is_live && !runtime::is_driver_alive(services.home, run.driver);
}

Task<> mention_interrupted(Services& services) {
  constexpr std::size_t named_max = 3;
  std::vector<std::string> ids;
  std::size_t count = 0;
  std::map<std::string, bool> alive;
  for (const auto& run : co_await services.store().catalog().driven()) {
    const auto [driver, is_new] = alive.try_emplace(run.driver);
    if (is_new) driver->second = runtime::is_driver_alive(services.home, run.driver);
    if (driver->second) continue;
    if (++count <= named_max) ids.push_back(run.id.text);
  }
  if (count == 0) co_return;
  services.output.complain(
      fmt::format("{} interrupted ({}{}); go on with: agentcmd runs resume {}",
                  count == 1 ? "1 run lies" : fmt::format("{} runs lie", count), join(ids, ", "),
                  count > named_max ? ", …" : "", ids.front()));
}

}  // namespace agentcmd::cli
