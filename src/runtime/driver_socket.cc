#include "runtime/driver_socket.h"

#include "base/fault.h"
#include "process/rooted_path.h"

#include <boost/asio/local/datagram_protocol.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace agentcmd::runtime {

namespace asio = boost::asio;
using Protocol = asio::local::datagram_protocol;

namespace {

// A socket's path has room for 107 bytes, and homes can be longer: go through the open folder.
std::string short_path(const process::UniqueFd& folder, const std::string& driver) {
  return fmt::format("/proc/self/fd/{}/{}.sock", folder.get(), driver);
}

process::UniqueFd open_folder(const store::Home& home) {
  return process::UniqueFd(open(home.drivers().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

struct DriverSocket::Impl {
  Impl(const asio::any_io_executor& executor, std::filesystem::path where)
      : socket(executor), file(std::move(where)) {}
  Protocol::socket socket;
  std::filesystem::path file;
};

DriverSocket::DriverSocket(const asio::any_io_executor& executor, const store::Home& home,
                           const std::string& driver)
    : impl_(std::make_unique<Impl>(executor, home.drivers() / (driver + ".sock"))) {
  const auto folder = open_folder(home);
  if (!folder.valid()) throw_errno("opening " + home.drivers().string(), errno);
  boost::system::error_code error;
  impl_->socket.open(Protocol(), error);
  if (!error) impl_->socket.bind(Protocol::endpoint(short_path(folder, driver)), error);
  if (error)
    throw Fault("creating the driver's socket " + impl_->file.string() + ": " + error.message());
}

DriverSocket::~DriverSocket() {
  unlink(impl_->file.c_str());
}

Task<> DriverSocket::listen(std::function<void()> on_wake) {
  std::array<char, 16> buffer{};
  while (true) {
    co_await impl_->socket.async_receive(asio::buffer(buffer), use_task);
    on_wake();
  }
}

void wake_driver(const store::Home& home, const std::string& driver) {
  const auto folder = open_folder(home);
  if (!folder.valid()) return;
  asio::io_context io;
  Protocol::socket socket(io);
  boost::system::error_code ignored;
  socket.open(Protocol(), ignored);
  socket.send_to(asio::buffer("wake", 4), Protocol::endpoint(short_path(folder, driver)), 0,
                 ignored);
}

void wake_all_drivers(const store::Home& home) {
  std::error_code error;
  const auto options = std::filesystem::directory_options::skip_permission_denied;
  std::filesystem::directory_iterator entry(home.drivers(), options, error);
  for (const std::filesystem::directory_iterator end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".sock") wake_driver(home, entry->path().stem().string());
  }
}

}  // namespace agentcmd::runtime
