#include "runtime/driver.h"
#include "runtime/driver_socket.h"
#include "runtime/machine.h"
#include "runtime/ownership.h"

#include <utility>

namespace agentcmd::runtime {
namespace {

constexpr unsigned pool_threads = 4;

class LocalPresence final : public Presence {
 public:
  LocalPresence(const boost::asio::any_io_executor& executor, const store::Home& home,
                Random& random)
      : lock_(home, random), socket_(executor, home, lock_.id()) {}

  const std::string& driver() const override { return lock_.id(); }
  Task<> listen(std::function<void()> on_wake) override {
    return socket_.listen(std::move(on_wake));
  }

 private:
  DriverLock lock_;
  DriverSocket socket_;
};

class LocalMachine final : public Machine {
 public:
  LocalMachine(boost::asio::any_io_executor executor, store::Home home,
               std::filesystem::path libexec, Random& random)
      : executor_(std::move(executor)),
        home_(std::move(home)),
        libexec_(std::move(libexec)),
        random_(random),
        pool_(pool_threads) {}

  std::unique_ptr<Presence> register_driver() override {
    return std::make_unique<LocalPresence>(executor_, home_, random_);
  }
  bool is_driver_alive(const std::string& driver) override {
    return runtime::is_driver_alive(home_, driver);
  }
  void wake_driver(const std::string& driver) override { runtime::wake_driver(home_, driver); }
  void wake_all_drivers() override { runtime::wake_all_drivers(home_); }
  int driver_pid(const std::string& driver) override { return runtime::driver_pid(home_, driver); }

  std::unique_ptr<WorkerHost> make_worker_host(script::WorkerHandlers handlers) override {
    return runtime::make_worker_host(executor_, libexec_, home_.bundles(), std::move(handlers));
  }
  std::unique_ptr<Alarm> make_alarm() override { return agentcmd::make_alarm(executor_); }
  BlockingPool& pool() override { return pool_; }

  const steps::StepType* find_step_type(std::string_view name) override {
    return steps::find_step_type(name);
  }
  std::optional<steps::Outcome> look(const steps::StepType& type,
                                     const steps::Step& step) override {
    return type.look == nullptr ? std::nullopt : type.look(step);
  }
  Task<steps::Outcome> run_step(const steps::StepType& type, steps::StepHost& host,
                                steps::Step step, StopSource& stop) override {
    return type.run(host, std::move(step), stop);
  }

  Task<steps::EffectOutcome> perform_effect(steps::StepHost& host, steps::Step step,
                                            std::string name, JsonText args,
                                            StopSource& stop) override {
    return steps::perform_effect(host, std::move(step), std::move(name), std::move(args), stop);
  }
  Task<> end_lost_effects(std::filesystem::path attempt_dir) override {
    return steps::end_lost_effects(executor_, std::move(attempt_dir));
  }
  Task<> end_lost_effects_of_run(std::filesystem::path run_dir) override {
    return steps::end_lost_effects_of_run(executor_, pool_, std::move(run_dir));
  }

  Task<Result<workspace::CheckoutLock>> lock_checkout(std::filesystem::path project,
                                                      workspace::Mode mode,
                                                      std::string run) override {
    return workspace::lock_checkout(executor_, pool_, std::move(project), mode, std::move(run));
  }

  Task<Result<workspace::Snapshot>> take_snapshot(workspace::SnapshotRequest request) override {
    return workspace::take_snapshot(executor_, pool_, std::move(request));
  }

 private:
  boost::asio::any_io_executor executor_;
  store::Home home_;
  std::filesystem::path libexec_;
  Random& random_;
  BlockingPool pool_;
};

}  // namespace

std::unique_ptr<Machine> local_machine(boost::asio::any_io_executor executor, store::Home home,
                                       std::filesystem::path libexec, Random& random) {
  return std::make_unique<LocalMachine>(std::move(executor), std::move(home), std::move(libexec),
                                        random);
}

}  // namespace agentcmd::runtime
