#include "projects/definitions.h"

#include "async/task_group.h"
#include "base/suggestion.h"
#include "base/text.h"
#include "projects/due_times.h"
#include "projects/project.h"
#include "script/worker_client.h"
#include "steps/schema.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <fstream>
#include <iterator>
#include <map>
#include <numeric>
#include <string_view>
#include <system_error>

namespace agentcmd::projects {
namespace fs = std::filesystem;
namespace {

// esbuild uses several threads; more of them at once only wait for each other.
constexpr std::size_t bundling_at_once = 4;
// Each has a worker of its own.
constexpr std::size_t describing_at_once = 4;
// What the code of a file gets that in all likelihood is not the one that was asked for.
constexpr std::chrono::milliseconds glance{200};

// Files to load, and what became of each.
struct Batch {
  Loader loader;
  fs::path project;
  std::vector<fs::path> files;
  std::vector<Definition> definitions;
};

// Definitions of a batch, by index, that lanes take one after the other until none is left. A fault
// (no esbuild, disk full) ends it, and is thrown to whoever waits for the lanes.
class Work {
 public:
  explicit Work(std::vector<std::size_t> indices) : indices_(std::move(indices)) {}

  std::optional<std::size_t> take() {
    if (fault_ || next_ == indices_.size()) return std::nullopt;
    return indices_[next_++];
  }
  std::size_t size() const { return indices_.size(); }
  void fail(std::exception_ptr fault) { fault_ = std::move(fault); }
  void check() const {
    if (fault_) std::rethrow_exception(fault_);
  }

 private:
  std::vector<std::size_t> indices_;
  std::size_t next_ = 0;
  std::exception_ptr fault_;
};

std::string shown_path(const fs::path& project, const fs::path& file) {
  const auto relative = file.lexically_relative(project);
  const bool outside = relative.empty() || *relative.begin() == "..";
  return outside ? file.string() : relative.string();
}

Task<> bundle_one(Batch& batch, std::size_t index) {
  auto& definition = batch.definitions[index];
  definition.file = shown_path(batch.project, batch.files[index]);
  auto bundle =
      co_await script::make_bundle(batch.loader.executor, batch.loader.libexec, batch.project,
                                   batch.files[index], batch.loader.bundles);
  if (bundle) {
    definition.bundle = *std::move(bundle);
  } else {
    definition.error = bundle.error().message;
  }
}

Task<> bundling_lane(Batch& batch, Work& work) {
  try {
    while (const auto index = work.take()) co_await bundle_one(batch, *index);
  } catch (...) {
    work.fail(std::current_exception());
  }
}

Task<> bundle_all(Batch& batch) {
  std::vector<std::size_t> all(batch.files.size());
  std::iota(all.begin(), all.end(), 0);
  Work work(std::move(all));
  TaskGroup lanes(batch.loader.executor);
  const auto count = std::min(bundling_at_once, work.size());
  for (std::size_t i = 0; i < count; ++i) {
    lanes.spawn("definitions.bundle", bundling_lane(batch, work));
  }
  co_await lanes.join();
  work.check();
}

// How definitions are asked what they declare.
struct Asking {
  Findings findings = Findings::no;
  std::optional<std::chrono::milliseconds> cpu_max = std::nullopt;  // none: as for runs
};

// A worker that is made when first needed, and made again when a definition has killed it.
class WorkerSlot {
 public:
  WorkerSlot(Loader loader, const Asking& asking) : loader_(std::move(loader)) {
    if (!asking.cpu_max) return;
    arguments_.push_back(fmt::format("--cpu-ms={}", asking.cpu_max->count()));
  }

  Task<Result<script::Worker*>> get() {
    if (died_) co_await stop();
    if (!worker_) {
      died_ = false;
      script::WorkerHandlers handlers;
      handlers.effect = refuse_effect;
      handlers.closure_ended = [](history::RunId, history::ClosureEnd) {};
      handlers.died = [this](std::string) { died_ = true; };
      script::WorkerOptions options{.libexec = loader_.libexec, .arguments = arguments_};
      auto started = co_await script::start_worker_with(loader_.executor, std::move(options),
                                                        std::move(handlers));
      if (!started) co_return tl::unexpected(started.error());
      worker_ = std::move(started->worker);
    }
    co_return worker_.get();
  }

  Task<> stop() {
    if (worker_) co_await worker_->stop();
    worker_.reset();
  }

 private:
  // Nothing runs a closure while definitions are only described.
  static Task<script::EffectResult> refuse_effect(script::Effect effect) {
    script::EffectResult refused;
    refused.ok = false;
    refused.value.text = to_text(Json{{"name", "Error"}, {"message", effect.name + " refused"}});
    co_return refused;
  }

  Loader loader_;
  std::vector<std::string> arguments_;
  std::unique_ptr<script::Worker> worker_;
  bool died_ = false;
};

// Why the arguments of the definition could not be checked; empty when they can be.
std::string flaw_of_schema(const Definition& definition) {
  const auto& schema = definition.info->args_schema;
  if (!schema) return "";
  const auto checked = steps::check_schema(parse_trusted(schema->text, "argsSchema"));
  return checked ? "" : fmt::format("{}: {}", definition.file, checked.error().message);
}

Task<> describe(script::Worker& worker, Definition& definition, Findings findings) {
  const auto& hash = definition.bundle->hash;
  worker.load(*definition.bundle);
  auto info = co_await worker.describe(hash);
  if (!info) {
    definition.error = info.error().message;
    definition.bundle.reset();
    co_return;
  }
  definition.info = *std::move(info);
  definition.error = flaw_of_schema(definition);
  if (definition.usable()) {
    const auto flaw = co_await flaw_of_schedules(worker, *definition.info);
    if (!flaw.empty()) definition.error = fmt::format("{}: {}", definition.file, flaw);
  }
  if (findings == Findings::no) co_return;
  auto found = co_await worker.check(hash);
  if (found) {
    definition.findings = *std::move(found);
  } else {
    definition.error = found.error().message;
  }
}

// Within a lane one after the other, so that a definition which kills the worker is the one that is
// blamed.
Task<> describe_in(WorkerSlot& slot, Batch& batch, Work& work, Findings findings) {
  while (const auto index = work.take()) {
    auto& definition = batch.definitions[*index];
    auto worker = co_await slot.get();
    if (worker) {
      co_await describe(**worker, definition, findings);
    } else {
      definition.error = worker.error().message;
    }
  }
}

Task<> describing_lane(Batch& batch, Work& work, Asking asking) {
  WorkerSlot slot(batch.loader, asking);
  try {
    co_await describe_in(slot, batch, work, asking.findings);
  } catch (...) {
    work.fail(std::current_exception());
  }
  co_await slot.stop();
}

// Those of `indices` that could be bundled.
Task<> describe_all(Batch& batch, std::vector<std::size_t> indices, Asking asking) {
  std::erase_if(indices, [&](std::size_t index) { return !batch.definitions[index].bundle; });
  Work work(std::move(indices));
  TaskGroup lanes(batch.loader.executor);
  const auto count = std::min(describing_at_once, work.size());
  for (std::size_t i = 0; i < count; ++i) {
    lanes.spawn("definitions.describe", describing_lane(batch, work, asking));
  }
  co_await lanes.join();
  work.check();
}

void mark_equal_ids(std::vector<Definition>& definitions) {
  std::map<std::string, std::vector<Definition*>> by_id;
  for (auto& definition : definitions) {
    if (definition.info) by_id[definition.info->id].push_back(&definition);
  }
  for (auto& [id, same] : by_id) {
    if (same.size() < 2) continue;
    for (auto* one : same) {
      std::vector<std::string> others;
      for (const auto* other : same) {
        if (other != one) others.push_back(other->file);
      }
      one->error = fmt::format("{}: the id '{}' is also that of {}. Give each its own", one->file,
                               id, join(others, ", "));
    }
  }
}

Task<Batch> bundled(Loader loader, fs::path project, std::vector<fs::path> files) {
  Batch batch;
  batch.loader = std::move(loader);
  batch.project = std::move(project);
  batch.definitions.resize(files.size());
  batch.files = std::move(files);
  co_await bundle_all(batch);
  co_return batch;
}

Task<std::vector<Definition>> load(Loader loader, fs::path project, std::vector<fs::path> files,
                                   Findings findings) {
  auto batch = co_await bundled(std::move(loader), std::move(project), std::move(files));
  std::vector<std::size_t> all(batch.definitions.size());
  std::iota(all.begin(), all.end(), 0);
  const Asking asking{.findings = findings};
  co_await describe_all(batch, std::move(all), asking);
  mark_equal_ids(batch.definitions);
  co_return std::move(batch.definitions);
}

bool is_definition_name(const fs::path& file) {
  const auto name = file.filename().string();
  if (name.starts_with('.') || name.ends_with(".d.ts")) return false;
  return file.extension() == ".ts" || file.extension() == ".js";
}

bool is_skipped_folder(const fs::path& folder) {
  const auto name = folder.filename().string();
  return name.starts_with('.') || name == "node_modules";
}

// The file that `wanted` is the path of, if it is one. Without the ending of a definition it is an
// id, whatever files of that name there are.
std::optional<fs::path> as_path(const fs::path& project, const fs::path& cwd,
                                const std::string& wanted) {
  const fs::path typed(wanted);
  for (const auto& base : {cwd, project, project / definitions_folder()}) {
    std::error_code error;
    const auto file = fs::canonical(base / typed, error);
    if (!error && fs::is_regular_file(file, error) && is_definition_name(file)) return file;
  }
  return std::nullopt;
}

bool looks_like_path(const std::string& wanted) {
  return wanted.contains('/') || wanted.ends_with(".ts") || wanted.ends_with(".js");
}

Error unusable(const Definition& definition) {
  return {ErrorCode::invalid_argument, "the definition cannot be loaded:\n  " + definition.error};
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Whether an id can stand in code as it is, without escapes.
bool is_plain(const std::string& id) {
  return std::ranges::all_of(
      id, [](char c) { return c >= ' ' && c < '\x7f' && c != '\\' && c != '"' && c != '\''; });
}

// Whether the definition may well be the one with this id: its file has that name, or its code has
// the id as a text. One that puts its id together from parts does not look like it.
bool looks_like(const Batch& batch, std::size_t index, const std::string& id) {
  const auto& file = batch.files[index];
  if (file.stem() == id || !is_plain(id)) return true;
  const auto& bundle = batch.definitions[index].bundle;
  const auto code = bundle ? bundle->code : text_of(file);
  return std::ranges::any_of(std::string_view("\"'`"), [&](char quote) {
    return code.contains(fmt::format("{}{}{}", quote, id, quote));
  });
}

// The definition with that id among those that have been described; an error when it is unusable.
std::optional<Result<Definition>> take_named(Batch& batch, const std::string& id) {
  mark_equal_ids(batch.definitions);
  for (auto& definition : batch.definitions) {
    if (!definition.info || definition.info->id != id) continue;
    if (!definition.usable()) return tl::unexpected(unusable(definition));
    return std::move(definition);
  }
  return std::nullopt;
}

std::string list_of(std::vector<std::string> ids) {
  constexpr std::size_t shown_max = 12;
  std::ranges::sort(ids);
  const auto hidden = ids.size() - std::min(ids.size(), shown_max);
  ids.resize(ids.size() - hidden);
  auto text = join(ids, ", ");
  if (hidden > 0) text += fmt::format(" and {} more (agentcmd definitions list)", hidden);
  return text;
}

// `likely`: those that may be what was meant. Why one of them cannot be loaded is said in full.
Error no_such_definition(const Batch& batch, const std::vector<std::size_t>& likely,
                         const std::string& wanted) {
  std::vector<std::string> ids;
  std::string meant;
  std::size_t broken = 0;
  for (std::size_t i = 0; i < batch.definitions.size(); ++i) {
    const auto& definition = batch.definitions[i];
    if (definition.info) ids.push_back(definition.info->id);
    if (definition.usable()) continue;
    if (std::ranges::count(likely, i) > 0) {
      meant += "\n  cannot be loaded: " + definition.error;
    } else {
      ++broken;
    }
  }
  auto text = fmt::format("no definition '{}' in {}.{}", wanted,
                          (batch.project / definitions_folder()).string(),
                          did_you_mean_one_of(wanted, ids));
  if (batch.definitions.empty()) text += " There is none yet: agentcmd init makes a sample";
  if (!ids.empty()) text += " There are: " + list_of(std::move(ids));
  text += meant;
  if (broken > 0) {
    text += fmt::format("\n{} cannot be loaded; agentcmd definitions check says why",
                        broken == 1 ? "1 file" : fmt::format("{} files", broken));
  }
  return {ErrorCode::not_found, std::move(text)};
}

// Files that do not look like the one that is meant are asked only when none of the others is it,
// and not waited for long: what one of them does at load is nothing to this command.
Task<Result<Definition>> resolve_id(Loader loader, fs::path project, std::string wanted) {
  auto files = definition_files(project);
  auto batch = co_await bundled(std::move(loader), std::move(project), std::move(files));
  std::vector<std::size_t> likely;
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < batch.files.size(); ++i) {
    (looks_like(batch, i, wanted) ? likely : others).push_back(i);
  }
  co_await describe_all(batch, likely, {});
  if (auto found = take_named(batch, wanted)) co_return *std::move(found);
  const Asking at_a_glance{.findings = Findings::no, .cpu_max = glance};
  co_await describe_all(batch, others, at_a_glance);
  if (auto found = take_named(batch, wanted)) co_return *std::move(found);
  co_return tl::unexpected(no_such_definition(batch, likely, wanted));
}

}  // namespace

namespace {

// What lies where definitions do, and cannot be looked at: the user believes that it is one.
struct Unseen {
  fs::path path;
  std::string why;
};

// Calls back for each definition file, and for each name that leads nowhere.
template <typename File, typename Unread>
void walk_definitions(const fs::path& project, File on_file, Unread on_unseen) {
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied;
  fs::recursive_directory_iterator walk(project / definitions_folder(), options, error);
  for (const fs::recursive_directory_iterator end; !error && walk != end; walk.increment(error)) {
    std::error_code failed;
    const auto& path = walk->path();
    if (walk->is_directory(failed)) {
      if (is_skipped_folder(path)) {
        walk.disable_recursion_pending();
      } else if (faccessat(AT_FDCWD, path.c_str(), R_OK | X_OK, AT_EACCESS) != 0) {
        on_unseen({path, "the folder cannot be read; definitions in it are not seen"});
      }
    } else if (!is_definition_name(path)) {
      continue;
    } else if (walk->is_regular_file(failed)) {
      on_file(path);
    } else if (walk->is_symlink(failed)) {
      on_unseen({path, fmt::format("the link leads to '{}', where no file is",
                                   fs::read_symlink(path, failed).string())});
    }
  }
}

std::vector<Definition> unseen_in(const fs::path& project) {
  std::vector<Definition> unseen;
  walk_definitions(
      project, [](const fs::path&) {},
      [&](const Unseen& one) {
        const auto file = shown_path(project, one.path);
        unseen.push_back({.file = file, .error = fmt::format("{}: {}", file, one.why)});
      });
  return unseen;
}

}  // namespace

std::vector<fs::path> definition_files(const fs::path& project) {
  std::vector<fs::path> files;
  walk_definitions(
      project, [&](const fs::path& file) { files.push_back(file); }, [](const Unseen&) {});
  std::ranges::sort(files);
  return files;
}

Task<std::vector<Definition>> load_definitions(Loader loader, fs::path project, Findings findings) {
  auto files = definition_files(project);
  auto unseen = unseen_in(project);
  auto all = co_await load(std::move(loader), std::move(project), std::move(files), findings);
  std::ranges::move(unseen, std::back_inserter(all));
  std::ranges::sort(all, {}, &Definition::file);
  co_return all;
}

Task<Result<script::WorkflowInfo>> describe_bundle(Loader loader, script::Bundle bundle) {
  Definition definition{.file = bundle.file, .bundle = std::move(bundle), .error = {}};
  WorkerSlot slot(std::move(loader), {});
  const auto worker = co_await slot.get();
  if (!worker) co_return tl::unexpected(worker.error());
  co_await describe(**worker, definition, Findings::no);
  co_await slot.stop();
  if (!definition.usable()) co_return fail(ErrorCode::invalid_argument, definition.error);
  co_return *std::move(definition.info);
}

Task<Result<Definition>> resolve_definition(Loader loader, fs::path project, fs::path cwd,
                                            std::string wanted) {
  if (const auto file = as_path(project, cwd, wanted)) {
    std::vector<fs::path> only{*file};
    auto loaded = co_await load(std::move(loader), project, std::move(only), Findings::no);
    if (!loaded.front().usable()) co_return tl::unexpected(unusable(loaded.front()));
    co_return std::move(loaded.front());
  }
  if (looks_like_path(wanted)) {
    co_return fail(ErrorCode::not_found,
                   fmt::format("no file '{}', neither in '{}' nor in the project '{}'", wanted,
                               cwd.string(), project.string()));
  }
  co_return co_await resolve_id(std::move(loader), std::move(project), std::move(wanted));
}

}  // namespace agentcmd::projects
