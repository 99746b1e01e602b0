#pragma once
// What the tests of drivers share: drivers with the real store and the real worker.

#include "async/task_group.h"
#include "runtime/driver.h"
#include "runtime/home_fixture.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace agentcmd::runtime {

// Collects what was committed.
class Recorder final : public Observer {
 public:
  void committed(const history::RunId&, const history::Event& event) override {
    events.push_back(event);
  }
  void output(const history::RunId&, const history::StepKey&, std::string_view,
              std::string_view) override {}

  template <typename Kind>
  std::size_t count() const {
    return static_cast<std::size_t>(std::ranges::count_if(events, [](const history::Event& event) {
      return std::holds_alternative<Kind>(event.detail);
    }));
  }

  std::vector<history::Event> events;
};

class DriverFixture : public HomeFixture {
 protected:
  DriverOptions options(Observer* observer = nullptr) {
    DriverOptions options{.home = home, .libexec = AGENTCMD_TEST_LIBEXEC, .observer = observer};
    options.make_run = [this](fs::path, std::string workflow, JsonText args) {
      return make_run(std::move(workflow), std::move(args));
    };
    return options;
  }

  std::unique_ptr<Driver> driver(Observer* observer = nullptr) { return driver(options(observer)); }
  std::unique_ptr<Driver> driver(DriverOptions how) {
    return *wait(start_driver(io.get_executor(), *store, *clock, random, std::move(how)));
  }

  fs::path file_of(const std::string& workflow) const {
    return project / ".agent/workflows/definitions" / (workflow + ".ts");
  }

  script::Bundle bundle(const std::string& source) {
    std::ofstream(file_of("one")) << source;
    return wait(script::make_bundle(io.get_executor(), AGENTCMD_TEST_LIBEXEC, project,
                                    file_of("one"), home.bundles()))
        .value();
  }

  // What step.invoke finds.
  void define(const std::string& workflow, const std::string& body) {
    std::ofstream(file_of(workflow)) << fmt::format(
        "export default defineWorkflow({{ id: '{}' }}, async ({{ event, step }}) => {{{}}});",
        workflow, body);
  }
  Task<Result<NewRun>> make_run(std::string workflow, JsonText args) {
    if (!fs::exists(file_of(workflow))) {
      co_return fail(ErrorCode::not_found, "no definition '" + workflow + "'");
    }
    auto made = co_await script::make_bundle(io.get_executor(), AGENTCMD_TEST_LIBEXEC, project,
                                             file_of(workflow), home.bundles());
    if (!made) co_return tl::unexpected(made.error());
    co_return NewRun{.bundle = *std::move(made),
                     .definition = workflow,
                     .project = project,
                     .name = workflow,
                     .request = {fmt::format(R"({{"args":{}}})", args.text)}};
  }

  std::vector<history::Event> history_of(const history::RunId& run) {
    return wait(store->log().read(run, 0));
  }
  template <typename Kind>
  std::size_t count(const history::RunId& run) {
    return static_cast<std::size_t>(std::ranges::count_if(
        history_of(run),
        [](const history::Event& event) { return std::holds_alternative<Kind>(event.detail); }));
  }
  store::RunRow row(const history::RunId& run) {
    return wait(store->catalog().find_run(run.text)).value();
  }
  std::vector<store::RunRow> children(const history::RunId& run) {
    return wait(store->catalog().children(run));
  }
  void send(std::string name, std::string data = "{}") {
    std::vector<store::ProjectEvent> events{{.project = project.string(),
                                             .name = std::move(name),
                                             .data = {std::move(data)},
                                             .sent_at = clock->now(),
                                             .source = "test"}};
    wait(send_events(*store, home, std::move(events)));
  }

  // A run that is being driven.
  struct Drive {
    explicit Drive(const asio::any_io_executor& executor) : tasks(executor) {}
    std::optional<Result<Driven>> driven;
    TaskGroup tasks;
  };
  std::unique_ptr<Drive> start(Driver& driver, const history::RunId& run) {
    auto drive = std::make_unique<Drive>(io.get_executor());
    drive->tasks.spawn("drive", drive_into(driver, run, drive->driven));
    return drive;
  }
  Driven end_of(Drive& drive) {
    run_until([&] { return drive.driven.has_value(); });
    wait(drive.tasks.join());
    return drive.driven->value();
  }
  static Task<> drive_into(Driver& driver, history::RunId run, std::optional<Result<Driven>>& out) {
    out = co_await driver.drive(std::move(run), false);
  }

  history::RunId create(Driver& driver, const std::string& body, history::Flow flow = {}) {
    const auto source =
        "export default defineWorkflow({ id: 'one' }, async ({ event, step }) => {" + body + "});";
    NewRun run{.bundle = bundle(source),
               .definition = "one",
               .project = project,
               .name = "one",
               .request = {fmt::format(R"({{"args":{{"pid":{}}},"mode":"stay"}})", getpid())},
               .flow = std::move(flow)};
    return wait(driver.create(std::move(run))).value();
  }

  SystemClock system_clock;
  Clock* clock = &system_clock;
  SystemRandom random;
};

}  // namespace agentcmd::runtime
