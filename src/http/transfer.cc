#include "http/transfer.h"

#include "async/wakeup.h"
#include "base/fault.h"
#include "base/network_limits.h"
#include "base/text.h"
#include "http/curl_request.h"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <unistd.h>

#include <map>
#include <optional>
#include <utility>

namespace agentcmd::http {

namespace asio = boost::asio;

namespace {

struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

// A socket of libcurl as the loop watches it: a duplicate, so that libcurl may close its own
// whenever it likes.
struct Watched {
  explicit Watched(const asio::any_io_executor& executor, int fd) : descriptor(executor, fd) {}
  asio::posix::stream_descriptor descriptor;
  int wanted = 0;  // CURL_POLL_*
  bool reading = false;
  bool writing = false;
};

}  // namespace

// libcurl on the loop: its sockets and its one timer. Handlers of the loop may run after it was
// given up, so they hold it weakly.
class CurlLoop : public std::enable_shared_from_this<CurlLoop> {
 public:
  explicit CurlLoop(asio::any_io_executor on) : executor(std::move(on)), timer(executor) {
    make_curl();  // initialises the library
    multi.reset(curl_multi_init());
    if (!multi) throw Fault("libcurl could not be initialised: out of memory");
    curl_multi_setopt(multi.get(), CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi.get(), CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi.get(), CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi.get(), CURLMOPT_TIMERDATA, this);
  }

  static int on_socket(CURL*, curl_socket_t fd, int what, void* user, void*) {
    static_cast<CurlLoop*>(user)->watch(fd, what);
    return 0;
  }

  static int on_timer(CURLM*, long milliseconds, void* user) {
    static_cast<CurlLoop*>(user)->set_timer(milliseconds);
    return 0;
  }

  void watch(curl_socket_t fd, int what) {
    if (what == CURL_POLL_REMOVE) {
      watched.erase(fd);
      return;
    }
    auto& entry = watched[fd];
    if (!entry) {
      const int duplicate = ::dup(fd);
      if (duplicate < 0) {
        watched.erase(fd);
        return;  // libcurl's timeout ends the transfer
      }
      entry = std::make_shared<Watched>(executor, duplicate);
    }
    entry->wanted = what;
    arm(fd, entry);
  }

  void arm(curl_socket_t fd, const std::shared_ptr<Watched>& entry) {
    if ((entry->wanted & CURL_POLL_IN) != 0 && !entry->reading) {
      entry->reading = true;
      wait(fd, entry, asio::posix::stream_descriptor::wait_read, CURL_CSELECT_IN);
    }
    if ((entry->wanted & CURL_POLL_OUT) != 0 && !entry->writing) {
      entry->writing = true;
      wait(fd, entry, asio::posix::stream_descriptor::wait_write, CURL_CSELECT_OUT);
    }
  }

  void wait(curl_socket_t fd, const std::shared_ptr<Watched>& entry,
            asio::posix::stream_descriptor::wait_type kind, int action) {
    entry->descriptor.async_wait(kind, [self = weak_from_this(), weak = std::weak_ptr(entry), fd,
                                        action](boost::system::error_code error) {
      const auto impl = self.lock();
      const auto held = weak.lock();
      if (!impl || !held) return;
      (action == CURL_CSELECT_IN ? held->reading : held->writing) = false;
      if (error == asio::error::operation_aborted) return;
      const int wanted = action == CURL_CSELECT_IN ? CURL_POLL_IN : CURL_POLL_OUT;
      if ((held->wanted & wanted) == 0) return;  // no longer
      impl->act(fd, error ? CURL_CSELECT_ERR : action);
      const auto still = impl->watched.find(fd);
      if (still != impl->watched.end() && still->second == held) impl->arm(fd, held);
    });
  }

  void set_timer(long milliseconds) {
    timer.cancel();
    if (milliseconds < 0) return;
    timer.expires_after(std::chrono::milliseconds(milliseconds));
    timer.async_wait([self = weak_from_this()](boost::system::error_code error) {
      const auto impl = self.lock();
      if (impl && !error) impl->act(CURL_SOCKET_TIMEOUT, 0);
    });
  }

  void act(curl_socket_t fd, int action) {
    int running = 0;
    curl_multi_socket_action(multi.get(), fd, action, &running);
    collect();
  }

  void collect();

  asio::any_io_executor executor;
  std::map<curl_socket_t, std::shared_ptr<Watched>> watched;
  asio::steady_timer timer;
  std::unique_ptr<CURLM, MultiDeleter> multi;  // first to go: it calls watch()
};

namespace {

class Running final : public Transfer {
 public:
  Running(std::shared_ptr<CurlLoop> loop, Request request);
  ~Running() override;

  Task<tl::expected<Head, Failure>> head() override {
    while (!head_done_ && !ended_) co_await changed_.wait();
    if (!head_done_ && failure_) co_return tl::unexpected(*failure_);
    co_return head_;
  }

  Task<tl::expected<std::string, Failure>> read() override {
    while (body_.empty() && !ended_) co_await changed_.wait();
    if (body_.empty() && failure_) co_return tl::unexpected(*failure_);
    auto bytes = std::exchange(body_, {});
    if (std::exchange(paused_, false)) resume();
    co_return bytes;
  }

  void end(CURLcode code) {
    ended_ = true;
    if (code != CURLE_OK) failure_ = curl_failure(curl_.get(), code, detail_, request_).value();
    head_done_ = head_done_ || code == CURLE_OK;
    changed_.notify();
  }

 private:
  static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* user) {
    auto& self = *static_cast<Running*>(user);
    if (self.body_.size() >= limits::http_unread_bytes_max) {
      self.paused_ = true;
      return CURL_WRITEFUNC_PAUSE;
    }
    self.body_.append(bytes, size * count);
    self.changed_.notify();
    return size * count;
  }

  static std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* user) {
    static_cast<Running*>(user)->take_header(trim(std::string_view(bytes, size * count)));
    return size * count;
  }

  void take_header(std::string_view line) {
    if (line.starts_with("HTTP/")) {
      head_ = {};
      const auto space = line.find(' ');
      if (space != std::string_view::npos) head_.status = std::atoi(line.data() + space + 1);
    } else if (!line.empty()) {
      if (!head_done_) parse_header(line, head_.headers);  // trailers come after the body
    } else if (head_.status >= 200) {
      head_done_ = true;
      changed_.notify();
    }
  }

  void resume();

  std::shared_ptr<CurlLoop> loop_;
  const Request request_;
  CurlHandle curl_;
  CurlList headers_;
  char detail_[CURL_ERROR_SIZE] = "";
  Head head_;
  bool head_done_ = false;
  std::string body_;  // not read yet
  bool paused_ = false;
  bool ended_ = false;
  std::optional<Failure> failure_;
  Wakeup changed_;
};

Running::Running(std::shared_ptr<CurlLoop> loop, Request request)
    : loop_(std::move(loop)),
      request_(std::move(request)),
      headers_(header_list(request_.headers)),
      changed_(loop_->executor) {
  if (!is_http_url(request_.url)) {
    failure_ = failed(request_, ErrorCode::invalid_argument, "not an http or https URL").value();
    ended_ = true;
    return;
  }
  curl_ = make_curl();
  auto* curl = curl_.get();
  describe(curl, request_, headers_.get());
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(std::chrono::milliseconds(limits::http_connect_max).count()));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail_);
  curl_easy_setopt(curl, CURLOPT_PRIVATE, this);
  curl_multi_add_handle(loop_->multi.get(), curl);
}

Running::~Running() {
  if (curl_) curl_multi_remove_handle(loop_->multi.get(), curl_.get());
}

void Running::resume() {
  if (ended_) return;
  // Delivers what was held back at once, and may end the transfer.
  curl_easy_pause(curl_.get(), CURLPAUSE_CONT);
  loop_->act(CURL_SOCKET_TIMEOUT, 0);
}

}  // namespace

void CurlLoop::collect() {
  int left = 0;
  while (const auto* message = curl_multi_info_read(multi.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    void* user = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user);
    static_cast<Running*>(user)->end(message->data.result);
  }
}

Transfers::Transfers(asio::any_io_executor executor)
    : loop_(std::make_shared<CurlLoop>(std::move(executor))) {}

Transfers::~Transfers() = default;

std::unique_ptr<Transfer> Transfers::start(Request request) {
  return std::make_unique<Running>(loop_, std::move(request));
}

}  // namespace agentcmd::http
