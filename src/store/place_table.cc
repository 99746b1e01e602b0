#include "store/place_table.h"

#include "base/json.h"
#include "history/flow.h"
#include "store/place_rows.h"
#include "store/request_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

namespace agentcmd::store {
namespace {

using IsAlive = std::function<bool(const std::string&)>;

struct GiveWork {
  using Value = std::vector<history::RunId>;

  std::size_t prepare(const Blobs&) { return 0; }
  Value apply(WriteContext& context) {
    const auto table = select_places(context.connection);
    auto runs = decide(table);
    hold_places(context.connection, table, runs);
    return runs;
  }

  DecidePlaces decide;
};

struct AskWork {
  using Value = std::monostate;

  std::size_t prepare(const Blobs&) { return 0; }
  Value apply(WriteContext& context) {
    ask_for_place(context.connection, run);
    return {};
  }

  history::RunId run;
};

struct GiveBackWork {
  using Value = std::monostate;

  std::size_t prepare(const Blobs&) { return 0; }
  Value apply(WriteContext& context) {
    give_back_place(context.connection, run, driver);
    return {};
  }

  history::RunId run;
  std::string driver;
};

class StartWork {
 public:
  using Value = Result<StartedRun>;

  StartWork(RunStart start, DecidePlaces decide, IsAlive is_alive)
      : start_(std::move(start)), decide_(std::move(decide)), is_alive_(std::move(is_alive)) {}

  std::size_t prepare(const Blobs& blobs) {
    std::vector<RunAppend> parts;
    parts.push_back(std::move(start_.creation));
    place_ = new_places(parts).at(0);
    encoded_ = encode(std::move(parts), blobs);
    return bytes_of(encoded_);
  }

  Value apply(WriteContext& context) {
    auto& connection = context.connection;
    if (auto known = known_cause(connection)) {
      put_causes(connection, known->run.text, known->message);
      return *std::move(known);
    }
    if (const auto other = other_under_way(connection, start_.refuse_if)) {
      auto message = fmt::format("run {} of '{}' is under way, and one at a time is enough",
                                 other->run.text, place_.created.definition);
      put_causes(connection, "", message);
      return fail(ErrorCode::conflict, std::move(message));
    }
    StartedRun started{.run = place_.run, .is_new = true};
    started.asked = ask_to_cancel(connection);
    if (const auto added = context.history.append(encoded_); !added) {
      return tl::unexpected(added.error());
    }
    insert_place(connection, place_);
    put_causes(connection, place_.run.text, "");
    if (!decide_) return started;
    const auto table = select_places(connection);
    const auto runs = decide_(table);
    hold_places(connection, table, runs);
    started.has_place = std::ranges::find(runs, place_.run) != runs.end();
    return started;
  }

 private:
  std::optional<CauseRow> row_of(Connection& connection, const Cause& cause) const {
    const auto& created = place_.created;
    return select_cause(connection, created.project, created.definition, cause.text);
  }

  std::optional<StartedRun> known_cause(Connection& connection) const {
    for (const auto& cause : start_.causes) {
      const auto row = row_of(connection, cause);
      if (!row) continue;
      if (!is_gone(connection, *row)) return StartedRun{.run = {row->run}, .message = row->message};
      if (!cause.can_be_repeated) return StartedRun{.message = "its run is gone"};
    }
    return std::nullopt;
  }

  // Retention has removed the run that the cause came to. One that this very transaction creates
  // has a place already.
  static bool is_gone(Connection& connection, const CauseRow& row) {
    return !row.run.empty() && !exists_run(connection, row.run) &&
           !select_place(connection, {row.run});
  }

  static bool is_in(const Place& place, const std::vector<std::string>& groups) {
    if (place.flow.empty()) return false;
    const auto flow = history::flow_from(place.flow);
    return std::ranges::any_of(flow.groups, [&](const auto& group) {
      return std::ranges::find(groups, group.id) != groups.end();
    });
  }

  // A run that nobody executes keeps none from being created.
  std::optional<Place> other_under_way(Connection& connection,
                                       const std::vector<std::string>& groups) const {
    if (groups.empty()) return std::nullopt;
    for (const auto& place : select_places(connection).places) {
      if (is_in(place, groups) && is_alive_(place.owner)) return place;
    }
    return std::nullopt;
  }

  std::vector<std::string> ask_to_cancel(Connection& connection) const {
    std::vector<std::string> asked;
    if (start_.cancel.empty()) return asked;
    for (const auto& place : select_places(connection).places) {
      if (!is_in(place, start_.cancel)) continue;
      insert_request(connection, {.run = place.run,
                                  .kind = "cancel",
                                  .data = {to_text({{"by", start_.by}})},
                                  .at = place_.at});
      asked.push_back(place.owner);
    }
    return asked;
  }

  // What was known of a cause stays, unless its run is gone.
  void put_causes(Connection& connection, const std::string& run,
                  const std::string& message) const {
    for (const auto& cause : start_.causes) {
      const auto known = row_of(connection, cause);
      if (known && !(cause.can_be_repeated && is_gone(connection, *known))) continue;
      if (cause.can_be_repeated && run.empty()) continue;
      put_cause(connection, {.project = place_.created.project,
                             .definition = place_.created.definition,
                             .cause = cause.text,
                             .run = run,
                             .message = message,
                             .at = place_.at});
    }
  }

  RunStart start_;
  DecidePlaces decide_;
  IsAlive is_alive_;
  NewPlace place_;
  std::vector<EncodedPart> encoded_;
};

class PlaceTableOf final : public Places {
 public:
  PlaceTableOf(Writer& writer, Reader& reader) : writer_(writer), reader_(reader) {}

  Task<PlaceTable> table() override {
    auto work = [](ReadContext& context) {
      context.projector.catch_up();
      return select_places(context.connection);
    };
    co_return co_await reader_.read(work);
  }
  Task<std::optional<Place>> find(history::RunId run) override {
    auto work = [run = std::move(run)](ReadContext& context) {
      context.projector.catch_up();
      return select_place(context.connection, run);
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<std::vector<history::RunId>> give(DecidePlaces decide) override {
    co_return co_await writer_.write(GiveWork{std::move(decide)});
  }
  Task<> ask(history::RunId run) override { co_await writer_.write(AskWork{std::move(run)}); }
  Task<> give_back(history::RunId run, std::string driver) override {
    GiveBackWork work{std::move(run), std::move(driver)};
    co_await writer_.write(std::move(work));
  }
  Task<std::vector<std::string>> waiting_owners() override {
    auto work = [](ReadContext& context) { return select_waiting_owners(context.connection); };
    co_return co_await reader_.read(work);
  }
  Task<Result<StartedRun>> start(RunStart start, DecidePlaces decide, IsAlive is_alive) override {
    StartWork work(std::move(start), std::move(decide), std::move(is_alive));
    co_return co_await writer_.write(std::move(work));
  }

 private:
  Writer& writer_;
  Reader& reader_;
};

}  // namespace

std::unique_ptr<Places> make_places(Writer& writer, Reader& reader) {
  return std::make_unique<PlaceTableOf>(writer, reader);
}

}  // namespace agentcmd::store
