#include "cli/run_view.h"

#include "base/limits.h"
#include "base/text.h"
#include "process/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

namespace agentcmd::cli {
namespace {

const history::RunId run{"r1"};
const history::StepKey step{"noisy"};

// A pipe that nobody reads until the run is over.
class RunViewTest : public testing::Test {
 protected:
  RunViewTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    reader_ = process::UniqueFd(ends[0]);
    writer_ = process::UniqueFd(ends[1]);
  }

  // What is shown of a run with more output of a step than is kept, an event, and some more output.
  std::string shown(ViewKind kind) {
    Output output(writer_.get(), writer_.get());
    output.stop_waiting();
    const auto view = make_run_view(kind, output, clock_);
    view->begin(run, {});
    for (std::size_t sent = 0; sent < 2 * limits::unread_output_bytes_max; sent += piece.size()) {
      view->output(run, step, "stdout", piece);
    }
    const history::Annotated note{{"note"}, "", "the annotation"};
    view->committed(run, {1, from_millis(0), note});
    view->output(run, step, "stdout", "never shown\n");
    Ending ending;
    ending.run = run;
    ending.status = store::RunStatus::completed;
    view->finish(ending);
    std::string text;
    std::jthread reader([&] { text = read_all(); });
    output.flush();
    writer_.reset();
    reader.join();
    return text;
  }

 private:
  std::string read_all() const {
    std::string text;
    std::array<char, 65536> part{};
    for (auto count = read(reader_.get(), part.data(), part.size()); count > 0;
         count = read(reader_.get(), part.data(), part.size())) {
      text.append(part.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

  const std::string piece = std::string(1000, 'x') + "\n";
  SystemClock clock_;
  process::UniqueFd reader_;
  process::UniqueFd writer_;
};

TEST_F(RunViewTest, OutputThatNobodyTakesIsLeftOutAndEventsAreNot) {
  const auto text = shown(ViewKind::people);
  EXPECT_LT(text.size(), limits::unread_output_bytes_max + limits::mib);
  EXPECT_NE(text.find("the annotation"), std::string::npos);
  EXPECT_EQ(text.find("never shown"), std::string::npos);
  const auto note = text.find(" bytes not shown; see agentcmd runs logs r1");
  ASSERT_NE(note, std::string::npos);
  EXPECT_LT(note, text.find("Completed"));
}

TEST_F(RunViewTest, InJsonTheBytesThatWereLeftOutAreCounted) {
  const auto text = shown(ViewKind::json);
  std::size_t bytes = 0;
  std::size_t told = 0;
  std::string last;
  for (const auto& line : split(trim(text), '\n')) {
    const auto json = Json::parse(line);
    last = json["type"];
    if (last == "output") bytes += json["text"].get<std::string>().size();
    if (last == "output_left_out") told += json["bytes"].get<std::size_t>();
  }
  EXPECT_EQ(last, "result");
  EXPECT_GT(told, 0u);
  const auto pieces = (2 * limits::unread_output_bytes_max + 1000) / 1001;
  EXPECT_EQ(bytes + told, pieces * 1001 + std::string_view("never shown\n").size());
}

}  // namespace
}  // namespace agentcmd::cli
