#pragma once
// A driver's hold on one living supervisor, be it a child of ours or one that an earlier driver
// started: everything goes by the pidfd of the process that wrote the claim, and by the folder.

#include "process/process_identity.h"
#include "process/stream_reader.h"
#include "process/supervised_process.h"

namespace agentcmd::process {

class SupervisorHandle final : public SupervisedProcess {
 public:
  SupervisorHandle(boost::asio::any_io_executor executor, std::filesystem::path dir,
                   const ProcessIdentity& supervisor);
  ~SupervisorHandle() override { reap(); }

  Task<Result<Exit>> wait(StopSource& stop) override;
  void interrupt() override;
  void go_on() override;
  void kill_now() override;
  Task<> follow(std::string stream, std::uint64_t from,
                std::function<void(std::string_view)> on_bytes) override;
  Task<> listen(std::string stream, Listener listener) override;

 private:
  Task<> read_on(StreamReader reader);
  bool ended() const;
  Task<> until_ended();
  void reap() const;

  boost::asio::any_io_executor executor_;
  std::filesystem::path dir_;
  UniqueFd pidfd_;  // invalid: it had ended already, or lives where its pid means nothing to us
};

}  // namespace agentcmd::process
