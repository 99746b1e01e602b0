#include "workspace/record.h"

#include "base/fault.h"
#include "base/id.h"
#include "process/rooted_path.h"
#include "workspace/names.h"

#include <array>
#include <fstream>
#include <sstream>

namespace agentcmd::workspace {
namespace {

namespace fs = std::filesystem;

constexpr std::array stage_names{
    std::pair{Stage::begun, std::string_view("begun")},
    std::pair{Stage::ready, std::string_view("ready")},
    std::pair{Stage::ending, std::string_view("ending")},
    std::pair{Stage::done, std::string_view("done")},
};

// Larger files are compared by size and time.
constexpr std::uintmax_t hashed_bytes_max = 64U << 20U;

fs::path record_path(const std::string& id) {
  return fs::path("agentcmd") / "workspaces" / (id + ".json");
}

std::string read_whole(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

FinalizeReport report_from_json(const Json& json) {
  FinalizeReport report;
  if (json.contains("commitSha")) report.commit_sha = string_or(json, "commitSha");
  report.kept = bool_or(json, "kept");
  report.removed = bool_or(json, "removed");
  report.message = string_or(json, "message");
  report.branch = string_or(json, "branch");
  if (json.contains("diffstat")) {
    const auto& stat = json["diffstat"];
    report.diffstat = {int_or(stat, "files"), int_or(stat, "insertions"),
                       int_or(stat, "deletions")};
  }
  return report;
}

std::string encode(const Record& record) {
  Json json;
  for (const auto& [stage, name] : stage_names) {
    if (stage == record.stage) json["stage"] = name;
  }
  json["workspace"] = to_json(record.workspace);
  json["carried"] = Json::array();
  for (const auto& file : record.carried) {
    json["carried"].push_back(
        {{"pathSha256", file.path_sha256}, {"fingerprint", file.fingerprint}});
  }
  if (!record.restore.empty()) json["restore"] = record.restore;
  if (record.report) json["report"] = to_json(*record.report);
  return to_pretty_text(json) + "\n";
}

Record decode(const Json& json, const std::string& what) {
  Record record;
  const auto name = string_or(json, "stage");
  const auto* stage =
      std::ranges::find(stage_names, name, &std::pair<Stage, std::string_view>::second);
  auto workspace = workspace_from_json(json.value("workspace", Json::object()));
  if (stage == stage_names.end() || !workspace) throw Fault("damaged workspace record " + what);
  record.stage = stage->first;
  record.workspace = std::move(*workspace);
  if (json.contains("carried")) {
    for (const auto& file : json["carried"]) {
      record.carried.push_back({string_or(file, "pathSha256"), string_or(file, "fingerprint")});
    }
  }
  record.restore = string_or(json, "restore");
  if (json.contains("report")) record.report = report_from_json(json["report"]);
  return record;
}

// Those of the run, or of all where it is empty.
std::vector<Record> read_records(const fs::path& folder, const std::string& run) {
  std::vector<Record> records;
  std::error_code error;
  for (fs::directory_iterator walk(folder, error), end; !error && walk != end;
       walk.increment(error)) {
    const auto& path = walk->path();
    const auto id = path.stem().string();
    if (path.extension() != ".json" || (!run.empty() && !is_of_run(id, run))) continue;
    const auto text = read_whole(path);
    if (text.empty()) continue;  // removed meanwhile
    records.push_back(decode(parse_trusted(text, path.string()), path.string()));
  }
  return records;
}

}  // namespace

std::string fingerprint(const fs::path& path) {
  std::error_code error;
  const auto status = fs::symlink_status(path, error);
  if (fs::is_symlink(status)) return "link " + sha256_hex(fs::read_symlink(path, error).string());
  if (!fs::is_regular_file(status)) return fs::exists(status) ? "other" : "absent";
  const auto size = fs::file_size(path, error);
  if (size > hashed_bytes_max) {
    const auto time = fs::last_write_time(path, error).time_since_epoch().count();
    return fmt::format("large {} {}", size, time);
  }
  return "file " + sha256_hex(read_whole(path));
}

Task<std::optional<Record>> read_record(BlockingPool& pool, fs::path common_dir, std::string id) {
  const auto path = common_dir / record_path(id);
  const auto text = co_await pool.run([path] { return read_whole(path); });
  if (text.empty()) co_return std::nullopt;
  co_return decode(parse_trusted(text, path.string()), path.string());
}

Task<std::vector<Record>> all_records(BlockingPool& pool, fs::path common_dir) {
  const auto folder = common_dir / record_path("any").parent_path();
  co_return co_await pool.run([folder] { return read_records(folder, ""); });
}

Task<std::vector<Record>> open_records(BlockingPool& pool, fs::path common_dir, std::string run) {
  const auto folder = common_dir / record_path(run).parent_path();
  co_return co_await pool.run([folder, run] {
    auto records = read_records(folder, run);
    std::erase_if(records, [](const Record& record) { return record.stage == Stage::done; });
    return records;
  });
}

Task<> remove_record(BlockingPool& pool, fs::path common_dir, std::string id) {
  const auto path = common_dir / record_path(id);
  co_await pool.run([path] { fs::remove(path); });
}

Task<Result<void>> write_record(BlockingPool& pool, fs::path common_dir, Record record) {
  const auto relative = record_path(record.workspace.id);
  const auto text = encode(record);
  co_return co_await pool.run(
      [=] { return process::write_file_beneath(common_dir, relative, text); });
}

}  // namespace agentcmd::workspace
