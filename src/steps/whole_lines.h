#pragma once
// Lets output through in whole lines, so that those of parallel steps do not mix within one.

#include <functional>
#include <string>
#include <string_view>

namespace agentcmd::steps {

class WholeLines {
 public:
  explicit WholeLines(std::function<void(std::string_view)> sink) : sink_(std::move(sink)) {}

  void feed(std::string_view bytes);
  // What is left, with the line end that it lacks.
  void finish();

 private:
  std::function<void(std::string_view)> sink_;
  std::string rest_;
};

}  // namespace agentcmd::steps
