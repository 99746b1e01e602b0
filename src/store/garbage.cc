#include "store/garbage.h"

#include "base/json.h"
#include "base/limits.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include <mutex>

namespace agentcmd::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t hash_length = 64;

bool is_hash(std::string_view text) {
  return text.size() == hash_length &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

ContentFile content_file(std::string name, const fs::directory_entry& entry) {
  ContentFile file{.name = std::move(name), .path = entry.path()};
  std::error_code gone;
  const auto bytes = entry.file_size(gone);
  if (!gone) file.bytes = bytes;
  return file;
}

void list_blobs(const Home& home, ContentFiles& files) {
  std::error_code error;
  for (const auto& folder : fs::directory_iterator(home.blobs(), error)) {
    for (const auto& entry : fs::directory_iterator(folder.path(), error)) {
      auto name = folder.path().filename().native() + entry.path().filename().native();
      auto& kind = is_hash(name) ? files.blobs : files.parts;
      kind.push_back(content_file(std::move(name), entry));
    }
  }
}

void list_bundles(const Home& home, ContentFiles& files) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(home.bundles(), error)) {
    auto name = entry.path().stem().native();
    const bool is_bundle = entry.path().extension() == ".json" && is_hash(name);
    (is_bundle ? files.bundles : files.parts).push_back(content_file(std::move(name), entry));
  }
}

std::vector<std::string> tables_with_blobs(Connection& connection) {
  std::string table;
  soci::statement select =
      (connection.sql().prepare << "SELECT tables.name FROM sqlite_master AS tables JOIN "
                                   "pragma_table_info(tables.name) AS columns WHERE tables.type = "
                                   "'table' AND columns.name = 'blob'",
       soci::into(table));
  std::vector<std::string> tables;
  for (bool more = select.execute(true); more; more = select.fetch()) tables.push_back(table);
  return tables;
}

std::set<long long> numbers_of(Connection& connection, const std::vector<history::RunId>& runs) {
  std::set<long long> numbers;
  for (const auto& run : runs) {
    long long number = 0;
    connection.sql() << "SELECT run FROM run_head WHERE id = :id", soci::use(run.text),
        soci::into(number);
    if (connection.sql().got_data()) numbers.insert(number);
  }
  return numbers;
}

// As it is now: it may have been wanted again since it was listed.
bool is_older(const ContentFile& file, std::chrono::hours age) {
  std::error_code gone;
  const auto changed = fs::last_write_time(file.path, gone);
  return !gone && changed + age < fs::file_time_type::clock::now();
}

Garbage collect(const ContentFiles& files, const References& references, bool remove) {
  Garbage garbage;
  const auto take = [&](const ContentFile& file, std::size_t& count) {
    std::error_code error;
    if (remove && !fs::remove(file.path, error)) return;
    ++count;
    garbage.bytes += file.bytes;
  };
  for (const auto& blob : files.blobs) {
    if (!references.blobs.contains(blob.name)) take(blob, garbage.blobs);
  }
  for (const auto& bundle : files.bundles) {
    if (!references.bundles.contains(bundle.name) && is_older(bundle, limits::bundle_kept_min)) {
      take(bundle, garbage.bundles);
    }
  }
  for (const auto& part : files.parts) {
    std::size_t not_counted = 0;
    if (is_older(part, limits::bundle_kept_min)) take(part, not_counted);
  }
  return garbage;
}

}  // namespace

ContentFiles list_content(const Home& home) {
  ContentFiles files;
  list_blobs(home, files);
  list_bundles(home, files);
  return files;
}

References references_without(Connection& connection, const std::vector<history::RunId>& runs) {
  const auto without = numbers_of(connection, runs);
  References references;
  long long run = 0;
  std::string name;
  for (const auto& table : tables_with_blobs(connection)) {
    const auto* number = table == "history" ? "run" : "0";
    soci::statement select = (connection.sql().prepare << fmt::format(
                                  "SELECT {}, blob FROM {} WHERE blob IS NOT NULL", number, table),
                              soci::into(run), soci::into(name));
    for (bool more = select.execute(true); more; more = select.fetch()) {
      if (!without.contains(run)) references.blobs.insert(name);
    }
  }
  soci::statement select = (connection.sql().prepare << "SELECT run, code_hash FROM runs",
                            soci::into(run), soci::into(name));
  for (bool more = select.execute(true); more; more = select.fetch()) {
    if (!without.contains(run)) references.bundles.insert(name);
  }
  // Pins that the projections have not seen yet.
  soci::statement newer =
      (connection.sql().prepare << "SELECT fields FROM history WHERE id > (SELECT history_id FROM "
                                   "projected) AND kind IN ('RunCreated', 'RunResumed')",
       soci::into(name));
  for (bool more = newer.execute(true); more; more = newer.fetch()) {
    references.bundles.insert(string_or(parse_trusted(name, "an event"), "code_hash"));
  }
  references.bundles.erase("");
  return references;
}

Garbage garbage_without(Connection& connection, const Home& home,
                        const std::vector<history::RunId>& runs) {
  return collect(list_content(home), references_without(connection, runs), false);
}

Garbage sweep_garbage(Connection& connection, const Home& home) {
  const auto files = list_content(home);
  ContentLock lock(home);
  const std::unique_lock alone(lock, std::try_to_lock);
  if (!alone.owns_lock()) return {.in_use = true};
  return collect(files, references_without(connection, {}), true);
}

}  // namespace agentcmd::store
