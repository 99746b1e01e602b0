#include "store/backup.h"

#include "base/fault.h"
#include "base/json.h"
#include "store/backup_files.h"
#include "store/connection.h"
#include "store/store_fixture.h"

#include <gtest/gtest.h>
#include <soci/soci.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

namespace agentcmd::store {
namespace {

namespace fs = std::filesystem;
using namespace history;

const Time now = from_millis(1'800'000'000'000);

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void write(const fs::path& file, std::string_view text) {
  std::ofstream(file, std::ios::binary) << text;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

// Both forms keep all promises.
class BackupTest : public testing::TestWithParam<const char*> {
 protected:
  BackupTest() {
    root_ = temp_.home.root.parent_path();
    destination_ = root_ / "out" / GetParam();
    fs::create_directories(root_ / "out");
    auto store = loop_.open(temp_.home);
    auto run = created();
    run.code_hash = bundle_;
    write(temp_.home.bundles() / (bundle_ + ".json"), "{}");
    EXPECT_TRUE(loop_.wait(store->log().append(parts(part(
        "r1", 0, {run, RunStarted{}, scheduled("a"), started("a"), completed("a", payload_)})))));
    loop_.wait(store->catalog().runs({}));
  }

  Result<BackupReport> make() { return back_up({temp_.home, destination_}, now); }
  RestoreOptions options(const fs::path& home, bool force = false) {
    return {.source = destination_, .home = {home}, .force = force, .users = [this](const Home&) {
              return users_;
            }};
  }
  std::string error_of(const RestoreOptions& options) {
    const auto restored = restore(options, now);
    return restored ? "restored" : restored.error().message;
  }
  std::vector<Event> history_in(const fs::path& home) {
    return loop_.wait(loop_.open({home})->log().read({"r1"}, 0));
  }
  void expect_nothing_beside(const fs::path& home) {
    EXPECT_FALSE(fs::exists(home.native() + ".restoring"));
  }

  TempHome temp_;
  Loop loop_;
  fs::path root_;
  fs::path destination_;
  std::string users_;
  const std::string bundle_ = std::string(64, 'b');
  const std::string payload_ = '"' + std::string(9000, 'p') + '"';
};

INSTANTIATE_TEST_SUITE_P(Forms, BackupTest, testing::Values("backup.tar", "folder"),
                         [](const auto& form) {
                           return form.param == std::string("folder") ? "Folder" : "Tar";
                         });

TEST_P(BackupTest, WhatIsRestoredIsWhatWasThere) {
  const auto made = make();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->runs, 1U);
  EXPECT_EQ(made->files, 3U) << "database, blob, bundle";
  EXPECT_EQ(names_in(root_ / "out"), std::vector<std::string>{GetParam()}) << "nothing else";

  const auto restored = restore(options(root_ / "other"), now);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(restored->runs, 1U);
  EXPECT_EQ(restored->from_home, temp_.home.root);
  EXPECT_TRUE(restored->former.empty());
  EXPECT_EQ(history_in(root_ / "other"), history_in(temp_.home.root));
  EXPECT_TRUE(fs::exists(root_ / "other/bundles" / (bundle_ + ".json")));
  EXPECT_FALSE(fs::exists(root_ / "other/manifest.json"));
  EXPECT_EQ(fs::status(root_ / "other").permissions(), fs::perms::owner_all);
  expect_nothing_beside(root_ / "other");
}

TEST_P(BackupTest, IsOneMomentWhileOthersWrite) {
  std::atomic<bool> stop = false;
  std::atomic<int> written = 0;
  std::thread writer([&] {
    Loop loop;
    auto store = loop.open(temp_.home);
    for (std::uint64_t seq = 1; !stop; ++seq) {
      const auto text =
          '"' + std::string(5000, 'a' + static_cast<char>(seq % 26)) + std::to_string(seq) + '"';
      auto run = created();
      run.code_hash = bundle_;
      std::vector<Detail> details{seq == 1 ? Detail(run) : Detail(Logged{"info", "", text})};
      EXPECT_TRUE(loop.wait(store->log().append(parts(part("r2", seq - 1, std::move(details))))));
      ++written;
    }
    loop.wait(store->log().stop());
  });
  while (written < 20) std::this_thread::yield();
  const auto made = make();
  const int until = written;
  while (written < until + 5) std::this_thread::yield();  // the writer was not stopped by it
  stop = true;
  writer.join();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(made->warnings.empty());
  const auto restored = restore(options(root_ / "other"), now);
  ASSERT_TRUE(restored) << restored.error().message;
  auto store = loop_.open({root_ / "other"});
  const auto events = loop_.wait(store->log().read({"r2"}, 0));
  EXPECT_GE(events.size(), 20U);
  EXPECT_EQ(events.back().seq, events.size());
  EXPECT_TRUE(loop_.wait(store->log().append(parts(part("r2", events.size(), {RunStarted{}})))))
      << "and it goes on from there";
}

TEST_P(BackupTest, SecretsStayAtHomeUnlessAskedFor) {
  write(temp_.home.config(), R"({"port":4100,"anthropicApiKey":"sk-1","x":{"jwtSecret":"s"}})");
  write(temp_.home.root / "credentials", "top");
  ASSERT_TRUE(make());
  ASSERT_TRUE(restore(options(root_ / "other"), now));
  const auto config = text_of(root_ / "other/config.json");
  EXPECT_TRUE(config.contains("4100"));
  EXPECT_FALSE(config.contains("sk-1")) << config;
  EXPECT_FALSE(config.contains("jwtSecret")) << config;
  EXPECT_FALSE(fs::exists(root_ / "other/credentials"));

  fs::remove_all(destination_);
  ASSERT_TRUE(back_up({temp_.home, destination_, true}, now));
  ASSERT_TRUE(restore(options(root_ / "third"), now));
  EXPECT_TRUE(text_of(root_ / "third/config.json").contains("sk-1"));
  EXPECT_EQ(text_of(root_ / "third/credentials"), "top");
}

TEST_P(BackupTest, ADamagedOneIsRefusedBeforeTheHomeIsTouched) {
  ASSERT_TRUE(make());
  fs::path file = destination_;
  if (fs::is_directory(destination_)) {
    file = fs::recursive_directory_iterator(destination_ / "blobs")->path();
    for (const auto& entry : fs::recursive_directory_iterator(destination_ / "blobs")) {
      if (entry.is_regular_file()) file = entry.path();
    }
  }
  auto text = text_of(file);
  const auto at = text.find("ppppp");
  ASSERT_NE(at, std::string::npos);
  text[at] = 'q';
  write(file, text);
  const auto message = error_of(options(temp_.home.root, true));
  EXPECT_TRUE(message.contains("is damaged")) << message;
  EXPECT_TRUE(message.contains("blobs/")) << message;
  EXPECT_EQ(history_in(temp_.home.root).size(), 5U);
  expect_nothing_beside(temp_.home.root);
}

TEST_P(BackupTest, OneThatWasCutOffIsRefused) {
  ASSERT_TRUE(make());
  if (fs::is_directory(destination_)) {
    fs::remove(destination_ / "manifest.json");
  } else {
    fs::resize_file(destination_, fs::file_size(destination_) / 2);
  }
  const auto message = error_of(options(root_ / "other"));
  EXPECT_TRUE(message.contains("cut off") || message.contains("ends too early")) << message;
  EXPECT_FALSE(fs::exists(root_ / "other"));
}

TEST_P(BackupTest, AHomeWithContentIsReplacedOnlyByForceAndKeptBeside) {
  ASSERT_TRUE(make());
  write(temp_.home.config(), R"({"anthropicApiKey":"mine"})");
  EXPECT_TRUE(error_of(options(temp_.home.root)).contains("--force"));
  {
    auto store = loop_.open(temp_.home);
    EXPECT_TRUE(loop_.wait(store->log().append(parts(part("r1", 5, {RunCompleted{{"1"}}})))));
  }
  const auto restored = restore(options(temp_.home.root, true), now);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(history_in(temp_.home.root).size(), 5U);
  EXPECT_EQ(history_in(restored->former).size(), 6U) << "nothing is lost";
  EXPECT_EQ(restored->kept, std::vector<std::string>{"config.json"});
  EXPECT_TRUE(text_of(temp_.home.config()).contains("mine"));
}

TEST_P(BackupTest, AHomeInUseIsLeftAlone) {
  ASSERT_TRUE(make());
  users_ = "process 17 executes runs";
  const auto message = error_of(options(temp_.home.root, true));
  EXPECT_TRUE(message.contains("process 17")) << message;

  // One that came while the backup was being unpacked.
  int asked = 0;
  auto late = options(temp_.home.root, true);
  late.users = [&](const Home&) { return ++asked == 1 ? "" : "process 18 executes runs"; };
  EXPECT_TRUE(error_of(late).contains("process 18"));
  EXPECT_EQ(history_in(temp_.home.root).size(), 5U);
  expect_nothing_beside(temp_.home.root);
}

TEST_P(BackupTest, CheckOnlyVerifiesAndLeavesNothing) {
  ASSERT_TRUE(make());
  auto check = options(root_ / "other");
  check.check_only = true;
  const auto checked = restore(check, now);
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_EQ(checked->runs, 1U);
  EXPECT_FALSE(fs::exists(root_ / "other"));
  expect_nothing_beside(root_ / "other");
}

TEST_P(BackupTest, WhatTheHomeHasLostIsSaidAndTheRestIsSaved) {
  for (const auto& entry : fs::recursive_directory_iterator(temp_.home.blobs())) {
    if (entry.is_regular_file()) write(entry.path(), "other bytes");
  }
  const auto made = make();
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_EQ(made->warnings.size(), 1U);
  EXPECT_TRUE(made->warnings[0].contains("damaged")) << made->warnings[0];
  const auto restored = restore(options(root_ / "other"), now);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(restored->warnings.size(), 1U);
}

TEST_P(BackupTest, AnExistingDestinationIsNotOverwritten) {
  ASSERT_TRUE(make());
  const auto again = make();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::already_exists);
}

TEST(Backup, RefusesWhatCannotBeABackup) {
  TempHome temp;
  Loop().open(temp.home);
  const auto root = temp.home.root.parent_path();
  const auto refused = [&](const fs::path& destination) {
    const auto made = back_up({temp.home, destination}, now);
    return made ? "made" : made.error().message;
  };
  EXPECT_TRUE(refused(temp.home.root / "b.tar").contains("within the home"));
  EXPECT_TRUE(refused(root / "b.tar.gz").contains("write b.tar and pack it"));
  EXPECT_TRUE(back_up({Home{root / "none"}, root / "b.tar"}, now)
                  .error()
                  .message.contains("nothing to back up"));

  const RestoreOptions options{
      .source = root / "file", .home = {root / "other"}, .users = [](const Home&) { return ""; }};
  const auto restored = [&] { return restore(options, now).error().message; };
  EXPECT_TRUE(restored().contains("there is no backup"));
  write(root / "file", std::string(5000, 'x'));
  EXPECT_TRUE(restored().contains("is no backup")) << restored();
  fs::remove(root / "file");
  fs::create_directories(root / "file");
  write(root / "file/letter.txt", "x");
  EXPECT_TRUE(restored().contains("letter.txt")) << restored();
  EXPECT_FALSE(fs::exists(root / "other"));
}

TEST(Backup, ADatabaseOfANewerVersionIsRefused) {
  TempHome temp;
  Loop().open(temp.home);
  Connection(temp.home, Durability::full).sql()
      << "INSERT INTO schema_version VALUES(1000, '9.8.7', 0)";
  const auto made = back_up({temp.home, temp.home.root.parent_path() / "b.tar"}, now);
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().message.contains("newer agentcmd (9.8.7)")) << made.error().message;
  EXPECT_FALSE(fs::exists(temp.home.root.parent_path() / "b.tar.part"));
}

TEST(Backup, ATruncatedDatabaseIsAFaultThatSaysSoAndLeavesNothing) {
  TempHome temp;
  Loop().open(temp.home);
  fs::resize_file(temp.home.database(), 5000);
  fs::remove(temp.home.database().native() + "-wal");
  try {
    const auto made = back_up({temp.home, temp.home.root.parent_path() / "b.tar"}, now);
    FAIL() << (made ? "made" : made.error().message);
  } catch (const Fault& fault) {
    EXPECT_TRUE(std::string(fault.what()).contains("damaged")) << fault.what();
  }
  EXPECT_EQ(names_in(temp.home.root.parent_path()), std::vector<std::string>{"home"});
}

TEST(Backup, OnlyFilesOfAHomeMayBeInOne) {
  EXPECT_TRUE(is_backup_path("database.db"));
  EXPECT_TRUE(is_backup_path("blobs/ab/" + std::string(62, '0')));
  EXPECT_TRUE(is_backup_path("bundles/" + std::string(64, 'f') + ".json"));
  for (const auto* path : {"../x", "/etc/passwd", "blobs/../../x", "blobs/ab/cd", "bundles/x.json",
                           "drivers/d1", "", "blobs/", "blobs/ab"}) {
    EXPECT_FALSE(is_backup_path(path)) << path;
  }
}

}  // namespace
}  // namespace agentcmd::store
