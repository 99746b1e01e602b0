#include "process/input_frames.h"

#include "base/fault.h"
#include "base/text.h"
#include "process/unique_fd.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <optional>

namespace agentcmd::process {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using asio::local::stream_protocol;

namespace {

constexpr std::size_t header_bytes = 32;

std::string header_of(std::uint64_t number, std::size_t length) {
  return fmt::format("{:010} {:020}\n", number, length);
}

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Error ended() {
  return {ErrorCode::unavailable, "the process has ended, or another driver writes its input"};
}

class SocketFrames final : public InputFrames {
 public:
  explicit SocketFrames(const asio::any_io_executor& executor) : socket_(executor) {}

  // False: nobody listens there.
  Task<bool> connect(fs::path dir) {
    // By a descriptor, since the path of a folder is often longer than the name of a socket may be.
    const UniqueFd folder(::open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder.valid()) co_return false;
    const stream_protocol::endpoint name(fmt::format("/proc/self/fd/{}/frames.sock", folder.get()));
    const auto [error] = co_await socket_.async_connect(name, asio::as_tuple(use_task));
    if (error) co_return false;
    const auto told = co_await answer();
    if (!told) co_return false;
    earlier_ = sent_frames(dir);
    // A frame may be on its way into the file that nobody will finish.
    earlier_.resize(std::min<std::size_t>(earlier_.size(), last_));
    co_return true;
  }

  const std::vector<std::string>& earlier() const override { return earlier_; }

  Task<Result<void>> send(std::string bytes) override {
    if (bytes.empty()) co_return Result<void>();
    co_return co_await pass(std::move(bytes));
  }
  Task<Result<void>> close() override { co_return co_await pass({}); }

 private:
  Task<Result<void>> pass(std::string bytes) {
    const auto header = header_of(last_ + 1, bytes.size());
    const std::array<asio::const_buffer, 2> buffers{asio::buffer(header), asio::buffer(bytes)};
    // A refusal closes the socket while we write; what it says is to be read all the same.
    co_await asio::async_write(socket_, buffers, asio::as_tuple(use_task));
    co_return co_await answer();
  }

  Task<Result<void>> answer() {
    const auto [error, count] = co_await asio::async_read_until(
        socket_, asio::dynamic_buffer(read_), '\n', asio::as_tuple(use_task));
    if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
    if (error) co_return tl::unexpected(ended());
    const auto words = split(trim(read_.substr(0, count)), ' ');
    read_.erase(0, count);
    if (words.size() == 2 && words[0] == "have") {
      if (const auto number = number_in(words[1])) {
        last_ = *number;
        co_return Result<void>();
      }
    }
    if (words.size() != 3 || words[0] != "error") co_return tl::unexpected(ended());
    const int number = static_cast<int>(number_in(words[1]).value_or(EIO));
    if (number == EFBIG) {
      co_return fail(ErrorCode::invalid_argument, "the input is longer than a process may be sent");
    }
    if (number == EPIPE || number == EPROTO) co_return tl::unexpected(ended());
    throw_errno("keep the input of a process", number);
  }

  stream_protocol::socket socket_;
  std::string read_;
  std::uint64_t last_ = 0;
  std::vector<std::string> earlier_;
};

}  // namespace

Task<Result<std::unique_ptr<InputFrames>>> open_input(asio::any_io_executor executor,
                                                      fs::path dir) {
  auto frames = std::make_unique<SocketFrames>(executor);
  if (!co_await frames->connect(std::move(dir))) co_return tl::unexpected(ended());
  co_return std::unique_ptr<InputFrames>(std::move(frames));
}

std::vector<std::string> sent_frames(const fs::path& dir) {
  std::vector<std::string> frames;
  std::ifstream file(dir / "frames", std::ios::binary);
  std::string header(header_bytes, '\0');
  while (file.read(header.data(), header_bytes)) {
    const auto length = number_in(std::string_view(header).substr(11, 20));
    if (!length) break;
    std::string bytes(*length, '\0');
    if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) break;
    frames.push_back(std::move(bytes));
  }
  return frames;
}

}  // namespace agentcmd::process
