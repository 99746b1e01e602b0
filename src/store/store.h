#pragma once
// Opens the database of one agentcmd home: history, projections, requests, events. Migrations run
// here, in a transaction each, after a backup of the file.

#include "store/catalog.h"
#include "store/events.h"
#include "store/history_log.h"
#include "store/home.h"
#include "store/places.h"
#include "store/requests.h"
#include "store/retention.h"
#include "store/triggers.h"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>

namespace agentcmd::store {

class Store {
 public:
  virtual ~Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual HistoryLog& log() = 0;
  virtual Catalog& catalog() = 0;
  virtual Requests& requests() = 0;
  virtual Events& events() = 0;
  virtual Retention& retention() = 0;
  virtual Places& places() = 0;
  virtual Triggers& triggers() = 0;

 protected:
  Store() = default;
};

// Continuations of all calls run on `executor`. Throws Fault with the way out: database of a newer
// version, read-only folder, not a database, disk full.
std::unique_ptr<Store> open_store(boost::asio::any_io_executor executor, const Home& home);

}  // namespace agentcmd::store
