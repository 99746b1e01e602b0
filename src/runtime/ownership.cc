#include "runtime/ownership.h"

#include "base/fault.h"
#include "base/id.h"
#include "base/json.h"
#include "runtime/driver.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <fstream>

namespace agentcmd::runtime {

DriverLock::DriverLock(const store::Home& home, Random& random)
    : id_(make_id('d', random)), file_(home.drivers() / id_) {
  fd_ = process::UniqueFd(open(file_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd_.valid()) throw_errno("creating " + file_.string(), errno);
  if (flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) throw_errno("locking " + file_.string(), errno);
  const auto content = to_text({{"pid", getpid()}}) + "\n";
  if (write(fd_.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    throw_errno("writing " + file_.string(), errno);
  }
}

DriverLock::~DriverLock() {
  unlink(file_.c_str());
}

bool is_driver_alive(const store::Home& home, const std::string& driver) {
  const auto file = home.drivers() / driver;
  const process::UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return false;
  return flock(fd.get(), LOCK_SH | LOCK_NB) != 0;
}

int driver_pid(const store::Home& home, const std::string& driver) {
  std::ifstream file(home.drivers() / driver);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const auto content = parse_json(text, "driver file");
  return content ? static_cast<int>(int_or(*content, "pid")) : 0;
}

}  // namespace agentcmd::runtime
