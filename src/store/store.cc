#include "store/store.h"

#include "store/catalog_queries.h"
#include "store/event_rows.h"
#include "store/garbage.h"
#include "store/history_rows.h"
#include "store/migrations.h"
#include "store/place_rows.h"
#include "store/place_table.h"
#include "store/reader.h"
#include "store/request_rows.h"
#include "store/retention_rows.h"
#include "store/writer.h"

#include <mutex>
#include <utility>
#include <variant>

namespace agentcmd::store {
namespace {

namespace asio = boost::asio;

// Works of the writer (writer.h).

struct AppendWork {
  using Value = Result<void>;

  std::size_t prepare(const Blobs& blobs) {
    created = new_places(parts);
    encoded = encode(std::move(parts), blobs);
    return bytes_of(encoded);
  }
  Value apply(WriteContext& context) {
    auto appended = context.history.append(encoded);
    if (!appended) return appended;
    for (const auto& place : created) insert_place(context.connection, place);
    for (const auto& part : encoded) {
      if (part.ends_run) delete_place(context.connection, part.run);
    }
    return appended;
  }

  std::vector<RunAppend> parts;
  std::vector<NewPlace> created = {};
  std::vector<EncodedPart> encoded = {};
};

struct TakeOverWork {
  using Value = Result<Owner>;

  std::size_t prepare(const Blobs&) { return 0; }
  Value apply(WriteContext& context) { return context.history.take_over(run, from, driver); }

  history::RunId run;
  Owner from;
  std::string driver;
};

struct TakeOverAllWork {
  using Value = std::vector<Result<Owner>>;

  std::size_t prepare(const Blobs&) { return 0; }
  Value apply(WriteContext& context) {
    Value owners;
    for (const auto& one : runs) {
      owners.push_back(context.history.take_over(one.run, one.from, driver));
    }
    return owners;
  }

  std::vector<Takeover> runs;
  std::string driver;
};

struct AddRequestWork {
  using Value = std::uint64_t;

  std::size_t prepare(const Blobs&) { return request.data.text.size(); }
  Value apply(WriteContext& context) { return insert_request(context.connection, request); }

  Request request;
};

struct RequestDoneWork {
  using Value = std::monostate;

  std::size_t prepare(const Blobs&) { return 0; }
  Value apply(WriteContext& context) {
    mark_request_done(context.connection, id);
    return {};
  }

  std::uint64_t id;
};

struct AddEventsWork {
  using Value = std::vector<std::uint64_t>;

  std::size_t prepare(const Blobs& blobs) {
    std::size_t bytes = 0;
    for (auto& event : std::exchange(events, {})) {
      bytes += event.data.text.size();
      encoded.push_back(encode(std::move(event), blobs));
    }
    return bytes;
  }
  Value apply(WriteContext& context) {
    Value ids;
    for (const auto& event : encoded) ids.push_back(insert_event(context.connection, event));
    return ids;
  }

  std::vector<ProjectEvent> events;
  std::vector<EncodedProjectEvent> encoded = {};
};

struct ForgetWork {
  using Value = std::vector<Refusal>;

  std::size_t prepare(const Blobs&) { return 0; }
  Value apply(WriteContext& context) { return forget_runs(context.connection, runs, at); }

  std::vector<history::RunId> runs;
  Time at;
};

struct FilesRemovedWork {
  using Value = std::monostate;

  std::size_t prepare(const Blobs&) { return 0; }
  Value apply(WriteContext& context) {
    delete_leftovers(context.connection, runs);
    return {};
  }

  std::vector<history::RunId> runs;
};

class Log final : public HistoryLog {
 public:
  Log(Writer& writer, Reader& reader) : writer_(writer), reader_(reader) {}

  Task<Result<void>> append(std::vector<RunAppend> parts) override {
    co_return co_await writer_.write(AppendWork{.parts = std::move(parts)});
  }
  Task<std::vector<history::Event>> read(history::RunId run, std::uint64_t after_seq) override {
    auto work = [run = std::move(run), after_seq](ReadContext& context) {
      return read_history(context.connection, context.blobs, run, after_seq);
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<std::optional<Owner>> owner(history::RunId run) override {
    auto work = [run = std::move(run)](ReadContext& context) {
      return owner_of(context.connection, run);
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<std::vector<std::optional<Owner>>> owners(std::vector<history::RunId> runs) override {
    auto work = [runs = std::move(runs)](ReadContext& context) {
      std::vector<std::optional<Owner>> owners;
      owners.reserve(runs.size());
      for (const auto& run : runs) owners.push_back(owner_of(context.connection, run));
      return owners;
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<Result<Owner>> take_over(history::RunId run, Owner from, std::string driver) override {
    TakeOverWork work{std::move(run), std::move(from), std::move(driver)};
    co_return co_await writer_.write(std::move(work));
  }
  Task<std::vector<Result<Owner>>> take_over_all(std::vector<Takeover> runs,
                                                 std::string driver) override {
    co_return co_await writer_.write(TakeOverAllWork{std::move(runs), std::move(driver)});
  }
  Task<> stop() override { co_await writer_.stop(); }

 private:
  Writer& writer_;
  Reader& reader_;
};

class ProjectedCatalog final : public Catalog {
 public:
  explicit ProjectedCatalog(Reader& reader) : reader_(reader) {}

  Task<std::vector<RunRow>> runs(RunFilter filter) override {
    auto work = [filter = std::move(filter)](ReadContext& context) {
      context.projector.catch_up();
      return select_runs(context.connection, context.blobs, filter);
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<Result<RunRow>> find_run(std::string id_or_prefix) override {
    auto work = [wanted = std::move(id_or_prefix)](ReadContext& context) {
      context.projector.catch_up();
      return select_run(context.connection, context.blobs, wanted);
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<std::vector<StepRow>> steps(history::RunId run) override {
    auto work = [run = std::move(run)](ReadContext& context) {
      context.projector.catch_up();
      return select_steps(context.connection, run);
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<std::vector<RunRow>> unfinished() override {
    auto work = [](ReadContext& context) {
      context.projector.catch_up();
      return select_unfinished(context.connection, context.blobs);
    };
    co_return co_await reader_.read(work);
  }
  Task<std::vector<LiveRun>> live(std::string project, std::string not_of) override {
    auto work = [project = std::move(project), not_of = std::move(not_of)](ReadContext& context) {
      context.projector.catch_up();
      return select_live(context.connection, project, not_of);
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<std::vector<SleepingRun>> sleeping(std::string driver) override {
    auto work = [driver = std::move(driver)](ReadContext& context) {
      context.projector.catch_up();
      return select_sleeping(context.connection, driver);
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<std::vector<RunRow>> children(history::RunId parent) override {
    auto work = [parent = std::move(parent)](ReadContext& context) {
      context.projector.catch_up();
      return select_children(context.connection, context.blobs, parent);
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<std::vector<DrivenRun>> driven() override {
    auto work = [](ReadContext& context) {
      context.projector.catch_up();
      return select_driven(context.connection);
    };
    co_return co_await reader_.read(work);
  }
  Task<std::vector<RunRow>> forks(history::RunId run) override {
    auto work = [run = std::move(run)](ReadContext& context) {
      context.projector.catch_up();
      return select_forks(context.connection, context.blobs, run);
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<> rebuild() override {
    auto work = [](ReadContext& context) {
      context.projector.rebuild();
      return std::monostate();
    };
    co_await reader_.read(work);
  }

 private:
  Reader& reader_;
};

class RequestTable final : public Requests {
 public:
  RequestTable(Writer& writer, Reader& reader) : writer_(writer), reader_(reader) {}

  Task<std::uint64_t> add(Request request) override {
    co_return co_await writer_.write(AddRequestWork{std::move(request)});
  }
  Task<std::vector<Request>> pending(history::RunId run) override {
    auto work = [run = std::move(run)](ReadContext& context) {
      return select_pending(context.connection, run);
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<std::vector<Request>> all_pending() override {
    auto work = [](ReadContext& context) { return select_all_pending(context.connection); };
    co_return co_await reader_.read(work);
  }
  Task<> done(std::uint64_t id) override { co_await writer_.write(RequestDoneWork{id}); }

 private:
  Writer& writer_;
  Reader& reader_;
};

class EventTable final : public Events {
 public:
  EventTable(Writer& writer, Reader& reader) : writer_(writer), reader_(reader) {}

  Task<std::vector<std::uint64_t>> add(std::vector<ProjectEvent> events) override {
    co_return co_await writer_.write(AddEventsWork{.events = std::move(events)});
  }
  Task<std::vector<ProjectEvent>> of_run(history::RunId run, std::string project,
                                         std::map<std::string, std::uint64_t> after,
                                         std::size_t limit) override {
    auto work = [run = std::move(run), project = std::move(project), after = std::move(after),
                 limit](ReadContext& context) {
      return select_events_of_run(context.connection, context.blobs, run, project, after, limit);
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<std::vector<EventHeading>> since(std::uint64_t after, std::size_t limit) override {
    auto work = [after, limit](ReadContext& context) {
      return select_events_since(context.connection, after, limit);
    };
    co_return co_await reader_.read(work);
  }
  Task<std::uint64_t> last() override {
    auto work = [](ReadContext& context) { return select_last_event(context.connection); };
    co_return co_await reader_.read(work);
  }
  Task<std::optional<ProjectEvent>> find(std::uint64_t id) override {
    auto work = [id](ReadContext& context) {
      return select_event(context.connection, context.blobs, id);
    };
    co_return co_await reader_.read(work);
  }
  Task<std::vector<ProjectEvent>> list(EventFilter filter) override {
    auto work = [filter = std::move(filter)](ReadContext& context) {
      return select_events(context.connection, context.blobs, filter);
    };
    co_return co_await reader_.read(std::move(work));
  }

 private:
  Writer& writer_;
  Reader& reader_;
};

class RetentionTables final : public Retention {
 public:
  RetentionTables(Writer& writer, Reader& reader, const Home& home)
      : writer_(writer), reader_(reader), home_(home) {}

  Task<std::vector<EndedRun>> ended(std::string project) override {
    auto work = [project = std::move(project)](ReadContext& context) {
      context.projector.catch_up();
      return select_ended(context.connection, project);
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<std::uint64_t> bytes_of(history::RunId run) override {
    auto work = [run = std::move(run)](ReadContext& context) {
      return history_bytes(context.connection, run);
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<std::vector<Refusal>> forget(std::vector<history::RunId> runs, Time at) override {
    // What the projections have not seen yet would bring a run back into them.
    auto catch_up = [](ReadContext& context) {
      context.projector.catch_up();
      return std::monostate();
    };
    co_await reader_.read(catch_up);
    co_return co_await writer_.write(ForgetWork{std::move(runs), at});
  }
  Task<std::vector<Leftover>> leftovers() override {
    auto work = [](ReadContext& context) { return select_leftovers(context.connection); };
    co_return co_await reader_.read(work);
  }
  Task<> files_removed(std::vector<history::RunId> runs) override {
    co_await writer_.write(FilesRemovedWork{std::move(runs)});
  }
  Task<Garbage> garbage_without(std::vector<history::RunId> runs) override {
    auto work = [home = home_, runs = std::move(runs)](ReadContext& context) {
      context.projector.catch_up();
      return store::garbage_without(context.connection, home, runs);
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<Garbage> sweep() override {
    auto work = [home = home_](ReadContext& context) {
      context.projector.catch_up();
      return sweep_garbage(context.connection, home);
    };
    co_return co_await reader_.read(std::move(work));
  }
  Task<std::uint64_t> compact() override {
    auto work = [home = home_](ReadContext& context) {
      CommitLock lock(home);
      const std::lock_guard turn(lock);
      return compact_database(context.connection);
    };
    co_return co_await reader_.read(std::move(work));
  }

 private:
  Writer& writer_;
  Reader& reader_;
  Home home_;
};

class SqlStore final : public Store {
 public:
  SqlStore(const asio::any_io_executor& executor, const Home& home,
           std::unique_ptr<Connection> connection)
      : reader_(executor, home),
        writer_(executor, home, std::move(connection), [this] { reader_.notify(); }),
        log_(writer_, reader_),
        catalog_(reader_),
        requests_(writer_, reader_),
        events_(writer_, reader_),
        retention_(writer_, reader_, home),
        places_(make_places(writer_, reader_)),
        triggers_(make_triggers(writer_, reader_)) {}

  HistoryLog& log() override { return log_; }
  Catalog& catalog() override { return catalog_; }
  Requests& requests() override { return requests_; }
  Events& events() override { return events_; }
  Retention& retention() override { return retention_; }
  Places& places() override { return *places_; }
  Triggers& triggers() override { return *triggers_; }

 private:
  Reader reader_;
  Writer writer_;  // after the reader, which it notifies
  Log log_;
  ProjectedCatalog catalog_;
  RequestTable requests_;
  EventTable events_;
  RetentionTables retention_;
  std::unique_ptr<Places> places_;
  std::unique_ptr<Triggers> triggers_;
};

}  // namespace

std::unique_ptr<Store> open_store(asio::any_io_executor executor, const Home& home) {
  auto connection = std::make_unique<Connection>(home, Durability::full);
  migrate(*connection, home, migrations());
  return std::make_unique<SqlStore>(executor, home, std::move(connection));
}

}  // namespace agentcmd::store
