#pragma once
// History as rows: encoding before the lock is taken, checking and inserting within the
// transaction, and reading.

#include "base/result.h"
#include "store/blobs.h"
#include "store/connection.h"
#include "store/history_log.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd::store {

struct EncodedEvent {
  std::uint64_t seq = 0;
  Time at;
  std::uint32_t flags = 0;
  std::string_view kind;
  std::string fields;
  std::string payload;  // empty where there is none or it is in a blob
  std::string blob;     // its name, or empty
};

struct EncodedPart {
  history::RunId run;
  std::uint64_t expected_seq = 0;
  Owner owner;
  std::vector<EncodedEvent> events;
  bool ends_run = false;
};

// Throws Bug where the events break an invariant of history/event.h by themselves, and Fault where
// a blob cannot be written.
std::vector<EncodedPart> encode(std::vector<RunAppend> parts, const Blobs& blobs);

std::size_t bytes_of(const std::vector<EncodedPart>& parts);

// What one transaction adds. The checks see what the same transaction has already taken in; rows
// are written together by flush(). Where a live run stands is remembered from one transaction to
// the next, and what follows from that is checked by the database when it is written.
class HistoryRows {
 public:
  explicit HistoryRows(Connection& connection);
  ~HistoryRows();
  HistoryRows(const HistoryRows&) = delete;
  HistoryRows& operator=(const HistoryRows&) = delete;

  void begin();  // at the start of each transaction
  // All parts or, where one is refused, none.
  Result<void> append(const std::vector<EncodedPart>& parts);
  Result<Owner> take_over(const history::RunId& run, const Owner& from, const std::string& driver);
  // False where another driver has had a run since the transaction that it is remembered from: then
  // nothing of this one holds, and after forget() it can be done again from its beginning.
  bool flush();
  void committed();  // after each transaction that was
  void forget();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::vector<history::Event> read_history(Connection& connection, const Blobs& blobs,
                                         const history::RunId& run, std::uint64_t after_seq);

std::optional<Owner> owner_of(Connection& connection, const history::RunId& run);

}  // namespace agentcmd::store
