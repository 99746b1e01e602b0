#pragma once
// Who executes a run. Each driver holds an flock on a file of its own below <home>/drivers for its
// whole life; the kernel releases it however the driver dies, so a free lock proves that nobody
// executes its runs. A run names its driver and a term; taking it over raises the term, and the log
// refuses appends under an older one, so that a driver that was only thought dead can do no harm.

#include "base/random.h"
#include "process/rooted_path.h"
#include "store/home.h"

#include <filesystem>
#include <string>

namespace agentcmd::runtime {

class DriverLock {
 public:
  // Makes and locks drivers/<new id>. Throws Fault where the home cannot be written.
  DriverLock(const store::Home& home, Random& random);
  ~DriverLock();  // removes the file
  DriverLock(const DriverLock&) = delete;
  DriverLock& operator=(const DriverLock&) = delete;

  const std::string& id() const { return id_; }

 private:
  std::string id_;
  std::filesystem::path file_;
  process::UniqueFd fd_;
};

// is_driver_alive() is in driver.h. Process id that the driver wrote into its file, 0 if unknown:
// for messages.
int driver_pid(const store::Home& home, const std::string& driver);

}  // namespace agentcmd::runtime
