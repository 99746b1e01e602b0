#include "projects/definitions.h"

#include "async/task_group.h"
#include "base/text.h"
#include "projects/project.h"
#include "projects/suggestion.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <map>
#include <system_error>

namespace agentcmd::projects {
namespace fs = std::filesystem;
namespace {

// esbuild uses several threads; more of them at once only wait for each other.
constexpr std::size_t bundling_at_once = 4;

// Files to load, and what became of each. Shared by the lanes of bundle_all.
struct Batch {
  Loader loader;
  fs::path project;
  std::vector<fs::path> files;
  std::vector<Definition> definitions;
  std::size_t next = 0;
  std::exception_ptr fault;
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

// A lane takes files until none is left. A fault (no esbuild, disk full) ends the whole batch and
// is thrown by bundle_all.
Task<> bundling_lane(Batch& batch) {
  while (batch.next < batch.files.size() && !batch.fault) {
    const auto index = batch.next++;
    try {
      co_await bundle_one(batch, index);
    } catch (...) {
      batch.fault = std::current_exception();
    }
  }
}

Task<> bundle_all(Batch& batch) {
  TaskGroup lanes(batch.loader.executor);
  const auto count = std::min(bundling_at_once, batch.files.size());
  for (std::size_t i = 0; i < count; ++i) lanes.spawn("definitions.bundle", bundling_lane(batch));
  co_await lanes.join();
  if (batch.fault) std::rethrow_exception(batch.fault);
}

// A worker that is made when first needed, and made again when a definition has killed it.
class WorkerSlot {
 public:
  explicit WorkerSlot(Loader loader) : loader_(std::move(loader)) {}

  Task<Result<script::Worker*>> get() {
    if (died_) co_await stop();
    if (!worker_) {
      died_ = false;
      script::WorkerHandlers handlers;
      handlers.effect = refuse_effect;
      handlers.closure_ended = [](history::RunId, history::ClosureEnd) {};
      handlers.died = [this](std::string) { died_ = true; };
      auto started =
          co_await script::start_worker(loader_.executor, loader_.libexec, std::move(handlers));
      if (!started) co_return tl::unexpected(started.error());
      worker_ = *std::move(started);
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
  std::unique_ptr<script::Worker> worker_;
  bool died_ = false;
};

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
  if (findings == Findings::no) co_return;
  auto found = co_await worker.check(hash);
  if (found) {
    definition.findings = *std::move(found);
  } else {
    definition.error = found.error().message;
  }
}

// One after the other, so that a definition which kills the worker is the one that is blamed.
Task<> describe_all(Batch& batch, Findings findings) {
  WorkerSlot slot(batch.loader);
  for (auto& definition : batch.definitions) {
    if (!definition.bundle) continue;
    auto worker = co_await slot.get();
    if (worker) {
      co_await describe(**worker, definition, findings);
    } else {
      definition.error = worker.error().message;
    }
  }
  co_await slot.stop();
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

Task<std::vector<Definition>> load(Loader loader, fs::path project, std::vector<fs::path> files,
                                   Findings findings) {
  Batch batch;
  batch.loader = std::move(loader);
  batch.project = std::move(project);
  batch.definitions.resize(files.size());
  batch.files = std::move(files);
  co_await bundle_all(batch);
  co_await describe_all(batch, findings);
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

Error no_such_definition(const fs::path& project, const std::string& wanted,
                         const std::vector<Definition>& definitions) {
  std::vector<std::string> ids;
  std::string broken;
  for (const auto& definition : definitions) {
    if (definition.info) ids.push_back(definition.info->id);
    if (!definition.usable()) broken += "\n  cannot be loaded: " + definition.error;
  }
  std::ranges::sort(ids);
  auto text = fmt::format("no definition '{}' in {}.{}", wanted,
                          (project / definitions_folder()).string(), did_you_mean(wanted, ids));
  text += definitions.empty() ? " There is none yet: agentcmd init makes a sample"
          : ids.empty()       ? ""
                              : fmt::format(" There are: {}", join(ids, ", "));
  return {ErrorCode::not_found, text + broken};
}

}  // namespace

std::vector<fs::path> definition_files(const fs::path& project) {
  std::vector<fs::path> files;
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied;
  fs::recursive_directory_iterator walk(project / definitions_folder(), options, error);
  for (const fs::recursive_directory_iterator end; !error && walk != end; walk.increment(error)) {
    std::error_code ignored;
    if (walk->is_directory(ignored)) {
      if (is_skipped_folder(walk->path())) walk.disable_recursion_pending();
    } else if (walk->is_regular_file(ignored) && is_definition_name(walk->path())) {
      files.push_back(walk->path());
    }
  }
  std::ranges::sort(files);
  return files;
}

Task<std::vector<Definition>> load_definitions(Loader loader, fs::path project, Findings findings) {
  auto files = definition_files(project);
  co_return co_await load(std::move(loader), std::move(project), std::move(files), findings);
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
  auto definitions = co_await load_definitions(std::move(loader), project, Findings::no);
  for (auto& definition : definitions) {
    if (!definition.info || definition.info->id != wanted) continue;
    if (!definition.usable()) co_return tl::unexpected(unusable(definition));
    co_return std::move(definition);
  }
  co_return tl::unexpected(no_such_definition(project, wanted, definitions));
}

}  // namespace agentcmd::projects
