#pragma once
// The stdin of a supervised process that takes frames (ProcessSpec::takes_frames): numbered pieces
// of input, which the supervisor keeps before it passes them on (supervise/frames.h). So a driver
// that takes over from a dead one knows what was sent, and sends nothing twice. One driver writes
// at a time; whoever opens the input takes it from the one before.

#include "async/task.h"
#include "base/result.h"

#include <boost/asio/any_io_executor.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace agentcmd::process {

class InputFrames {
 public:
  virtual ~InputFrames() = default;
  InputFrames(const InputFrames&) = delete;
  InputFrames& operator=(const InputFrames&) = delete;

  // Those that the supervisor had when the input was opened, oldest first.
  virtual const std::vector<std::string>& earlier() const = 0;

  // Returns when the supervisor has the frame, which then reaches the process as long as that
  // reads. One call at a time. Errors: unavailable (the process has ended, or another driver has
  // taken the input), invalid_argument (longer than a frame may be). A full disk is a Fault.
  virtual Task<Result<void>> send(std::string bytes) = 0;

  // The process reads the end of its input after what was sent. Nothing may be sent after it.
  virtual Task<Result<void>> close() = 0;

 protected:
  InputFrames() = default;
};

// `dir` is the folder of an attempt whose process runs. unavailable: it has ended.
Task<Result<std::unique_ptr<InputFrames>>> open_input(boost::asio::any_io_executor executor,
                                                      std::filesystem::path dir);

// The whole frames in the folder, also of a process that has ended; none where it took none.
std::vector<std::string> sent_frames(const std::filesystem::path& dir);

}  // namespace agentcmd::process
