// What commands print and how they exit, besides what runs do: errors in JSON, files of arguments,
// definitions that cannot be used, readers that stand still.

#include "base/text.h"
#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>

namespace agentcmd::test {
namespace {

class CliTest : public testing::Test {
 protected:
  void define(const std::string& id, std::string_view body) const {
    sandbox.define(id + ".ts", fmt::format("export default defineWorkflow({{ id: '{}' }}, async "
                                           "({{ event, step }}) => {{ {} }});",
                                           id, body));
  }
  Finished shell(const std::string& command) const {
    const auto binary = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "agentcmd";
    return sandbox.exec({"sh", "-c", command, binary.string()});
  }
  Sandbox sandbox;
};

Json error_of(const Finished& finished) {
  const auto lines = split(trim(finished.out), '\n');
  EXPECT_EQ(lines.size(), 1u) << finished.out;
  const auto line = Json::parse(lines.back(), nullptr, false);
  EXPECT_EQ(line.value("type", ""), "error") << finished.out << finished.err;
  return line.value("error", Json::object());
}

TEST_F(CliTest, AnEndlessSourceOfArgumentsIsRefused) {
  define("one", "return event.data.args;");
  for (const auto* command : {"$0 run one --args @/dev/zero", "yes | $0 run one --args @/dev/stdin",
                              "yes | $0 run one --args @-"}) {
    const auto finished = shell(command);
    EXPECT_EQ(finished.code, 2) << command;
    EXPECT_TRUE(finished.err.starts_with("agentcmd: --args: ")) << finished.err;
  }
  const auto piped = shell("echo '{\"a\": 1}' | $0 run one --json --args @/dev/stdin");
  EXPECT_EQ(result_of(piped)["result"], Json::parse(R"({"a": 1})"));
}

TEST_F(CliTest, ADefinitionWhoseSchemaCannotBeUsedIsBroken) {
  sandbox.define("types.ts",
                 "export default defineWorkflow({ id: 'types', argsSchema: { type: 12 } }, "
                 "async () => 1);");
  sandbox.define("pattern.ts",
                 "export default defineWorkflow({ id: 'pattern', argsSchema: { properties: "
                 "{ name: { pattern: '([' } } } }, async () => 1);");
  const auto checked = sandbox.agentcmd({"definitions", "check"});
  EXPECT_EQ(checked.code, 1);
  EXPECT_TRUE(checked.out.contains("types.ts: argsSchema.type: 12 is not the name of a type"))
      << checked.out;
  EXPECT_TRUE(checked.out.contains("pattern.ts: argsSchema.properties.name.pattern: "))
      << checked.out;
  for (const auto& one : Json::parse(sandbox.agentcmd({"definitions", "list", "--json"}).out)) {
    EXPECT_TRUE(one["error"].is_string()) << one;
  }
  const auto refused = sandbox.agentcmd({"run", "types", "--json"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_EQ(error_of(refused)["code"], "invalid_argument");
}

TEST_F(CliTest, WithJsonEveryErrorIsOneDocument) {
  define("one", "return 1;");
  sandbox.write("a file", "");
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"runs", "show", "r9"},
           {"runs", "logs", "r9"},
           {"runs", "history", "r9"},
           {"runs", "resume", "r9"},
           {"runs", "cancel", "r9"},
           {"runs", "list", "--project", "nowhere"},
           {"definitions", "check", "--project", "nowhere"},
           {"run", "two"},
           {"run", "one", "--args", "[]"},
           {"runs", "show"},
           {"init", "a file"},
       }) {
    auto with_json = words;
    with_json.emplace_back("--json");
    const auto finished = sandbox.agentcmd(with_json);
    EXPECT_EQ(finished.code, 2) << join(words, " ");
    const auto error = error_of(finished);
    EXPECT_FALSE(error.value("code", "").empty()) << join(words, " ");
    EXPECT_TRUE(finished.err.contains(split(error.value("message", ""), '\n').front()))
        << finished.err;
  }
}

TEST_F(CliTest, AnAmbiguousOrEndedRunIsAnErrorInJsonToo) {
  define("one", "return 1;");
  const std::string id = result_of(sandbox.agentcmd({"run", "one", "--json"}))["id"];
  ASSERT_EQ(sandbox.agentcmd({"run", "one"}).code, 0);
  const auto ambiguous = sandbox.agentcmd({"runs", "show", "r", "--json"});
  EXPECT_EQ(ambiguous.code, 2);
  EXPECT_TRUE(error_of(ambiguous)["message"].get<std::string>().contains(id)) << ambiguous.out;
  for (const auto* command : {"resume", "cancel"}) {
    const auto ended = sandbox.agentcmd({"runs", command, id, "--json"});
    EXPECT_EQ(ended.code, 2);
    EXPECT_EQ(error_of(ended)["code"], "failed_precondition");
  }
}

// Of commands that show something, in a project where there is all of it.
TEST_F(CliTest, WithJsonWhatIsShownIsOneDocument) {
  sandbox.make_repository();
  sandbox.define("one.ts", R"(
export default defineWorkflow({ id: "one", triggers: [{ cron: "0 3 * * *" }] }, async ({ step }) => {
  step.onQuery("how", () => "well");
  await step.cli("say", { command: "echo hello" });
  await step.annotation("note", { message: "noted" });
  await step.artifact("keep", { name: "a", type: "text", content: "b" });
});
)");
  const std::string id = result_of(sandbox.agentcmd({"run", "one", "--json"}))["id"];
  const std::string other = result_of(sandbox.agentcmd({"run", "one", "--json"}))["id"];
  ASSERT_EQ(sandbox.agentcmd({"events", "send", "x", "--data", "{}"}).code, 0);
  const auto exported = (sandbox.root / "h.json").string();
  ASSERT_EQ(sandbox.agentcmd({"runs", "export", id, "--bundle", "--out", exported}).code, 0);
  const auto copy = (sandbox.root / "copy.tar").string();
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"version"},
           {"config"},
           {"doctor"},
           {"runs"},
           {"runs", "list"},
           {"runs", "show", id},
           {"runs", "logs", id},
           {"runs", "logs", id, "--step", "say"},
           {"runs", "history", id},
           {"runs", "why", id},
           {"runs", "query", id, "how"},
           {"runs", "export", id},
           {"runs", "report", id},
           {"runs", "diff", id, other},
           {"runs", "prune", "--keep", "100", "--dry-run"},
           {"queue"},
           {"schedules", "list"},
           {"schedules", "pause", "one"},
           {"schedules", "resume", "one"},
           {"triggers"},
           {"events", "list"},
           {"events", "send", "y"},
           {"definitions", "list"},
           {"definitions", "check"},
           {"definitions", "check", "--against-live"},
           {"definitions", "eject", "review"},
           {"replay", exported},
           {"backup", copy},
           {"restore", copy, "--check"},
           {"runs", "delete", other},
           {"init", "."},
       }) {
    auto with_json = words;
    with_json.emplace_back("--json");
    const auto finished = sandbox.agentcmd(with_json);
    EXPECT_EQ(finished.code, 0) << join(words, " ") << finished.out << finished.err;
    EXPECT_FALSE(Json::parse(finished.out, nullptr, false).is_discarded())
        << join(words, " ") << "\n"
        << finished.out;
    EXPECT_TRUE(finished.out.ends_with('\n')) << join(words, " ");
  }
}

TEST_F(CliTest, DoctorSaysWhichAgentsThereAreAndWhatIsLeftToDo) {
  sandbox.write("bin/claude", "#!/bin/sh\necho '99.0.1 (Claude Code)'\n");
  std::filesystem::permissions(sandbox.project / "bin/claude", std::filesystem::perms::owner_all);
  sandbox.env["PATH"] = (sandbox.project / "bin").string() + ":/usr/bin:/bin";
  sandbox.env["HOME"] = sandbox.root.string();
  for (const auto* key :
       {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CONFIG_DIR"}) {
    sandbox.env[key] = "";
  }
  const auto told = sandbox.agentcmd({"doctor"});
  EXPECT_TRUE(told.out.contains("99.0.1 (" + (sandbox.project / "bin/claude").string() +
                                "), not logged in"))
      << told.out;
  EXPECT_TRUE(told.out.contains("claude 99.0.1 is newer than")) << told.out;
  EXPECT_TRUE(told.out.contains("start claude once and use /login")) << told.out;
  sandbox.env["ANTHROPIC_API_KEY"] = "sk-very-secret";
  const auto finished = sandbox.agentcmd({"doctor", "--json"});
  EXPECT_FALSE(finished.out.contains("sk-very-secret"));
  const auto document = Json::parse(finished.out);
  const auto claude = document["agents"][0];
  EXPECT_EQ(claude["name"], "claude");
  EXPECT_EQ(claude["version"], "99.0.1");
  EXPECT_EQ(claude["login"], "ANTHROPIC_API_KEY");
  EXPECT_EQ(document["healthy"], true) << document["findings"];
}

TEST_F(CliTest, AFaultIsAnErrorInJsonToo) {
  sandbox.write("file", "");
  sandbox.env["AGENTCMD_HOME"] = (sandbox.project / "file" / "home").string();
  const auto finished = sandbox.agentcmd({"runs", "list", "--json"});
  EXPECT_EQ(finished.code, 1);
  EXPECT_EQ(error_of(finished)["code"], "fault");
}

TEST_F(CliTest, AHomeThatCannotBeMadeIsNotSpokenOfAsIfItWereThere) {
  sandbox.env["AGENTCMD_HOME"] = "/proc/nowhere";
  const auto listed = sandbox.agentcmd({"runs"});
  EXPECT_EQ(listed.code, 1);
  EXPECT_TRUE(listed.err.contains("/proc/nowhere, which is not there and cannot be made"))
      << listed.err;
  EXPECT_FALSE(listed.err.contains("doctor")) << listed.err;
}

TEST_F(CliTest, ABackupWithoutANameIsToldWhatNamesThereAre) {
  const auto refused = sandbox.agentcmd({"backup", ""});
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(refused.err.contains("a new file FILE.tar, or a new folder")) << refused.err;
}

TEST_F(CliTest, AnUnknownDefinitionIsAnsweredFastWhateverOthersDoAtLoad) {
  define("generate-feature", "return 1;");
  define("feature-list", "return 1;");
  sandbox.define("syntax.ts", "export default (");
  for (int i = 0; i < 4; ++i) sandbox.define(fmt::format("loop{}.ts", i), "for (;;) {}\n");
  const auto begun = std::chrono::steady_clock::now();
  const auto finished = sandbox.agentcmd({"run", "feature"});
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(15));
  EXPECT_EQ(finished.code, 2);
  EXPECT_TRUE(finished.err.contains("Did you mean 'feature-list' or 'generate-feature'?"))
      << finished.err;
  EXPECT_TRUE(
      finished.err.ends_with("\n5 files cannot be loaded; agentcmd definitions check says "
                             "why\n"))
      << finished.err;
  EXPECT_EQ(split(trim(finished.err), '\n').size(), 2u) << finished.err;
}

TEST_F(CliTest, ADefinitionThatCannotBeLoadedSaysWhyWhenItIsAskedFor) {
  sandbox.define("syntax.ts", "export default (");
  const auto finished = sandbox.agentcmd({"run", "syntax"});
  EXPECT_EQ(finished.code, 2);
  EXPECT_TRUE(finished.err.contains("cannot be loaded: .agent/workflows/definitions/syntax.ts:1:"))
      << finished.err;
}

TEST_F(CliTest, AnIdThatIsPutTogetherIsFoundAllTheSame) {
  sandbox.define("parts.ts",
                 "export default defineWorkflow({ id: ['put', 'together'].join('-') }, async () => "
                 "7);");
  const auto finished = sandbox.agentcmd({"run", "put-together", "--json"});
  EXPECT_EQ(result_of(finished)["result"], 7) << finished.err;
}

TEST_F(CliTest, LinesHaveNoBlanksAtTheirEnd) {
  sandbox.define("lines.ts",
                 "export default defineWorkflow({ id: 'lines', name: 'Lines' }, async ({ step }) "
                 "=> { console.log('a\\n\\nb'); await step.cli('print', { command: 'echo x; echo; "
                 "echo y' }); return { deep: { list: [1] } }; });");
  sandbox.make_repository();
  std::string all = sandbox.agentcmd({"run", "lines", "--mode", "worktree"}).out;
  const std::string id = sandbox.runs().at(0)["id"];
  for (const auto& words : std::vector<std::vector<std::string>>{{"runs"},
                                                                 {"runs", "show", id},
                                                                 {"runs", "logs", id},
                                                                 {"runs", "history", id},
                                                                 {"definitions", "list"},
                                                                 {"definitions", "check"},
                                                                 {"config"},
                                                                 {"init"}}) {
    all += sandbox.agentcmd(words).out;
  }
  for (const auto& line : split(all, '\n')) EXPECT_FALSE(line.ends_with(' ')) << "'" << line << "'";
}

TEST_F(CliTest, ASecondInitSaysWhatItKept) {
  ASSERT_EQ(sandbox.agentcmd({"init"}).code, 0);
  const auto again = sandbox.agentcmd({"init"});
  EXPECT_EQ(again.code, 0);
  EXPECT_TRUE(again.out.contains("kept     .agent/workflows/definitions/hello.ts\n")) << again.out;
  EXPECT_TRUE(again.out.contains("nothing was changed")) << again.out;
}

// The pipe of a Running is not read before wait() is called.
TEST_F(CliTest, ARunEndsThoughNobodyReadsItsOutput) {
  define("noisy",
         "await step.cli('print', { command: 'yes 0123456789 | head -c 9000000' });"
         "await step.annotation('after', { message: 'still here' }); return 'done';");
  const auto running = sandbox.start({"run", "noisy", "--json"});
  wait_until(
      [&] {
        const auto runs = sandbox.runs();
        return !runs.empty() && runs[0]["status"] == "completed";
      },
      "the run has ended");
  const auto finished = running->wait();
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(result_of(finished)["result"], "done");
  EXPECT_TRUE(finished.out.contains("still here"));
  EXPECT_TRUE(finished.out.contains("bytes not shown; see agentcmd runs logs r"));
  // Every event is there, whatever else is not.
  const std::string id = sandbox.runs().at(0)["id"];
  const auto history = Json::parse(sandbox.agentcmd({"runs", "history", id, "--json"}).out);
  std::size_t events = 0;
  for (const auto& line : split(finished.out, '\n'))
    events += line.starts_with(R"({"type":"event")");
  EXPECT_EQ(events + 1, history.size()) << "all but the first, which made the run";
}

TEST_F(CliTest, AReaderThatGoesAwayDoesNotStopTheRun) {
  define("noisy",
         "await step.cli('print', { command: 'yes 0123456789 | head -c 2000000' }); return 1;");
  const auto finished = shell("$0 run noisy | head -1");
  EXPECT_EQ(finished.code, 0) << finished.err;
  wait_until([&] { return sandbox.runs().at(0)["status"] == "completed"; }, "the run has ended");
}

}  // namespace
}  // namespace agentcmd::test
