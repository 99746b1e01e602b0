// Time travel: snapshots of a run's files, forks, retries, and runs beside each other.

#include "support/sandbox.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <iterator>

namespace agentcmd::test {
namespace {

namespace fs = std::filesystem;

// Each step that does something leaves its name in the log, which lies outside of every checkout.
// `one` is an agent's work; `saved` commits; `four` fails until the file `good` is there.
constexpr std::string_view steps = R"(
import * as fs from "node:fs";
export default defineWorkflow({ id: "steps" }, async ({ event, step }) => {
  const did = (name) => `echo ${name} >>"$DID"; `;
  await step.agent("one", { agent: "claude", prompt: "Write a" });
  await step.cli("two", { command: did("two") + "echo two > b; mkdir -p deep/er; echo x > deep/er/c" });
  const closure = await step.run("closure", async () => {
    fs.appendFileSync(process.env.DID, "closure\n");
    fs.writeFileSync("made-by-closure", "x\n");
    return event.data.args.say ?? "nothing";
  });
  await step.git("saved", { operation: "commit", message: "saved" });
  await step.cli("three", { command: did("three") + "echo three >> a; rm b; echo new > d" });
  const seen = await step.cli("seen", { command: did("seen") + "cat a d; ls; git log -1 --format=%s" });
  const four = await step.cli("four", { command: did("four") + '[ -e "$GOOD" ]' });
  if (!four.success) throw new Error("four is not good");
  await step.cli("five", { command: did("five") + "echo five > e" });
  return { seen: seen.data.stdout, closure };
});
)";

constexpr std::string_view script =
    R"([{"match": {"step": "one"}, "do": [{"write": {"path": "a", "content": "one\n"}}]}])";

class TravelTest : public testing::Test {
 protected:
  TravelTest() {
    sandbox.define("steps.ts", steps);
    sandbox.write(".agent/scripted.json", script);
    sandbox.write(".gitignore", "ignored\n");
    sandbox.make_repository();
    sandbox.env["DID"] = (sandbox.root / "did").string();
    sandbox.env["GOOD"] = (sandbox.root / "good").string();
  }

  void make_good() { std::ofstream(sandbox.root / "good") << ""; }

  // What was done since the last call.
  std::string did() {
    std::ifstream in(sandbox.root / "did");
    std::string all(std::istreambuf_iterator<char>(in), {});
    return all.substr(std::exchange(read_, all.size()));
  }

  std::vector<std::string> in_worktree(std::string branch = "feat") {
    return {"run",    "steps",    "--json",   "--agents",       "scripted:.agent/scripted.json",
            "--mode", "worktree", "--branch", std::move(branch)};
  }

  std::string run(const std::vector<std::string>& words, int code) {
    const auto finished = sandbox.agentcmd(words);
    EXPECT_EQ(finished.code, code) << finished.out << finished.err;
    return result_of(finished)["id"];
  }

  std::string git_in(const fs::path& folder, std::vector<std::string> args) {
    args.insert(args.begin(), {"-C", (sandbox.project / folder).string()});
    return sandbox.git(std::move(args));
  }

  Json step(const std::string& of, const std::string& key) {
    for (const auto& step : sandbox.run(of)["steps"]) {
      if (step["key"] == key) return step;
    }
    return nullptr;
  }

  // Events of the run of that kind, whose text contains `part`.
  std::size_t count_events(const std::string& of, std::string_view kind,
                           std::string_view part = "") {
    const auto history = sandbox.agentcmd({"runs", "history", of, "--json"});
    std::size_t count = 0;
    for (const auto& event : Json::parse(history.out)) {
      if (event["kind"] == kind && event.dump().contains(part)) ++count;
    }
    return count;
  }

  // Everything of the checkout that the user may look at.
  std::string checkout() {
    std::ifstream index(sandbox.project / ".git/index", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(index), {}) +
           sandbox.git({"--no-optional-locks", "status", "--porcelain=v2", "--branch"}) +
           sandbox.git({"log", "--oneline"}) + sandbox.git({"stash", "list"}) +
           sandbox.git({"rev-parse", "main"}) + sandbox.read("README.md");
  }

  // A git that comes first in PATH: `before` sees the arguments, and goes on in the real one.
  void wrap_git(const std::string& before) {
    const auto program = sandbox.root / "wrapped/git";
    fs::create_directories(program.parent_path());
    const std::string path = ::getenv("PATH");
    std::ofstream(program) << "#!/bin/sh\n"
                           << before << "\nPATH='" << path << "' exec git \"$@\"\n";
    fs::permissions(program, fs::perms::owner_all);
    sandbox.env["PATH"] = program.parent_path().string() + ":" + path;
  }

  Sandbox sandbox;

 private:
  std::size_t read_ = 0;
};

TEST_F(TravelTest, AForkHasTheFilesAndTheHeadOfThatMomentAndDoesOnlyTheRestAnew) {
  sandbox.write("README.md", "edited by the user\n");
  const auto before = checkout();
  const auto former = run(in_worktree(), 1);
  EXPECT_EQ(did(), "two\nclosure\nthree\nseen\nfour\n");
  EXPECT_EQ(sandbox.read(".worktrees/feat/a"), "one\nthree\n");

  make_good();
  const auto fork = run({"runs", "fork", former, "--from", "three", "--json"}, 0);
  EXPECT_EQ(did(), "three\nseen\nfour\nfive\n");
  const auto shown = sandbox.run(fork);
  EXPECT_EQ(shown["branch"], "feat-fork-1");
  EXPECT_TRUE(shown["result"]["seen"].get<std::string>().starts_with("one\nthree\nnew\n"))
      << shown["result"];
  EXPECT_TRUE(shown["result"]["seen"].get<std::string>().ends_with("saved"));
  EXPECT_EQ(sandbox.read(".worktrees/feat/a"), "one\nthree\n")
      << "the former worktree is untouched";
  EXPECT_EQ(sandbox.git({"show", "feat-fork-1:d"}), "new\n");
  EXPECT_EQ(sandbox.git({"show", "feat-fork-1:deep/er/c"}), "x\n");

  EXPECT_EQ(shown["forked_from"], former);
  EXPECT_EQ(shown["forked_at"], "three");
  EXPECT_EQ(sandbox.run(former)["forks"][0]["id"], fork);
  EXPECT_TRUE(sandbox.agentcmd({"runs", "show", fork}).out.contains("fork of   " + former));
  EXPECT_TRUE(sandbox.agentcmd({"runs", "show", former}).out.contains("forked    " + fork));
  EXPECT_EQ(checkout(), before);
}

TEST_F(TravelTest, AForkBeforeTheCommitHasWhatWasUntrackedThen) {
  const auto former = run(in_worktree(), 1);
  did();
  const auto fork = run({"runs", "fork", former, "--from", "saved", "--json"}, 1);
  EXPECT_EQ(did(), "three\nseen\nfour\n");
  // The commit was made again, of files that were untracked when it was asked for.
  EXPECT_EQ(git_in(".worktrees/feat-fork-1", {"show", "--name-only", "--format=%s", "HEAD"}),
            "saved\n\na\nb\ndeep/er/c\nmade-by-closure\n");
  EXPECT_EQ(git_in(".worktrees/feat-fork-1", {"rev-parse", "HEAD^"}),
            sandbox.git({"rev-parse", "main"}));
  EXPECT_EQ(sandbox.run(fork)["status"], "failed");
}

TEST_F(TravelTest, AForkCanBeForked) {
  const auto former = run(in_worktree(), 1);
  const auto fork = run({"runs", "fork", former, "--from", "saved", "--json"}, 1);
  did();
  make_good();
  const auto second = run({"runs", "fork", fork, "--from", "four", "--json"}, 0);
  EXPECT_EQ(did(), "four\nfive\n");
  const auto shown = sandbox.run(second);
  EXPECT_EQ(shown["branch"], "feat-fork-2");
  EXPECT_EQ(shown["forked_from"], fork);
  EXPECT_EQ(sandbox.git({"show", "feat-fork-2:a"}), "one\nthree\n");
  EXPECT_EQ(shown["result"]["closure"], "nothing");
}

TEST_F(TravelTest, AForkTakesOtherArgumentsAndTheCodeOnDisk) {
  const auto former = run(in_worktree(), 1);
  did();
  make_good();
  auto changed = std::string(steps);
  changed.replace(changed.find("echo x > deep/er/c"), 18, "echo y > deep/er/c");
  changed.replace(changed.find("return { seen"), 13, "return { at: 'now', seen");
  sandbox.define("steps.ts", changed);
  const auto fork = run({"runs", "fork", former, "--from", "closure", "--json", "--code", "now",
                         "--arg", "say=hello", "--name", "renamed"},
                        0);
  EXPECT_EQ(did(), "closure\nthree\nseen\nfour\nfive\n");
  const auto shown = sandbox.run(fork);
  EXPECT_EQ(shown["name"], "renamed");
  EXPECT_EQ(shown["result"]["closure"], "hello");
  EXPECT_EQ(shown["result"]["at"], "now");
  EXPECT_EQ(count_events(fork, "Logged", "its input is another now"), 1U);
}

TEST_F(TravelTest, KeptWorkIsDoneNowhereNotEvenInTheWorker) {
  const auto former = run(in_worktree(), 1);
  did();
  const auto fork = run({"runs", "fork", former, "--from", "four", "--json"}, 1);
  EXPECT_EQ(did(), "four\n");
  EXPECT_EQ(count_events(fork, "StepStarted", "closure"), 0U);
  EXPECT_EQ(count_events(fork, "StepCompleted", R"("imported":true)"), 6U);
}

TEST_F(TravelTest, ARetryDoesOnlyWhatFailedAndWhatComesAfter) {
  const auto before = checkout();
  const auto former = run(in_worktree(), 1);
  did();
  sandbox.write(".worktrees/feat/by-hand", "repaired\n");
  make_good();
  const auto retry = run({"runs", "retry", former, "--json"}, 0);
  EXPECT_EQ(did(), "four\nfive\n");
  const auto shown = sandbox.run(retry);
  EXPECT_EQ(shown["branch"], "feat");
  EXPECT_EQ(shown["forked_from"], former);
  EXPECT_EQ(sandbox.git({"show", "feat:by-hand"}), "repaired\n")
      << "it went on with the files as they were";
  EXPECT_EQ(sandbox.git({"show", "feat:e"}), "five\n");
  EXPECT_FALSE(fs::exists(sandbox.project / ".worktrees/feat"));
  EXPECT_TRUE(sandbox.agentcmd({"runs", "show", former}).out.contains("retried   " + retry));
  EXPECT_EQ(checkout(), before);
}

TEST_F(TravelTest, ARetryMayPutTheFilesBack) {
  const auto former = run(in_worktree(), 1);
  sandbox.write(".worktrees/feat/a", "spoilt\n");
  sandbox.write(".worktrees/feat/spoilt", "x\n");
  make_good();
  const auto retry = run({"runs", "retry", former, "--json", "--files", "then"}, 0);
  EXPECT_EQ(sandbox.git({"show", "feat:a"}), "one\nthree\n");
  EXPECT_FALSE(sandbox.git({"ls-tree", "--name-only", "feat"}).contains("spoilt"));
  EXPECT_EQ(sandbox.git({"show", "refs/agentcmd/" + retry + "/before%20retry:spoilt"}), "x\n");
}

TEST_F(TravelTest, ARetryOfARetryGoesOnInTheSameWorktree) {
  const auto former = run(in_worktree(), 1);
  const auto again = run({"runs", "retry", former, "--json"}, 1);
  did();
  make_good();
  const auto last = run({"runs", "retry", again, "--json"}, 0);
  EXPECT_EQ(did(), "four\nfive\n");
  EXPECT_EQ(sandbox.run(last)["branch"], "feat");
}

TEST_F(TravelTest, InTheCheckoutARetryGoesOnThere) {
  const auto former =
      run({"run", "steps", "--json", "--agents", "scripted:.agent/scripted.json"}, 1);
  did();
  make_good();
  run({"runs", "retry", former, "--json"}, 0);
  EXPECT_EQ(did(), "four\nfive\n");
  EXPECT_EQ(sandbox.read("e"), "five\n");
}

TEST_F(TravelTest, WhatHasCompletedCannotBeRetried) {
  make_good();
  const auto former = run(in_worktree(), 0);
  const auto refused = sandbox.agentcmd({"runs", "retry", former});
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(refused.err.contains("runs fork")) << refused.err;
  // Its worktree is gone, and can still be forked.
  did();
  run({"runs", "fork", former, "--from", "five", "--json"}, 0);
  EXPECT_EQ(did(), "five\n");
  EXPECT_EQ(sandbox.git({"show", "feat-fork-1:e"}), "five\n");
}

TEST_F(TravelTest, WithoutASnapshotForkRefusesAndSaysWhatWouldWork) {
  const auto former =
      run({"run", "steps", "--json", "--agents", "scripted:.agent/scripted.json"}, 1);
  const auto refused = sandbox.agentcmd({"runs", "fork", former, "--from", "four"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(refused.err.contains("--files now")) << refused.err;
  did();
  make_good();
  run({"runs", "fork", former, "--from", "four", "--files", "now", "--json"}, 0);
  EXPECT_EQ(did(), "four\nfive\n");
  EXPECT_EQ(sandbox.agentcmd({"runs", "fork", former, "--from", "nowhere"}).code, 2);
}

TEST_F(TravelTest, SnapshotsInTheCheckoutLeaveItByteForByte) {
  sandbox.env["AGENTCMD_SNAPSHOTS"] = "always";
  sandbox.define("looks.ts", R"(
export default defineWorkflow({ id: "looks" }, async ({ step }) => {
  await Promise.all(["a", "b", "c"].map((id) => step.cli(id, { command: "true" })));
});
)");
  sandbox.write("README.md", "edited by the user\n");
  sandbox.write("staged", "staged\n");
  sandbox.git({"add", "staged"});
  sandbox.write("staged", "and edited\n");
  const auto before = checkout();
  const auto former = run({"run", "looks", "--json"}, 0);
  EXPECT_EQ(checkout(), before);
  const auto refs = sandbox.git({"for-each-ref", "--format=%(objectname)", "refs/agentcmd"});
  EXPECT_EQ(std::ranges::count(refs, '\n'), 4) << "the steps, and what came of them:\n" << refs;
  const auto fork = run({"runs", "fork", former, "--from", "b", "--json"}, 0);
  EXPECT_EQ(checkout(), before);
  EXPECT_EQ(sandbox.run(fork)["branch"], "main-fork-1");
  EXPECT_EQ(sandbox.git({"show", "main-fork-1:staged"}), "and edited\n");
}

TEST_F(TravelTest, KilledInTheMiddleOfASnapshotTheRunGoesOnAndCanBeForkedThere) {
  const auto hold = sandbox.root / "hold";
  const auto held = sandbox.root / "held";
  wrap_git(fmt::format(R"(case "$*" in *commit-tree*) if [ -e '{0}' ]; then touch '{1}';
    while [ -e '{0}' ]; do PATH=/usr/bin:/bin sleep 0.02; done; fi;; esac)",
                       hold.string(), held.string()));
  sandbox.define("killed.ts", R"(
export default defineWorkflow({ id: "killed" }, async ({ step }) => {
  await step.cli("first", { command: `echo first >>"$DID"; echo 1 > file; touch "$HOLD"` });
  await step.cli("second", { command: `echo second >>"$DID"; echo 2 > file` });
  return (await step.cli("third", { command: `echo third >>"$DID"; cat file` })).data.stdout;
});
)");
  sandbox.env["HOLD"] = hold.string();
  auto running = sandbox.start({"run", "killed", "--json", "--mode", "worktree"});
  const std::string id = Json::parse(running->line_with("RunStarted"))["run"];
  wait_until([&] { return fs::exists(held); }, "the snapshot is being made");
  running->signal(SIGKILL);
  running->wait();
  fs::remove(hold);
  const auto resumed = sandbox.agentcmd({"runs", "resume", id, "--json"});
  ASSERT_EQ(resumed.code, 0) << resumed.out << resumed.err;
  EXPECT_EQ(did(), "first\nsecond\nthird\n");
  EXPECT_EQ(step(id, "second")["attempts"], 1);
  const auto fork = run({"runs", "fork", id, "--from", "second", "--json"}, 0);
  EXPECT_EQ(did(), "second\nthird\n");
  EXPECT_EQ(sandbox.run(fork)["result"], "2");
}

TEST_F(TravelTest, AClosureIsPrecededByOneSnapshotWhenItFirstChangesSomething) {
  sandbox.define("closures.ts", R"(
import * as fs from "node:fs";
export default defineWorkflow({ id: "closures" }, async ({ step }) => {
  await step.run("reads", async () => fs.readFileSync("README.md", "utf8"));
  await step.run("writes", async () => {
    for (let i = 0; i < 20; i++) fs.writeFileSync(`sync${i}`, fs.readFileSync("README.md"));
    await Promise.all(["x", "y"].map((name) => fs.promises.writeFile(name, name)));
  });
});
)");
  const auto id = run({"run", "closures", "--json", "--mode", "worktree"}, 0);
  EXPECT_EQ(count_events(id, "StepCheckpoint", "reads"), 0U);
  EXPECT_EQ(count_events(id, "StepCheckpoint", "writes"), 1U);
  EXPECT_EQ(sandbox.git({"diff", "--name-only", "main", "refs/agentcmd/" + id + "/writes"}), "");
  const auto fork = run({"runs", "fork", id, "--from", "reads", "--json"}, 0);
  EXPECT_EQ(count_events(fork, "StepStarted", "reads"), 1U) << "the next snapshot is also its";
}

TEST_F(TravelTest, ASnapshotThatFailsIsNotedAndFailsNothing) {
  wrap_git(R"(case "$*" in *commit-tree*) echo "no room for objects" >&2; exit 1;; esac)");
  make_good();
  const auto former = run(in_worktree(), 0);
  EXPECT_GE(count_events(former, "Logged", "no room for objects"), 1U);
  const auto refused = sandbox.agentcmd({"runs", "fork", former, "--from", "three"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(refused.err.contains("could not be kept")) << refused.err;
}

TEST_F(TravelTest, TwoRunsAreComparedByStepsResultsAndFiles) {
  const auto former = run(in_worktree(), 1);
  make_good();
  const auto fork =
      run({"runs", "fork", former, "--from", "closure", "--arg", "say=hi", "--json"}, 0);
  const auto diff = Json::parse(sandbox.agentcmd({"runs", "diff", former, fork, "--json"}).out);
  EXPECT_EQ(diff["args"][0]["name"], "say");
  EXPECT_EQ(diff["same_result"], false);
  EXPECT_EQ(diff["same_code"], true);
  std::map<std::string, std::string> different;
  for (const auto& one : diff["steps"]["different"]) different[one["key"]] = one["difference"];
  different.erase("saved");  // commits of one tree within a second have the same id
  EXPECT_EQ(different,
            (std::map<std::string, std::string>{
                {"closure", "other result"}, {"four", "other result"}, {"five", "only in B"}}))
      << diff["steps"];
  ASSERT_EQ(diff["files"]["changes"].size(), 1U) << diff["files"];
  EXPECT_EQ(diff["files"]["changes"][0]["path"], "e");
  const auto text = sandbox.agentcmd({"runs", "diff", former, fork, "--files"});
  EXPECT_EQ(text.code, 0);
  EXPECT_TRUE(text.out.contains("+five")) << text.out;
  EXPECT_FALSE(text.out.contains("only in B"));
  const auto all = sandbox.agentcmd({"runs", "diff", former, fork});
  EXPECT_TRUE(all.out.contains("only in B")) << all.out;
  EXPECT_FALSE(all.out.contains("+five"));
}

TEST_F(TravelTest, AForkGoesOnInTheBackground) {
  const auto former = run(in_worktree(), 1);
  make_good();
  const auto detached =
      sandbox.agentcmd({"runs", "fork", former, "--from", "four", "--detach", "--json"});
  ASSERT_EQ(detached.code, 0) << detached.err;
  const std::string id = sandbox.runs()[0]["id"];
  EXPECT_TRUE(detached.out.contains(id)) << detached.out;
  wait_until([&] { return sandbox.run(id)["status"] == "completed"; }, "the fork has completed");
}

}  // namespace
}  // namespace agentcmd::test
