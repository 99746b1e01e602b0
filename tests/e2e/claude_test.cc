// step.agent with the real Claude Code CLI, against a stub of its model API
// (tests/stub_model_server.mjs).

#include "base/text.h"
#include "support/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <iterator>
#include <sstream>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

std::string contents(const fs::path& file) {
  std::ostringstream text;  // no iterator: it would throw where a process ends meanwhile
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

// The CLI that `scripts/deps --agents` has installed.
fs::path claude_program() {
  const auto lock = contents(fs::path(AGENTCMD_SOURCE_DIR) / "tests/agents/package-lock.json");
  const char* home = std::getenv("HOME");
  std::error_code absent;
  const fs::path cache = fs::path(home != nullptr ? home : "/") / ".cache/agentcmd/agents";
  for (const auto& entry : fs::directory_iterator(cache, absent)) {
    if (contents(entry.path() / "package-lock.json") == lock) {
      return entry.path() / "node_modules/.bin/claude";
    }
  }
  return "/nowhere/claude";
}

// The stub of the model API; it ends with us.
class ModelStub {
 public:
  explicit ModelStub(const Sandbox& sandbox) : log_(sandbox.root / "requests.jsonl") {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0) {
      throw std::runtime_error("pipe failed");
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    std::string node = "node";
    std::string script = AGENTCMD_SOURCE_DIR "/tests/stub_model_server.mjs";
    std::string log = log_.string();
    std::array<char*, 4> argv{node.data(), script.data(), log.data(), nullptr};
    pid_t pid = 0;
    const auto failed = posix_spawnp(&pid, "node", &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    stdin_ = in[1];
    if (failed != 0) throw std::runtime_error("cannot start node");
    process_ = std::make_unique<Running>(pid, out[0], "/dev/null");
    process_->next_line(port_);
  }
  ~ModelStub() { close(stdin_); }
  ModelStub(const ModelStub&) = delete;
  ModelStub& operator=(const ModelStub&) = delete;

  const std::string& port() const { return port_; }
  // What the model was asked, a line each.
  std::vector<std::string> requests() const {
    const auto text = contents(log_);
    return trim(text).empty() ? std::vector<std::string>() : split(trim(text), '\n');
  }

 private:
  fs::path log_;
  std::string port_;
  int stdin_ = -1;
  std::unique_ptr<Running> process_;
};

class ClaudeTest : public testing::Test {
 protected:
  ClaudeTest() : stub(sandbox) {
    sandbox.env["CLAUDE_CLI_PATH"] = claude_program().string();
    sandbox.env["ANTHROPIC_BASE_URL"] = "http://127.0.0.1:" + stub.port();
    sandbox.env["ANTHROPIC_API_KEY"] = "stub";
    sandbox.env["ANTHROPIC_AUTH_TOKEN"] = "";
    sandbox.env["CLAUDE_CODE_OAUTH_TOKEN"] = "";
    sandbox.env["CLAUDE_CONFIG_DIR"] = (sandbox.root / "claude").string();
    sandbox.env["CLAUDE_CODE_MAX_RETRIES"] = "1";
  }
  void SetUp() override {
    ASSERT_TRUE(fs::exists(claude_program()))
        << "Claude Code is missing: run scripts/deps --agents";
  }

  // A workflow that asks Claude once and returns the step's result.
  void define(const std::string& prompt, const std::string& config = "",
              const std::string& options = "{}") {
    sandbox.define("one.ts", fmt::format(R"(
export default defineWorkflow({{ id: "one" }}, async ({{ event, step }}) => {{
  try {{
    return await step.agent("ask", {{ agent: "claude", prompt: `{}`, {} }}, {});
  }} catch (error) {{
    return {{ thrown: error.name, message: error.message }};
  }}
}});)",
                                         prompt, config, options));
    sandbox.make_repository();
  }
  Json answer() {
    const auto finished = sandbox.agentcmd({"run", "one", "--json"});
    EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
    return result_of(finished)["result"];
  }
  std::string only_run() { return sandbox.runs().at(0)["id"]; }
  void wait_for_requests(std::size_t count) {
    wait_until([&] { return stub.requests().size() >= count; }, "the model is asked");
  }
  fs::path go() const { return sandbox.root / "go"; }

  // The sessions that the CLI has written down with that text.
  std::vector<std::string> transcripts_with(std::string_view text) const {
    std::vector<std::string> found;
    std::error_code absent;
    const auto folder = sandbox.root / "claude/projects";
    for (const auto& entry : fs::recursive_directory_iterator(folder, absent)) {
      if (entry.path().extension() == ".jsonl" && contents(entry.path()).contains(text)) {
        found.push_back(entry.path().stem().string());
      }
    }
    return found;
  }

  // Living processes that have `text` in their arguments, or run the program of that name.
  static std::vector<pid_t> processes_with(std::string_view text) {
    std::vector<pid_t> found;
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator("/proc", gone)) {
      const auto name = entry.path().filename().string();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      const auto pid = static_cast<pid_t>(std::stol(name));
      if (pid != getpid() && contents(entry.path() / "cmdline").contains(text)) {
        found.push_back(pid);
      }
    }
    return found;
  }

  Sandbox sandbox;
  ModelStub stub;
};

TEST_F(ClaudeTest, WritesAFileAndIsStreamedAndRecorded) {
  define("STUB-WRITE \"${event.data.workingDir}/new.txt\" made-by-claude");
  const auto finished =
      sandbox.agentcmd({"run", "one", "--mode", "worktree", "--branch", "claude-work"});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(trim(sandbox.git({"show", "claude-work:new.txt"})), "made-by-claude");
  EXPECT_FALSE(fs::exists(sandbox.project / "new.txt"));

  const auto id = only_run();
  const auto logs = sandbox.agentcmd({"runs", "logs", id}).out;
  for (const auto& shown : {finished.out + finished.err, logs}) {
    EXPECT_TRUE(shown.contains("→ Write(")) << shown;
    EXPECT_TRUE(shown.contains("written")) << shown;
  }

  const auto run = sandbox.run(id);
  const auto& result = run["result"];
  EXPECT_EQ(result["data"], "written");
  EXPECT_EQ(result["success"], true);
  EXPECT_EQ(result["usage"]["inputTokens"], 200) << result;  // two requests of 100
  EXPECT_EQ(result["usage"]["outputTokens"], 40);
  EXPECT_GT(result["cost"].get<double>(), 0);
  const auto step = std::ranges::find_if(
      run["steps"], [](const Json& entry) { return entry["type"] == "agent"; });
  ASSERT_NE(step, run["steps"].end()) << run;
  const auto& agent = (*step)["agent"];
  EXPECT_EQ(agent["session_id"].get<std::string>().size(), 36U) << agent;
  EXPECT_EQ(agent["session_id"], result["sessionId"]);
  EXPECT_EQ(agent["usage"], result["usage"]);
  EXPECT_EQ(agent["cost_usd"], result["cost"]);
  EXPECT_EQ(stub.requests().size(), 2U);
}

TEST_F(ClaudeTest, AKilledDriverIsFollowedByOneThatHarvestsTheSameTurn) {
  define(fmt::format("STUB-HOLD \"{}\"", go().string()));
  auto running = sandbox.start({"run", "one", "--json"});
  wait_for_requests(1);
  running->signal(SIGKILL);
  running->wait();
  std::ofstream(go()) << "now";
  const auto resumed = sandbox.agentcmd({"runs", "resume", only_run(), "--json"});
  ASSERT_EQ(resumed.code, 0) << resumed.out << resumed.err;
  EXPECT_EQ(result_of(resumed)["result"]["data"], "held");
  EXPECT_EQ(stub.requests().size(), 1U) << "the prompt was sent once";
  EXPECT_FALSE(sandbox.agentcmd({"runs", "history", only_run()}).out.contains("StepLost"));
}

TEST_F(ClaudeTest, ALostTurnIsResumedInItsSessionAndTheModelIsToldSo) {
  define(fmt::format("STUB-HOLD \"{}\"", go().string()));
  auto running = sandbox.start({"run", "one", "--json"});
  wait_for_requests(1);
  // The CLI writes its transcript in the background; before that there is nothing to resume.
  wait_until([&] { return !transcripts_with("STUB-HOLD").empty(); }, "the session is written");
  running->signal(SIGKILL);
  running->wait();
  const auto id = only_run();
  // The supervisor is told its folder, which is below the sandbox's.
  for (const auto pid : processes_with("agentcmd-supervise")) {
    if (contents(fs::path("/proc") / fmt::to_string(pid) / "cmdline")
            .contains(sandbox.root.string())) {
      kill(pid, SIGKILL);
    }
  }
  std::ofstream(go()) << "now";
  const auto resumed = sandbox.agentcmd({"runs", "resume", id, "--json"});
  ASSERT_EQ(resumed.code, 0) << resumed.out << resumed.err;
  EXPECT_EQ(result_of(resumed)["result"]["data"], "held") << resumed.out;

  const auto requests = stub.requests();
  ASSERT_GE(requests.size(), 2U);
  const auto& last = requests.back();
  const auto prompt = last.find("STUB-HOLD");
  ASSERT_NE(prompt, std::string::npos);
  EXPECT_LT(prompt, last.find("You were interrupted")) << "the first turn is part of the session";
  EXPECT_TRUE(last.contains("You were interrupted"));

  const auto history = sandbox.agentcmd({"runs", "history", id, "--json"}).out;
  EXPECT_TRUE(history.contains("StepLost")) << history;
  // Both attempts are one conversation.
  const auto session = sandbox.run(id)["result"]["sessionId"].get<std::string>();
  EXPECT_EQ(transcripts_with("STUB-HOLD"), std::vector{session});
}

class ClaudeAsks : public ClaudeTest {
 protected:
  fs::path marked() const { return sandbox.project / "marked"; }

  // A command that nothing allows.
  void define_asking(const std::string& config = "") {
    sandbox.write("mark.sh", "echo once >> marked\n");
    define("STUB-BASH sh mark.sh", config);
  }
  bool waits_at_gate() {
    const auto runs = sandbox.runs();
    if (runs.empty()) return false;
    const auto id = runs.at(0)["id"].get<std::string>();
    return sandbox.agentcmd({"runs", "history", id, "--json"}).out.contains("GateOpened");
  }
  void wait_for_gate() {
    wait_until([&] { return waits_at_gate(); }, "the agent asks");
  }
  std::string history() { return sandbox.agentcmd({"runs", "history", only_run(), "--json"}).out; }
};

TEST_F(ClaudeAsks, AGateThatIsApproved) {
  define_asking();
  auto running = sandbox.start({"run", "one", "--json"});
  wait_for_gate();
  const auto why = sandbox.agentcmd({"runs", "why", only_run()}).out;
  EXPECT_TRUE(why.contains("claude wants to use Bash(sh mark.sh)")) << why;
  const auto approved = sandbox.agentcmd({"approve", only_run()});
  EXPECT_EQ(approved.code, 0) << approved.err;
  const auto finished = running->wait();
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(result_of(finished)["result"]["success"], true) << finished.out;
  EXPECT_EQ(contents(marked()), "once\n");
}

TEST_F(ClaudeAsks, AGateThatIsDeniedWithAWordForTheAgent) {
  define_asking();
  auto running = sandbox.start({"run", "one", "--json"});
  wait_for_gate();
  EXPECT_EQ(sandbox.agentcmd({"deny", only_run(), "--reason", "use make instead"}).code, 0);
  const auto finished = running->wait();
  EXPECT_EQ(result_of(finished)["result"]["success"], true) << finished.out;
  EXPECT_FALSE(fs::exists(marked()));
  EXPECT_TRUE(stub.requests().back().contains("use make instead"));
}

TEST_F(ClaudeAsks, AllowedForTheRunTheSecondTimeIsNotAsked) {
  sandbox.write("mark.sh", "echo once >> marked\n");
  sandbox.define("twice.ts", R"(
export default defineWorkflow({ id: "twice" }, async ({ step }) => {
  const ask = (id) => step.agent(id, { agent: "claude", prompt: "STUB-BASH sh mark.sh" });
  return [(await ask("first")).success, (await ask("second")).success];
});)");
  sandbox.make_repository();
  auto running = sandbox.start({"run", "twice", "--json"});
  wait_for_gate();
  EXPECT_EQ(sandbox.agentcmd({"approve", only_run(), "--option", "allow for the run"}).code, 0);
  const auto finished = running->wait();
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(contents(marked()), "once\nonce\n");
  const auto events = history();
  const auto first = events.find("GateOpened");
  EXPECT_EQ(events.find("GateOpened", first + 1), std::string::npos) << events;
}

TEST_F(ClaudeAsks, TheRulesOfTheDefinitionAnswerAlone) {
  sandbox.write("mark.sh", "echo once >> marked\n");
  sandbox.define("ruled.ts", R"ts(
export default defineWorkflow({ id: "ruled", allow: ["Bash(sh mark.sh)"] }, async ({ step }) => {
  const { success } = await step.agent("ask", { agent: "claude", prompt: "STUB-BASH sh mark.sh" });
  return success;
});)ts");
  sandbox.make_repository();
  const auto finished = sandbox.agentcmd({"run", "ruled"});
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(contents(marked()), "once\n");
  const auto shown = finished.out + finished.err;
  EXPECT_TRUE(
      shown.contains("permission mode acceptEdits; allowed without asking: Bash(sh mark.sh)"))
      << shown;
}

TEST_F(ClaudeAsks, WithoutAnAnswerInTimeItGoesOnAndSaysSo) {
  define_asking("askTimeout: 50");
  const auto result = answer();
  EXPECT_EQ(result["success"], false) << result;
  EXPECT_FALSE(fs::exists(marked()));
  EXPECT_TRUE(stub.requests().back().contains("Nobody was there to answer"));
}

TEST_F(ClaudeAsks, AQuestionOutlivesTheDriverThatAskedIt) {
  define_asking();
  auto running = sandbox.start({"run", "one", "--json"});
  wait_for_gate();
  running->signal(SIGKILL);
  running->wait();
  // Answered while nobody drives the run.
  EXPECT_EQ(sandbox.agentcmd({"approve", only_run()}).code, 0);
  const auto resumed = sandbox.agentcmd({"runs", "resume", only_run(), "--json"});
  ASSERT_EQ(resumed.code, 0) << resumed.out << resumed.err;
  EXPECT_EQ(result_of(resumed)["result"]["success"], true) << resumed.out;
  EXPECT_EQ(contents(marked()), "once\n");
  EXPECT_FALSE(history().contains("StepLost"));
}

TEST_F(ClaudeAsks, AQuestionRaisedWhileNobodyDrivesBecomesAGateOfTheNextDriver) {
  sandbox.write("mark.sh", "echo once >> marked\n");
  define(fmt::format("STUB-HOLD \"{}\" then STUB-BASH sh mark.sh", go().string()));
  auto running = sandbox.start({"run", "one", "--json"});
  wait_for_requests(1);
  running->signal(SIGKILL);
  running->wait();
  std::ofstream(go()) << "now";
  const auto asked = [&] {
    std::error_code absent;
    for (const auto& entry : fs::recursive_directory_iterator(sandbox.project / ".agent", absent)) {
      if (entry.path().filename() == "stdout" && contents(entry.path()).contains("can_use_tool")) {
        return true;
      }
    }
    return false;
  };
  wait_until(asked, "the agent has asked");
  EXPECT_FALSE(history().contains("GateOpened"));
  auto resumed = sandbox.start({"runs", "resume", only_run(), "--json"});
  wait_for_gate();
  EXPECT_EQ(sandbox.agentcmd({"approve", only_run()}).code, 0);
  const auto finished = resumed->wait();
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(contents(marked()), "once\n");
}

TEST_F(ClaudeAsks, CancelWhileItAsksLeavesNothingOpen) {
  define_asking();
  auto running = sandbox.start({"run", "one", "--json"});
  wait_for_gate();
  EXPECT_EQ(sandbox.agentcmd({"runs", "cancel", only_run()}).code, 0);
  running->wait();
  EXPECT_EQ(sandbox.run(only_run())["status"], "cancelled");
  EXPECT_TRUE(history().contains("GateCancelled"));
  wait_until([&] { return sandbox.processes().empty(); }, "every process is gone");
}

TEST_F(ClaudeTest, ARefusedKeyIsToldWithinFiveSeconds) {
  define("STUB-401");
  sandbox.env.erase("CLAUDE_CODE_MAX_RETRIES");
  auto running = sandbox.start({"run", "one", "--json"});
  wait_for_requests(1);
  const auto asked = steady_clock::now();
  const auto finished = running->wait();
  EXPECT_LT(steady_clock::now() - asked, std::chrono::seconds(5));
  const auto result = result_of(finished)["result"];
  EXPECT_EQ(result["success"], false) << result;
  const auto error = result["error"].dump();
  EXPECT_TRUE(error.contains("401") && error.contains("log in") &&
              error.contains("ANTHROPIC_API_KEY"))
      << error;
}

TEST_F(ClaudeTest, WithoutALoginItSaysHowToLogIn) {
  define("STUB-SAY never");
  sandbox.env["ANTHROPIC_API_KEY"] = "";
  const auto result = answer();
  EXPECT_EQ(result["success"], false) << result;
  EXPECT_TRUE(result["error"].dump().contains("log in")) << result;
  EXPECT_TRUE(stub.requests().empty());
}

class FailingService : public ClaudeTest, public testing::WithParamInterface<const char*> {};

TEST_P(FailingService, IsAResultThatIsNotSuccess) {
  define(GetParam());
  const auto result = answer();
  EXPECT_EQ(result["success"], false) << result;
  EXPECT_FALSE(result["error"].get<std::string>().empty()) << result;
  EXPECT_LE(stub.requests().size(), 4U) << "the tries are bounded";
}

INSTANTIATE_TEST_SUITE_P(ClaudeTest, FailingService,
                         testing::Values("STUB-429", "STUB-500", "STUB-CUT", "STUB-BADJSON"),
                         [](const auto& tested) { return std::string(tested.param + 5); });

TEST_F(ClaudeTest, NotInstalledNamesTheCommandThatInstallsIt) {
  define("hi");
  sandbox.env["CLAUDE_CLI_PATH"] = "";
  sandbox.env["PATH"] = "/usr/bin:/bin";
  auto result = answer();
  EXPECT_TRUE(result["message"].dump().contains("npm install -g @anthropic-ai/claude-code"))
      << result;
  sandbox.env["CLAUDE_CLI_PATH"] = "/no/such/claude";
  result = answer();
  EXPECT_TRUE(result["message"].dump().contains("CLAUDE_CLI_PATH")) << result;
  EXPECT_TRUE(result["message"].dump().contains("/no/such/claude")) << result;
}

TEST_F(ClaudeTest, CancelLeavesNothingOfAToolThatLeftItsSessionAndIgnoresTerm) {
  const auto beat = (sandbox.root / "beat").string();
  sandbox.write("stay.sh", fmt::format("#!/bin/sh\ntrap '' TERM HUP INT\ntouch '{}'\n"
                                       "while :; do sleep 0.05; done\n",
                                       beat));
  define("STUB-BASH setsid sh " + (sandbox.project / "stay.sh").string(),
         "allowedTools: [\"Bash\"]");
  auto running = sandbox.start({"run", "one", "--json"});
  wait_until([&] { return fs::exists(beat); }, "the tool runs");
  EXPECT_FALSE(processes_with("/stay.sh").empty());
  const auto cancelled = sandbox.agentcmd({"runs", "cancel", only_run()});
  EXPECT_EQ(cancelled.code, 0) << cancelled.err;
  running->wait();
  EXPECT_EQ(sandbox.run(only_run())["status"], "cancelled");
  const auto ours = (sandbox.project / "stay.sh").string();
  wait_until([&] { return processes_with(ours).empty() && sandbox.processes().empty(); },
             "every process is gone");
}

TEST_F(ClaudeTest, CtrlCEndsATurnThatWouldNotEnd) {
  define("STUB-SLOW");
  auto running = sandbox.start({"run", "one", "--json"});
  wait_for_requests(1);
  running->signal(SIGINT);
  const auto finished = running->wait();
  EXPECT_EQ(finished.code, 130) << finished.err;
  EXPECT_EQ(result_of(finished)["status"], "cancelled");
  wait_until([&] { return sandbox.processes().empty(); }, "every process is gone");
}

TEST_F(ClaudeTest, ATimeoutIsThrownIntoTheWorkflow) {
  define("STUB-SLOW", "", "{ timeout: \"1500ms\" }");
  const auto result = answer();
  EXPECT_EQ(result["thrown"], "TimeoutError") << result;
  EXPECT_TRUE(result["message"].dump().contains("exceeded its attempt timeout of 1.5 s")) << result;
  EXPECT_TRUE(sandbox.processes().empty());
}

TEST_F(ClaudeTest, BypassOfPermissionsAsRootIsRefusedWithTheWaysOut) {
  if (geteuid() != 0) GTEST_SKIP() << "Claude refuses it for root only";
  define("STUB-SAY hi", "permissionMode: \"bypassPermissions\"");
  sandbox.env["IS_SANDBOX"] = "";
  EXPECT_TRUE(answer()["message"].dump().contains("IS_SANDBOX=1"));
  sandbox.env["IS_SANDBOX"] = "1";
  EXPECT_EQ(answer()["data"], "hi");
}

}  // namespace
}  // namespace agentcmd::test
