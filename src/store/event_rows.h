#pragma once
// The table `project_events`.

#include "store/blobs.h"
#include "store/connection.h"
#include "store/events.h"

#include <cstdint>
#include <string>
#include <vector>

namespace agentcmd::store {

// An event with its data where they belong: small ones in the row, large ones in a blob.
struct EncodedProjectEvent {
  ProjectEvent event;  // without data where `blob` is set
  std::string blob;
};

EncodedProjectEvent encode(ProjectEvent event, const Blobs& blobs);

// Its id, or that of the event with the same `once`.
std::uint64_t insert_event(Connection& connection, const EncodedProjectEvent& encoded);

std::vector<ProjectEvent> select_events_of_run(Connection& connection, const Blobs& blobs,
                                               const history::RunId& run,
                                               const std::string& project,
                                               const std::map<std::string, std::uint64_t>& after,
                                               std::size_t limit);
std::vector<EventHeading> select_events_since(Connection& connection, std::uint64_t after,
                                              std::size_t limit);
std::uint64_t select_last_event(Connection& connection);
std::optional<ProjectEvent> select_event(Connection& connection, const Blobs& blobs,
                                         std::uint64_t id);
std::vector<ProjectEvent> select_events(Connection& connection, const Blobs& blobs,
                                        const EventFilter& filter);

}  // namespace agentcmd::store
