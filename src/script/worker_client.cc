#include "script/worker_client.h"

#include "async/deadline.h"
#include "async/task_group.h"
#include "async/wakeup.h"
#include "base/json_slice.h"
#include "base/log.h"
#include "process/process_identity.h"
#include "script/frame.h"
#include "script/worker_messages.h"
#include "script/worker_process.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include <deque>
#include <set>
#include <unordered_map>
#include <utility>

namespace agentcmd::script {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using Clock = std::chrono::steady_clock;

constexpr auto start_max = std::chrono::seconds(20);
constexpr auto exit_max = std::chrono::seconds(2);
constexpr std::size_t read_bytes = 64 * limits::kib;

// An answer that somebody waits for. Shared, since the waiting task may be cancelled.
template <typename Value>
struct Waiter {
  explicit Waiter(const asio::any_io_executor& executor) : changed(executor) {}
  void set(Value answer) {
    value = std::move(answer);
    changed.notify();
  }
  Wakeup changed;
  std::optional<Value> value;
};

template <typename Value>
Task<Value> wait_for(std::shared_ptr<Waiter<Value>> waiter) {
  while (!waiter->value) co_await waiter->changed.wait();
  co_return *std::move(waiter->value);
}

EffectResult error_result(std::string_view message) {
  return {.ok = false,
          .value = {fmt::format(R"({{"name":"Error","message":{}}})", quote(message))}};
}

class WorkerClient final : public Worker {
 public:
  WorkerClient(asio::any_io_executor executor, WorkerProcess process, WorkerOptions options,
               WorkerHandlers handlers);
  ~WorkerClient() override = default;

  // Whether it came up.
  Task<Result<void>> begin();

  void load(const Bundle& bundle) override;
  Task<Result<WorkflowInfo>> describe(std::string hash) override;
  Task<Result<std::vector<Finding>>> check(std::string hash) override;
  Task<Result<JsonText>> due_times(JsonText questions) override;
  Task<ActivationOutcome> activate(history::Activation activation) override;
  Task<Result<JsonText>> query(history::RunId run, std::string name, JsonText args) override;
  void evict(history::RunId run) override;
  Task<> stop() override;

 private:
  using Answer = std::string;  // a frame; empty when the worker died

  void send(std::string_view json);
  Task<Answer> ask(std::string key, std::string frame);
  Task<Answer> ask_about(std::string type, std::string hash);

  Task<> read();
  Task<> read_frames();
  Task<> write();
  Task<> watch();
  Task<> perform(EffectFrame request);
  Task<> await_exit();

  Task<> handle(std::string_view frame);
  void complete(const std::string& run, ActivationOutcome outcome);
  void stopped(const std::string& run, RunStopped stop);
  void answer_asked(const std::string& key, std::string_view frame);
  bool is_busy() const { return !activations_.empty() || !asked_.empty(); }
  void die();

  const asio::any_io_executor executor_;
  const WorkerProcess process_;
  const WorkerOptions options_;
  const WorkerHandlers handlers_;

  stream_protocol::socket socket_;
  asio::posix::stream_descriptor exit_;
  FrameReader reader_;
  std::string out_;
  Wakeup out_changed_;

  std::shared_ptr<Waiter<bool>> ready_;
  std::unordered_map<std::string, std::shared_ptr<Waiter<ActivationOutcome>>> activations_;
  std::unordered_map<std::string, std::deque<std::shared_ptr<Waiter<Answer>>>> asked_;
  std::uint64_t last_query_ = 0;
  std::unordered_map<std::string, std::string> files_;  // of the codes sent, by hash

  bool answered_ = false;        // an activation's waiter has not been given its turn yet
  int synchronous_effects_ = 0;  // the worker waits for us
  Clock::time_point last_sign_;  // of life, or of having nothing to do
  asio::steady_timer watch_timer_;
  bool stopping_ = false;
  bool dead_ = false;
  std::string death_;  // why; set before the process is killed

  TaskGroup effects_;
  TaskGroup tasks_;
};

WorkerClient::WorkerClient(asio::any_io_executor executor, WorkerProcess process,
                           WorkerOptions options, WorkerHandlers handlers)
    : executor_(executor),
      process_(std::move(process)),
      options_(std::move(options)),
      handlers_(std::move(handlers)),
      socket_(executor, stream_protocol(), ::dup(process_.socket.get())),
      exit_(executor, ::dup(process_.pidfd.get())),
      out_changed_(executor),
      ready_(std::make_shared<Waiter<bool>>(executor)),
      last_sign_(Clock::now()),
      watch_timer_(executor),
      effects_(executor),
      tasks_(executor) {}

Task<Result<void>> WorkerClient::begin() {
  tasks_.spawn("worker.read", read());
  tasks_.spawn("worker.write", write());
  tasks_.spawn("worker.watch", watch());
  const auto ready = co_await before(deadline_in(start_max), wait_for(ready_));
  if (ready && *ready) co_return Result<void>();
  const auto reason = ready ? death_ : std::string("it did not come up");
  co_await stop();
  co_return fail(ErrorCode::unavailable,
                 fmt::format("the workflow worker {}/agentcmd-worker failed: {}",
                             options_.libexec.string(), reason));
}

void WorkerClient::send(std::string_view json) {
  if (dead_) return;
  append_frame(out_, json);
  out_changed_.notify();
}

void WorkerClient::load(const Bundle& bundle) {
  if (files_.emplace(bundle.hash, bundle.file).second) send(code_frame(bundle));
}

// `key`: what the answer is filed under.
Task<WorkerClient::Answer> WorkerClient::ask(std::string key, std::string frame) {
  if (dead_) co_return Answer();
  if (!is_busy()) last_sign_ = Clock::now();
  auto waiter = std::make_shared<Waiter<Answer>>(executor_);
  asked_[key].push_back(waiter);
  send(frame);
  co_return co_await wait_for(std::move(waiter));
}

Task<WorkerClient::Answer> WorkerClient::ask_about(std::string type, std::string hash) {
  co_return co_await ask(type + ":" + hash, plain_frame(type, "hash", hash));
}

Task<Result<WorkflowInfo>> WorkerClient::describe(std::string hash) {
  const auto answer = co_await ask_about("describe", hash);
  if (answer.empty()) co_return fail(ErrorCode::unavailable, death_);
  co_return parse_described(answer, files_[hash]);
}

Task<Result<std::vector<Finding>>> WorkerClient::check(std::string hash) {
  const auto answer = co_await ask_about("check", hash);
  if (answer.empty()) co_return fail(ErrorCode::unavailable, death_);
  co_return parse_checked(answer, files_[hash]);
}

Task<Result<JsonText>> WorkerClient::due_times(JsonText questions) {
  const auto answer =
      co_await ask("cron:" + questions.text, plain_frame("cron", "questions", questions.text));
  if (answer.empty()) co_return fail(ErrorCode::unavailable, death_);
  if (const auto error = find_member(answer, "error")) {
    co_return fail(ErrorCode::unavailable, unquote(*error));
  }
  co_return JsonText{unquote(member(answer, "answers"))};
}

Task<ActivationOutcome> WorkerClient::activate(history::Activation activation) {
  if (dead_) co_return WorkerDied{death_};
  if (!is_busy()) last_sign_ = Clock::now();
  auto waiter = std::make_shared<Waiter<ActivationOutcome>>(executor_);
  activations_[activation.run.text] = waiter;
  send(activate_frame(activation));
  co_return co_await wait_for(std::move(waiter));
}

Task<Result<JsonText>> WorkerClient::query(history::RunId run, std::string name, JsonText args) {
  const auto id = ++last_query_;
  const auto answer = co_await ask(fmt::format("query:{}", id), query_frame(id, run, name, args));
  if (answer.empty()) co_return fail(ErrorCode::unavailable, death_);
  co_return parse_queried(answer);
}

void WorkerClient::evict(history::RunId run) {
  send(plain_frame("evict", "run", run.text));
}

Task<> WorkerClient::stop() {
  stopping_ = true;
  if (!dead_) {
    if (death_.empty()) death_ = "the workflow worker was stopped";
    kill_worker(process_);
  }
  effects_.cancel();
  co_await tasks_.join();
  co_await effects_.join();
}

Task<> WorkerClient::read() {
  try {
    co_await read_frames();
  } catch (const std::exception& error) {
    // A peer that does not keep to the protocol is of no use any more.
    if (death_.empty()) death_ = error.what();
    kill_worker(process_);
  }
  co_await await_exit();
  die();
}

Task<> WorkerClient::read_frames() {
  while (true) {
    const auto space = reader_.prepare(read_bytes);
    const auto [error, count] = co_await socket_.async_read_some(
        asio::buffer(space.data(), space.size()), asio::as_tuple(use_task));
    if (error) co_return;
    reader_.commit(count);
    last_sign_ = Clock::now();
    while (const auto frame = reader_.next()) co_await handle(*frame);
  }
}

Task<> WorkerClient::await_exit() {
  using Descriptor = asio::posix::stream_descriptor;
  if (!co_await before(deadline_in(exit_max), exit_.async_wait(Descriptor::wait_read, use_task))) {
    kill_worker(process_);
    co_await exit_.async_wait(Descriptor::wait_read, use_task);
  }
  const auto how = reap(process_);
  if (death_.empty()) death_ = fmt::format("the workflow worker ended with {}", how);
}

void WorkerClient::die() {
  dead_ = true;
  auto activations = std::exchange(activations_, {});
  for (auto& [run, waiter] : activations) waiter->set(WorkerDied{death_});
  auto asked = std::exchange(asked_, {});
  for (auto& [key, waiters] : asked) {
    for (auto& waiter : waiters) waiter->set(Answer());
  }
  if (!ready_->value) ready_->set(false);
  out_changed_.notify();
  watch_timer_.cancel();
  // Effects are not cancelled: what they have begun in the world is ended by whoever performs them.
  if (!stopping_ && handlers_.died) handlers_.died(death_);
}

Task<> WorkerClient::write() {
  std::string writing;
  while (!dead_) {
    if (out_.empty()) {
      co_await out_changed_.wait();
      continue;
    }
    writing.clear();
    std::swap(writing, out_);
    const auto [error, count] =
        co_await asio::async_write(socket_, asio::buffer(writing), asio::as_tuple(use_task));
    if (error) co_return;  // the reader finds out why
  }
}

// The worker watches over the code that it runs and gives signs of life meanwhile; this is for a
// worker that can do neither.
Task<> WorkerClient::watch() {
  while (!dead_) {
    watch_timer_.expires_after(options_.answer_max / 4);
    co_await watch_timer_.async_wait(asio::as_tuple(use_task));
    // One that was stopped (SIGSTOP) answers nobody, and its closures go on no more.
    const bool stopped = process::is_stopped(process_.pid);
    const bool waiting = is_busy() && synchronous_effects_ == 0;
    if (!waiting && !stopped) last_sign_ = Clock::now();
    if (dead_ || Clock::now() - last_sign_ < options_.answer_max) continue;
    if (death_.empty()) {
      death_ = fmt::format("the workflow worker {} {} ms and was killed",
                           stopped ? "was stopped for" : "did not answer within",
                           options_.answer_max.count());
    }
    kill_worker(process_);
  }
}

Task<> WorkerClient::handle(std::string_view frame) {
  const auto type = member(frame, "t");
  if (type == R"("completion")") {
    auto completion = parse_completion(frame);
    const std::string run = completion.run.text;
    complete(run, std::move(completion));
    co_return;
  }
  // What follows on a completion is told after its receiver has had it.
  if (std::exchange(answered_, false)) co_await asio::post(executor_, use_task);
  if (type == R"("effect")") {
    auto request = parse_effect(frame);
    if (request.synchronous) ++synchronous_effects_;
    effects_.spawn("worker.effect", perform(std::move(request)));
  } else if (type == R"("closure")") {
    handlers_.closure_ended({unquote(member(frame, "run"))}, parse_closure(frame));
  } else if (type == R"("stopped")") {
    stopped(unquote(member(frame, "run")), parse_stopped(frame));
  } else if (type == R"("described")") {
    answer_asked("describe:" + unquote(member(frame, "hash")), frame);
  } else if (type == R"("checked")") {
    answer_asked("check:" + unquote(member(frame, "hash")), frame);
  } else if (type == R"("queried")") {
    answer_asked("query:" + std::string(member(frame, "id")), frame);
  } else if (type == R"("due")") {
    answer_asked("cron:" + unquote(member(frame, "questions")), frame);
  } else if (type == R"("gave_up")") {
    death_ = parse_stopped(frame).message;
  } else if (type == R"("ready")") {
    ready_->set(true);
  }
}

void WorkerClient::complete(const std::string& run, ActivationOutcome outcome) {
  const auto pending = activations_.extract(run);
  if (pending.empty()) return;  // whoever asked does not wait any more
  pending.mapped()->set(std::move(outcome));
  answered_ = true;
}

void WorkerClient::stopped(const std::string& run, RunStopped stop) {
  if (activations_.contains(run)) {
    complete(run, std::move(stop));
  } else if (handlers_.stopped) {
    handlers_.stopped({run}, std::move(stop));
  } else {
    // Nobody else would learn that this run's closures have no context any more.
    death_ = std::move(stop.message);
    kill_worker(process_);
  }
}

void WorkerClient::answer_asked(const std::string& key, std::string_view frame) {
  const auto found = asked_.find(key);
  if (found == asked_.end()) return;
  const auto waiter = found->second.front();
  found->second.pop_front();
  if (found->second.empty()) asked_.erase(found);
  waiter->set(Answer(frame));
}

// What leaves the driver's handler is the closure's to see: it must not wait for ever.
Task<> WorkerClient::perform(EffectFrame request) {
  EffectResult result;
  try {
    result = co_await handlers_.effect(std::move(request.effect));
  } catch (const std::exception& error) {
    result = error_result(error.what());
  }
  if (request.synchronous) --synchronous_effects_;
  last_sign_ = Clock::now();
  send(effect_frame(request.id, result));
}

}  // namespace

Task<Result<StartedWorker>> start_worker_with(asio::any_io_executor executor, WorkerOptions options,
                                              WorkerHandlers handlers) {
  options.libexec = std::filesystem::absolute(options.libexec);
  std::vector<std::string> argv{options.libexec / "agentcmd-worker", options.libexec};
  argv.insert(argv.end(), options.arguments.begin(), options.arguments.end());
  if (!std::filesystem::exists(options.libexec / "sdk.js")) {
    co_return fail(ErrorCode::not_found, fmt::format("{} is missing; install agentcmd again",
                                                     (options.libexec / "sdk.js").string()));
  }
  auto process = spawn_worker(argv);
  if (!process) co_return tl::unexpected(process.error());
  const pid_t pid = process->pid;
  auto client = std::make_unique<WorkerClient>(executor, *std::move(process), std::move(options),
                                               std::move(handlers));
  auto begun = co_await client->begin();
  if (!begun) co_return tl::unexpected(begun.error());
  StartedWorker started{.worker = std::move(client), .pid = pid};
  co_return std::move(started);
}

Task<Result<std::unique_ptr<Worker>>> start_worker(asio::any_io_executor executor,
                                                   std::filesystem::path libexec,
                                                   WorkerHandlers handlers) {
  WorkerOptions options{.libexec = std::move(libexec), .arguments = {}};
  auto started = co_await start_worker_with(executor, std::move(options), std::move(handlers));
  if (!started) co_return tl::unexpected(started.error());
  co_return std::move(started->worker);
}

}  // namespace agentcmd::script
