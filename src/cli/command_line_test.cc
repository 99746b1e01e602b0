#include "cli/command_line.h"

#include "base/json.h"

#include <gtest/gtest.h>

namespace agentcmd::cli {
namespace {

template <typename T>
T parsed_as(std::vector<std::string> words) {
  auto parsed = parse_command_line(std::move(words));
  const auto* refused = std::get_if<Refused>(&parsed);
  EXPECT_EQ(refused, nullptr) << (refused == nullptr ? "" : refused->err);
  if (refused != nullptr) return {};
  const auto* command = std::get_if<T>(&std::get<Parsed>(parsed).command);
  EXPECT_NE(command, nullptr);
  return command == nullptr ? T{} : *command;
}

Refused refused(std::vector<std::string> words) {
  auto parsed = parse_command_line(std::move(words));
  const auto* refusal = std::get_if<Refused>(&parsed);
  EXPECT_NE(refusal, nullptr);
  return refusal == nullptr ? Refused{} : *refusal;
}

TEST(CommandLine, RunTakesAllItsFlags) {
  const auto run = parsed_as<RunCommand>(
      {"run",       "--arg", "a=1",        "feature",  "--arg",    "b=[1,2]",
       "--args",    "{}",    "--mode",     "worktree", "--branch", "x",
       "--base",    "main",  "--preserve", "--json",   "--detach", "-q",
       "--project", "p",     "--name",     "n",        "--agents", "scripted:f"});
  EXPECT_EQ(run.definition, "feature");
  EXPECT_EQ(run.pairs, (std::vector<std::string>{"a=1", "b=[1,2]"}));
  EXPECT_EQ(run.args, "{}");
  EXPECT_EQ(run.mode, "worktree");
  EXPECT_TRUE(run.preserve && run.json && run.detach && run.quiet);
}

TEST(CommandLine, RunStaysByDefault) {
  const auto run = parsed_as<RunCommand>({"run", "x"});
  EXPECT_EQ(run.mode, "stay");
  EXPECT_FALSE(run.args.has_value());
}

TEST(CommandLine, RunsAloneLists) {
  EXPECT_EQ(parsed_as<RunsListCommand>({"runs"}).limit, 50u);
  EXPECT_TRUE(parsed_as<RunsListCommand>({"runs", "--json"}).json);
  EXPECT_EQ(parsed_as<RunsListCommand>({"runs", "list", "--limit", "3"}).limit, 3u);
}

TEST(CommandLine, PruneAndDeleteSayWhichRunsGo) {
  const auto prune = parsed_as<RunsPruneCommand>(
      {"runs", "prune", "--older-than", "30d", "--keep", "5", "--dry-run", "--project", "p"});
  EXPECT_EQ(prune.older_than, "30d");
  EXPECT_EQ(prune.keep, 5U);
  EXPECT_TRUE(prune.dry_run);
  EXPECT_FALSE(parsed_as<RunsPruneCommand>({"runs", "prune"}).keep.has_value());
  EXPECT_EQ(parsed_as<RunsDeleteCommand>({"runs", "delete", "r1", "r2"}).runs,
            (std::vector<std::string>{"r1", "r2"}));
  EXPECT_EQ(refused({"runs", "delete"}).exit_code, 2);
  EXPECT_EQ(refused({"runs", "prune", "--keep", "-1"}).exit_code, 2);
}

TEST(CommandLine, ForkAndRetrySayWhichCodeAndWhichFiles) {
  const auto fork =
      parsed_as<RunsForkCommand>({"runs", "fork", "r1", "--from", "a/b", "--arg", "n=1", "--arg",
                                  "m=2", "--code", "now", "--detach"});
  EXPECT_EQ(fork.run, "r1");
  EXPECT_EQ(fork.from, "a/b");
  EXPECT_EQ(fork.pairs, (std::vector<std::string>{"n=1", "m=2"}));
  EXPECT_EQ(fork.code, "now");
  EXPECT_EQ(fork.files, "then");
  EXPECT_TRUE(fork.detach);
  EXPECT_TRUE(refused({"runs", "fork", "r1"}).err.contains("--from"));
  const auto retry = parsed_as<RunsRetryCommand>({"runs", "retry", "r1", "--files", "then"});
  EXPECT_EQ(retry.code, "then");
  EXPECT_EQ(retry.files, "then");
  EXPECT_EQ(parsed_as<RunsRetryCommand>({"runs", "retry", "r1"}).files, "now");
  const auto diff = parsed_as<RunsDiffCommand>({"runs", "diff", "r1", "r2", "--files"});
  EXPECT_EQ(diff.b, "r2");
  EXPECT_TRUE(diff.files);
}

TEST(CommandLine, RunsHasItsOwnCommands) {
  EXPECT_EQ(parsed_as<RunsShowCommand>({"runs", "show", "r1", "--json"}).run, "r1");
  const auto logs = parsed_as<RunsLogsCommand>({"runs", "logs", "r1", "--step", "s", "--follow"});
  EXPECT_EQ(logs.step, "s");
  EXPECT_TRUE(logs.follow);
  EXPECT_EQ(parsed_as<RunsCancelCommand>({"runs", "cancel", "r1"}).run, "r1");
}

TEST(CommandLine, ApproveAndDenyNameARunAndPerhapsAStep) {
  const auto yes = parsed_as<AnswerCommand>(
      {"approve", "r1", "ship/go", "--option", "a", "--reason", "it is time"});
  EXPECT_TRUE(yes.approve);
  EXPECT_EQ(yes.step, "ship/go");
  EXPECT_EQ(yes.option, "a");
  EXPECT_EQ(yes.reason, "it is time");
  const auto no = parsed_as<AnswerCommand>({"deny", "r1"});
  EXPECT_FALSE(no.approve);
  EXPECT_EQ(no.step, "");
  EXPECT_EQ(no.option, std::nullopt);
}

TEST(CommandLine, OnPauseExitsOrWaits) {
  EXPECT_EQ(parsed_as<RunCommand>({"run", "x"}).on_pause, "exit");
  EXPECT_EQ(parsed_as<RunsResumeCommand>({"runs", "resume", "r1", "--on-pause", "wait"}).on_pause,
            "wait");
}

TEST(CommandLine, DefinitionsListAndCheckDiffer) {
  EXPECT_FALSE(parsed_as<DefinitionsCommand>({"definitions", "list"}).check);
  EXPECT_TRUE(parsed_as<DefinitionsCommand>({"definitions", "check"}).check);
}

TEST(CommandLine, SettingsMayStandAnywhere) {
  auto parsed = parse_command_line({"config", "--home", "/h", "--log-level", "debug"});
  ASSERT_TRUE(std::holds_alternative<Parsed>(parsed));
  const std::map<std::string, std::string> expected{{"home", "/h"}, {"logLevel", "debug"}};
  EXPECT_EQ(std::get<Parsed>(parsed).settings, expected);
}

TEST(CommandLine, AnUnknownCommandGetsASuggestion) {
  const auto refusal = refused({"rnu", "x"});
  EXPECT_EQ(refusal.exit_code, 2);
  EXPECT_NE(refusal.err.find("no command 'agentcmd rnu'. Did you mean 'run'?"), std::string::npos)
      << refusal.err;
}

TEST(CommandLine, AnUnknownCommandOfRunsGetsASuggestion) {
  EXPECT_NE(refused({"runs", "shwo"}).err.find("Did you mean 'show'?"), std::string::npos);
}

TEST(CommandLine, AnUnknownFlagGetsASuggestion) {
  const auto refusal = refused({"run", "x", "--mdoe=stay"});
  EXPECT_EQ(refusal.exit_code, 2);
  EXPECT_NE(refusal.err.find("'agentcmd run' has no flag '--mdoe'. Did you mean '--mode'?"),
            std::string::npos)
      << refusal.err;
}

TEST(CommandLine, AMissingDefinitionIsNamed) {
  EXPECT_NE(refused({"run"}).err.find("DEFINITION"), std::string::npos);
}

TEST(CommandLine, AValueOutsideItsListIsRefused) {
  const auto refusal = refused({"run", "x", "--mode", "elsewhere"});
  EXPECT_EQ(refusal.exit_code, 2);
  EXPECT_NE(refusal.err.find("worktree"), std::string::npos) << refusal.err;
}

TEST(CommandLine, HelpIsNoError) {
  const auto help = refused({"run", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_NE(help.out.find("Usage: agentcmd run "), std::string::npos) << help.out;
  EXPECT_NE(help.out.find("--mode"), std::string::npos);
  EXPECT_TRUE(help.err.empty());
  EXPECT_EQ(refused({}).exit_code, 0);
}

TEST(CommandLine, HelpIsACommandToo) {
  EXPECT_EQ(refused({"help", "run"}).out, refused({"run", "--help"}).out);
  EXPECT_EQ(refused({"help", "runs", "show"}).out, refused({"runs", "show", "--help"}).out);
  EXPECT_EQ(refused({"help"}).out, refused({"--help"}).out);
  EXPECT_EQ(refused({"help", "help"}).exit_code, 0);
}

TEST(CommandLine, HelpForACommandThatIsNotThereIsAnError) {
  for (const auto& words : {std::vector<std::string>{"help", "rnus"}, {"rnus", "--help"}}) {
    const auto refusal = refused(words);
    EXPECT_EQ(refusal.exit_code, 2);
    EXPECT_NE(refusal.err.find("Did you mean 'runs'?"), std::string::npos) << refusal.err;
  }
}

TEST(CommandLine, WithJsonWhatIsWrongIsALineOnStdoutToo) {
  const auto refusal = refused({"runs", "show", "--json"});
  EXPECT_EQ(refusal.exit_code, 2);
  const auto line = Json::parse(refusal.out);
  EXPECT_EQ(line["type"], "error");
  EXPECT_EQ(line["error"]["code"], "invalid_argument");
  EXPECT_NE(line["error"]["message"].get<std::string>().find("ID"), std::string::npos);
  EXPECT_EQ(refused({"runs", "show"}).out, "");
}

}  // namespace
}  // namespace agentcmd::cli
