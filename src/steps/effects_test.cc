#include "steps/effects.h"

#include "base/limits.h"
#include "steps/base64.h"
#include "steps/test_support.h"

#include <boost/asio/post.hpp>
#include <sys/stat.h>

namespace agentcmd::steps {
namespace {

namespace fs = std::filesystem;
using process::contents;
using process::eventually;
using process::write_file;

TEST(Base64, AnyBytesComeBack) {
  for (const std::string bytes : {"", "a", "ab", "abc", "abcd"}) {
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
  }
  EXPECT_EQ(to_base64("ab\xff"), "YWL/");
  EXPECT_EQ(to_base64("a"), "YQ==");
  EXPECT_EQ(from_base64("a b="), std::nullopt);
  EXPECT_EQ(from_base64("abc"), std::nullopt);
}

class Effects : public StepTest {
 protected:
  EffectOutcome perform(std::string name, Json args) {
    auto step = make_step("run", {});
    step.run.env["FROM_RUN"] = "yes";
    return wait(perform_effect(host_, std::move(step), std::move(name), {to_text(args)}, stop_));
  }
  Json value(std::string name, Json args) {
    const auto outcome = perform(name, std::move(args));
    EXPECT_TRUE(outcome.ok) << name << outcome.value.text;
    return parse_trusted(outcome.value.text, "value");
  }
  Json error(std::string name, Json args) {
    const auto outcome = perform(name, std::move(args));
    EXPECT_FALSE(outcome.ok) << name << outcome.value.text;
    return parse_trusted(outcome.value.text, "error");
  }
  std::string code(std::string name, Json args) {
    return string_or(error(std::move(name), std::move(args)), "code");
  }
};

TEST_F(Effects, ProgressBecomesACheckpointOfTheAttempt) {
  EXPECT_TRUE(value("progress", {{"details", R"({"done":3})"}}).is_null());
  ASSERT_EQ(host_.checkpoints.size(), 1U);
  EXPECT_EQ(host_.checkpoints[0].text, R"({"progress":"{\"done\":3}"})");
  const auto refused =
      error("progress", {{"details", std::string(limits::progress_bytes_max + 1, '1')}});
  EXPECT_EQ(string_or(refused, "code"), "ERR_OUT_OF_RANGE");
  EXPECT_EQ(host_.checkpoints.size(), 1U);
}

TEST_F(Effects, FilesAreWrittenAndReadRelativeToTheRun) {
  EXPECT_TRUE(value("fs.writeFile", {{"path", "a.txt"}, {"data", "hällo"}, {"encoding", "utf8"}})
                  .is_null());
  EXPECT_EQ(contents(project() / "a.txt"), "hällo");
  value("fs.appendFile", {{"path", "a.txt"}, {"data", "/w=="}, {"encoding", "base64"}});
  EXPECT_EQ(value("fs.readFile", {{"path", "a.txt"}, {"encoding", "utf8"}}), "hällo\uFFFD");
  EXPECT_EQ(value("fs.readFile", {{"path", "a.txt"}, {"encoding", "base64"}}),
            to_base64("hällo\xff"));
  EXPECT_EQ(
      value("fs.readFile", {{"path", (project() / "a.txt").string()}, {"encoding", "base64"}}),
      to_base64("hällo\xff"));
  value("fs.truncate", {{"path", "a.txt"}, {"length", 1}});
  EXPECT_EQ(contents(project() / "a.txt"), "h");
}

TEST_F(Effects, ErrorsLookLikeNodes) {
  EXPECT_EQ(to_text(error("fs.readFile", {{"path", "gone.txt"}, {"encoding", "utf8"}})),
            R"({"name":"Error","message":"ENOENT: no such file or directory, open 'gone.txt'",)"
            R"("code":"ENOENT","errno":-2,"syscall":"open","path":"gone.txt"})");
  EXPECT_EQ(string_or(error("fs.rename", {{"from", "a"}, {"to", "b"}}), "message"),
            "ENOENT: no such file or directory, rename 'a' -> 'b'");
  EXPECT_EQ(code("fs.readFile", {{"path", "."}, {"encoding", "utf8"}}), "EISDIR");
  EXPECT_EQ(code("fs.access", {{"path", "gone"}}), "ENOENT");
  EXPECT_EQ(code("fs.reaedFile", {}), "ERR_UNKNOWN_EFFECT");
}

TEST_F(Effects, WriteFlagsAndModes) {
  value("fs.writeFile", {{"path", "x"}, {"data", "1"}, {"flag", "wx"}, {"mode", 0600}});
  EXPECT_EQ(fs::status(project() / "x").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(code("fs.writeFile", {{"path", "x"}, {"data", "2"}, {"flag", "wx"}}), "EEXIST");
  value("fs.chmod", {{"path", "x"}, {"mode", 0755}});
  EXPECT_EQ(value("fs.stat", {{"path", "x"}})["mode"].get<unsigned>() & 0777U, 0755U);
}

TEST_F(Effects, FoldersAreMadeListedAndRemoved) {
  EXPECT_EQ(value("fs.mkdir", {{"path", "a/b/c"}, {"recursive", true}}),
            (project() / "a").string());
  EXPECT_TRUE(value("fs.mkdir", {{"path", "a/b/c"}, {"recursive", true}}).is_null());
  EXPECT_EQ(code("fs.mkdir", {{"path", "a"}}), "EEXIST");
  write_file(project() / "a/b/f.txt", "x");
  fs::create_symlink("b", project() / "a/link");
  EXPECT_EQ(
      to_text(value("fs.readdir", {{"path", "a"}})),
      R"([{"name":"b","parent":"a","kind":"dir"},{"name":"link","parent":"a","kind":"symlink"}])");
  EXPECT_EQ(
      to_text(value("fs.readdir", {{"path", "a/b"}, {"recursive", true}})),
      R"([{"name":"c","parent":"a/b","kind":"dir"},{"name":"f.txt","parent":"a/b","kind":"file"}])");
  EXPECT_EQ(value("fs.readdir", {{"path", "a"}, {"recursive", true}})[1]["name"], "b/c");
  EXPECT_EQ(code("fs.readdir", {{"path", "gone"}}), "ENOENT");
  EXPECT_EQ(code("fs.rmdir", {{"path", "a"}}), "ENOTEMPTY");
  EXPECT_EQ(code("fs.rm", {{"path", "a"}}), "ERR_FS_EISDIR");
  value("fs.rm", {{"path", "a"}, {"recursive", true}});
  EXPECT_FALSE(fs::exists(project() / "a"));
  EXPECT_EQ(code("fs.rm", {{"path", "a"}}), "ENOENT");
  value("fs.rm", {{"path", "a"}, {"force", true}});
}

TEST_F(Effects, CopiesLinksAndTimes) {
  fs::create_directories(project() / "d");
  write_file(project() / "d/f", "x");
  EXPECT_EQ(code("fs.cp", {{"from", "d"}, {"to", "e"}}), "ERR_FS_EISDIR");
  value("fs.cp", {{"from", "d"}, {"to", "deep/e"}, {"recursive", true}});
  EXPECT_EQ(contents(project() / "deep/e/f"), "x");
  value("fs.copyFile", {{"from", "d/f"}, {"to", "g"}});
  EXPECT_EQ(code("fs.copyFile", {{"from", "d/f"}, {"to", "g"}, {"exclusive", true}}), "EEXIST");
  value("fs.symlink", {{"target", "g"}, {"path", "l"}});
  EXPECT_EQ(value("fs.readlink", {{"path", "l"}}), "g");
  EXPECT_EQ(value("fs.realpath", {{"path", "l"}}), fs::canonical(project() / "g").string());
  EXPECT_EQ(value("fs.lstat", {{"path", "l"}})["kind"], "symlink");
  value("fs.utimes", {{"path", "g"}, {"atimeMs", 1000.5}, {"mtimeMs", 2000.25}});
  EXPECT_EQ(value("fs.stat", {{"path", "g"}})["mtimeMs"], 2000.25);
  const auto made = value("fs.mkdtemp", {{"prefix", "tmp-"}}).get<std::string>();
  EXPECT_TRUE(made.starts_with("tmp-") && fs::is_directory(project() / made)) << made;
}

TEST_F(Effects, AChildProcessIsAValueHoweverItEnds) {
  const auto ran = value("child_process.run", {{"file", "sh"},
                                               {"args", {"-c", "cat; echo $FROM_RUN >&2; exit 3"}},
                                               {"input", to_base64("in\xff")}});
  EXPECT_EQ(ran["code"], 3);
  EXPECT_TRUE(ran["signal"].is_null());
  EXPECT_EQ(from_base64(string_or(ran, "stdout")), "in\xff");
  EXPECT_EQ(from_base64(string_or(ran, "stderr")), "yes\n");
  EXPECT_GT(ran["pid"].get<int>(), 0);

  const auto killed = value("child_process.run", {{"file", "kill -KILL $$"}, {"shell", "/bin/sh"}});
  EXPECT_EQ(killed["signal"], "SIGKILL");
  EXPECT_TRUE(killed["code"].is_null());
  const auto own =
      value("child_process.run",
            {{"file", "echo $FROM_RUN$X"}, {"shell", "/bin/sh"}, {"env", {{"X", "1"}}}});
  EXPECT_EQ(from_base64(string_or(own, "stdout")), "1\n");
}

TEST_F(Effects, AChildProcessThatCannotStartIsAnError) {
  const auto gone =
      error("child_process.run", {{"file", "no-such-program"}, {"args", Json::array()}});
  EXPECT_EQ(string_or(gone, "code"), "ENOENT");
  EXPECT_EQ(string_or(gone, "syscall"), "spawn no-such-program");
  EXPECT_EQ(string_or(gone, "message"), "spawn no-such-program ENOENT");
  write_file(project() / "plain", "x");
  EXPECT_EQ(code("child_process.run", {{"file", "./plain"}, {"args", Json::array()}}), "EACCES");
  EXPECT_EQ(code("child_process.run", {{"file", "true"}, {"args", Json::array()}, {"cwd", "gone"}}),
            "ENOENT");
}

TEST_F(Effects, AChildProcessHasLimits) {
  const auto late = value(
      "child_process.run",
      {{"file", "sleep 1000"}, {"shell", "/bin/sh"}, {"timeoutMs", 100}, {"killSignal", "SIGINT"}});
  EXPECT_TRUE(bool_or(late, "timedOut"));
  EXPECT_EQ(late["signal"], "SIGINT");
  const auto loud =
      value("child_process.run", {{"file", "yes"}, {"args", Json::array()}, {"maxBuffer", 1000}});
  EXPECT_TRUE(bool_or(loud, "overflow"));
  EXPECT_EQ(from_base64(string_or(loud, "stdout"))->size(), 1000U);
}

TEST_F(Effects, AnInheritingChildIsShown) {
  value("child_process.run", {{"file", "echo shown"}, {"shell", "/bin/sh"}, {"inherit", true}});
  EXPECT_EQ(host_.shown["stdout"], "shown\n");
}

TEST_F(Effects, AStopKillsTheChildWithItsDescendants) {
  host_.on_output = [this] { stop_.request(); };
  const auto ended =
      value("child_process.run", {{"file", "setsid sleep " + unique_ + " & echo x; wait"},
                                  {"shell", "/bin/sh"},
                                  {"inherit", true}});
  EXPECT_EQ(ended["signal"], "SIGTERM");
  EXPECT_TRUE(eventually([this] { return !runs_anywhere(unique_); }));
}

TEST_F(Effects, AStopEndsATimer) {
  boost::asio::post(io_, [this] { stop_.request(); });
  EXPECT_TRUE(value("timer", {{"ms", 3600000}}).is_null());
}

Task<bool> perform_for_a_while(StepHost& host, Step step, StopSource& stop) {
  auto effect = perform_effect(
      host, std::move(step), "child_process.run",
      {to_text({{"file", "echo $$ > pid; exec sleep 1000"}, {"shell", "/bin/sh"}})}, stop);
  co_await std::move(effect);
  co_return true;
}

TEST_F(Effects, WhatALostClosureLeftIsEnded) {
  auto step = make_step("run", {});
  {
    boost::asio::io_context doomed;
    RecordingHost host(doomed);
    StopSource never(doomed.get_executor());
    boost::asio::co_spawn(doomed, perform_for_a_while(host, step, never),
                          [](std::exception_ptr, bool) {});
    while (!contents(project() / "pid").ends_with('\n')) {
      doomed.run_for(std::chrono::milliseconds(5));
    }
  }
  const auto pid = contents(project() / "pid");
  EXPECT_TRUE(eventually([this] { return !fs::is_empty(dir_ / "run/logs/phase__run/1/effects"); }));
  process::run(io_, [](boost::asio::any_io_executor executor, fs::path dir) -> Task<bool> {
    co_await end_lost_effects(executor, dir);
    co_return true;
  }(io_.get_executor(), step.attempt_dir()));
  EXPECT_TRUE(fs::is_empty(dir_ / "run/logs/phase__run/1/effects"));
}

TEST_F(Effects, AUrlThatIsNotHttpIsRefused) {
  EXPECT_NE(string_or(error("fetch", {{"url", "file:///etc/passwd"}}), "message").find("http"),
            std::string::npos);
}

TEST_F(Effects, FetchErrorsAreTypeErrorsWithTheCause) {
  const auto refused = error("fetch", {{"url", "http://127.0.0.1:1/"}, {"method", "GET"}});
  EXPECT_EQ(string_or(refused, "name"), "TypeError");
  EXPECT_TRUE(string_or(refused, "message").starts_with("fetch failed: "));
  EXPECT_EQ(string_or(refused, "code"), "ECONNREFUSED");
}

TEST_F(Effects, TheMachineAndTheRunAreDescribed) {
  EXPECT_EQ(value("process.cwd", {}), project().string());
  EXPECT_EQ(value("process.env", {})["FROM_RUN"], "yes");
  const auto info = value("os.info", {});
  EXPECT_EQ(info["platform"], "linux");
  EXPECT_GE(info["cpus"].size(), 1U);
  EXPECT_GT(info["totalmem"].get<double>(), info["freemem"].get<double>());
}

}  // namespace
}  // namespace agentcmd::steps
