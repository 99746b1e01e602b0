#pragma once
// The tables `places`, `project_turns` and `starts`: see places.h.

#include "store/connection.h"
#include "store/places.h"

#include <optional>
#include <string>
#include <vector>

namespace agentcmd::store {

// Of what an append creates, taken before it is encoded.
struct NewPlace {
  history::RunId run;
  history::RunCreated created;  // without its request
  std::string driver;
  Time at;
};
std::vector<NewPlace> new_places(const std::vector<RunAppend>& parts);

void insert_place(Connection& connection, const NewPlace& place);
void delete_place(Connection& connection, const history::RunId& run);  // of a run that has ended

PlaceTable select_places(Connection& connection);
std::optional<Place> select_place(Connection& connection, const history::RunId& run);
std::vector<std::string> select_waiting_owners(Connection& connection);

// Gives each of `runs` that the table has a place, in the name of its owner.
void hold_places(Connection& connection, const PlaceTable& table,
                 const std::vector<history::RunId>& runs);
void ask_for_place(Connection& connection, const history::RunId& run);
void give_back_place(Connection& connection, const history::RunId& run, const std::string& driver);

// What a cause came to.
struct CauseRow {
  std::string project;
  std::string definition;
  std::string cause;
  std::string run;      // empty: none
  std::string message;  // why none
  Time at;
};
std::optional<CauseRow> select_cause(Connection& connection, const std::string& project,
                                     const std::string& definition, const std::string& cause);
void put_cause(Connection& connection, const CauseRow& row);

bool exists_run(Connection& connection, const std::string& run);

}  // namespace agentcmd::store
