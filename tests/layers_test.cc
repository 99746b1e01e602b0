// Who may use whom. The folders' CMakeLists.txt declare arrows (collected in layers.txt); the
// #include lines must stay within them, and they within the design below. A new arrow is a design
// change: it is entered here together with a line in docs/decisions/.

#include "base/text.h"
#include "tests/source_tree.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace agentcmd::tests {
namespace {

using Layers = std::map<std::string, std::set<std::string>>;

const Layers& design() {
  static const Layers layers = {
      {"base", {}},
      {"history", {}},
      {"engine", {"history"}},
      {"async", {}},
      {"process", {"async"}},
      {"http", {"async"}},
      {"store", {"history", "async"}},
      {"script", {"history", "process"}},
      {"git", {"process"}},
      {"workspace", {"git", "http"}},
      {"gateway", {"http", "process", "history"}},
      {"agents", {"gateway", "workspace"}},
      {"steps", {"agents", "workspace", "history"}},
      {"runtime", {"engine", "store", "script", "steps"}},
      {"temporal", {"engine", "script", "steps"}},
      {"projects", {"runtime", "temporal"}},
      {"api", {"projects", "http"}},
      {"cli", {"projects", "http"}},
      {"app", {"api", "cli"}},
  };
  return layers;
}

// "process: async" a line, as cmake/layer.cmake writes it.
Layers declared() {
  Layers layers;
  for (const auto& line : split(read_text(AGENTCMD_BINARY_DIR "/layers.txt"), '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    auto& uses = layers[line.substr(0, colon)];
    for (const auto& used : split(line.substr(colon + 1), ' '))
      if (!used.empty()) uses.insert(used);
  }
  return layers;
}

// Everything that `from` may use, itself and base included.
std::set<std::string> reachable(const Layers& layers, const std::string& from) {
  std::set<std::string> seen = {"base"};
  std::vector<std::string> open = {from};
  while (!open.empty()) {
    const auto layer = open.back();
    open.pop_back();
    if (!seen.insert(layer).second) continue;
    if (const auto found = layers.find(layer); found != layers.end())
      open.insert(open.end(), found->second.begin(), found->second.end());
  }
  return seen;
}

TEST(Layers, EveryFolderWithSourcesIsALayer) {
  std::set<std::string> folders;
  for (const auto& file : source_tree())
    if (file.is_below("src") && file.path.ends_with(".cc")) folders.insert(file.layer());
  for (const auto& folder : folders) {
    const auto build = read_text(AGENTCMD_SOURCE_DIR "/src/" + folder + "/CMakeLists.txt");
    EXPECT_TRUE(build.empty() || build.contains("layer(NAME " + folder))
        << "src/" << folder << "/CMakeLists.txt has no layer(NAME " << folder << " …)";
  }
}

TEST(Layers, DeclaredArrowsAreThoseOfTheDesign) {
  for (const auto& [layer, uses] : declared()) {
    ASSERT_TRUE(design().contains(layer)) << "src/" << layer << " is not in the design";
    const auto allowed = reachable(design(), layer);
    for (const auto& used : uses)
      EXPECT_TRUE(allowed.contains(used)) << "src/" << layer << "/CMakeLists.txt declares USES "
                                          << used << ", an arrow that the design does not have";
  }
}

TEST(Layers, IncludesStayWithinTheDeclaredArrows) {
  const auto layers = declared();
  for (const auto& file : source_tree()) {
    // app sees everything; a test may bring real neighbours of the layer it tests.
    if (file.layer() == "app" || file.is_test() || !layers.contains(file.layer())) continue;
    const auto allowed = reachable(layers, file.layer());
    for (const auto& line : file.lines) {
      const auto header = included(line);
      const auto target = header.substr(0, header.find('/'));
      if (header == target || !design().contains(target)) continue;
      if (line.find('"') == std::string::npos) continue;
      EXPECT_TRUE(allowed.contains(target))
          << file.path << " includes \"" << header << "\", but src/" << file.layer()
          << " does not use " << target;
    }
  }
}

TEST(Layers, NoLayerUsesItselfInACircle) {
  const auto layers = declared();
  for (const auto& [layer, uses] : layers)
    for (const auto& used : uses)
      EXPECT_FALSE(used != layer && reachable(layers, used).contains(layer) && layer != "base")
          << layer << " and " << used << " use each other";
}

// A heavy library is included in one folder only (docs/decisions/0008).
struct Fence {
  std::string_view header;  // prefix of what is included
  std::set<std::string_view> layers;
  std::string_view instead;
};

const std::vector<Fence>& fences() {
  static const std::vector<Fence> all = {
      {"soci/", {"store"}, "use store/store.h"},
      {"sqlite3.h", {"store"}, "use store/store.h"},
      {"boost/beast", {"http"}, "use the headers of src/http"},
      {"curl/", {"http"}, "use the headers of src/http"},
      {"JavaScriptCore/", {"script"}, "use script/worker.h"},
      {"jsc/", {"script"}, "use script/worker.h"},
      {"grpc", {"temporal"}, "use the headers of src/temporal"},
      {"nlohmann/", {"base"}, "use base/json.h"},
      {"spdlog/", {"base"}, "use base/log.h"},
      {"openssl/", {"base", "http", "script"}, "use base/id.h"},
      {"CLI/", {"cli"}, "parse options in src/cli"},
      {"valijson/", {"steps"}, "use steps/schema.h"},
      {"boost/process", {}, "use process/command.h or process/supervised_process.h"},
      {"boost/json", {}, "use base/json.h"},
      {"boost/asio/detached.hpp", {}, "use async/task_group.h"},
      {"boost/asio/signal_set.hpp", {"app", "cli", "async"}, "signals are wired in main"},
      {"boost/asio/system_timer.hpp", {}, "timers of a run are the engine's"},
  };
  return all;
}

TEST(Layers, HeavyLibrariesStayBehindTheirFences) {
  for (const auto& file : source_tree()) {
    if (!file.is_below("src") || file.is_test()) continue;
    for (const auto& line : file.lines) {
      const auto header = included(line);
      if (header.empty()) continue;
      for (const auto& fence : fences()) {
        if (!header.starts_with(fence.header)) continue;
        EXPECT_TRUE(fence.layers.contains(file.layer()))
            << file.path << " includes <" << header << ">: " << fence.instead;
      }
    }
  }
}

// history/ and engine/ decide as pure functions, so that they can be replayed and simulated.
TEST(Layers, HistoryAndEngineSeeNoWorld) {
  const std::set<std::string, std::less<>> banned = {
      "thread", "mutex",   "future",   "filesystem", "fstream",       "iostream",
      "random", "cstdlib", "unistd.h", "fcntl.h",    "base/random.h", "condition_variable"};
  for (const auto& file : source_tree()) {
    if ((file.layer() != "history" && file.layer() != "engine") || file.is_test()) continue;
    for (const auto& line : file.lines) {
      const auto header = included(line);
      EXPECT_FALSE(banned.contains(header) || header.starts_with("boost/") ||
                   header.starts_with("sys/"))
          << file.path << " includes " << header << ": pass values in, decide, return";
      EXPECT_FALSE(has_word(code_of(line), "system_clock::now") ||
                   has_word(code_of(line), "steady_clock::now"))
          << file.path << ": time comes in with the activation";
    }
  }
}

TEST(Layers, CoroutinesAreSpawnedInAsyncOnly) {
  for (const auto& file : source_tree()) {
    if (!file.is_below("src") || file.is_test()) continue;
    // The program's own outermost coroutine has no group that could own it.
    if (file.layer() == "async" || file.layer() == "app") continue;
    for (std::size_t i = 0; i < file.lines.size(); ++i)
      EXPECT_FALSE(has_word(code_of(file.lines[i]), "co_spawn"))
          << file.path << ":" << i + 1 << ": use TaskGroup::spawn, which owns the task and logs it";
  }
}

}  // namespace
}  // namespace agentcmd::tests
