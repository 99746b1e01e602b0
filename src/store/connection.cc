#include "store/connection.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"

#include <fmt/format.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <array>
#include <chrono>

namespace agentcmd::store {
namespace {

// SOCI splits its argument at spaces and '=' as soon as it holds a '='; of the latter it takes the
// first only, and of the others a URI has none.
std::string uri_of(const std::filesystem::path& file) {
  std::string uri = "db=file:";
  for (const char c : file.native()) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '/' || c == '.';
    if (plain) {
      uri += c;
    } else {
      fmt::format_to(std::back_inserter(uri), "%{:02x}", static_cast<unsigned char>(c));
    }
  }
  return uri;
}

std::string connect_string(const std::filesystem::path& file) {
  return file.native().find('=') == std::string::npos ? file.native() : uri_of(file);
}

struct WayOut {
  int result;
  std::string_view text;
};

constexpr std::string_view use_other_home = "or set AGENTCMD_HOME to another folder";

constexpr std::array ways_out{
    WayOut{SQLITE_BUSY, "another program holds the database; close it and try again"},
    WayOut{SQLITE_READONLY, "make the folder and the file writable for you"},
    WayOut{SQLITE_PERM, "make the folder and the file writable for you"},
    WayOut{SQLITE_CANTOPEN, "make the folder and the file readable and writable for you"},
    WayOut{SQLITE_IOERR,
           "the disk is full or refuses, and even to read a home some room is needed: free some "
           "space, then try again; nothing recorded is lost"},
    WayOut{SQLITE_FULL, "free some space, then try again; nothing recorded is lost"},
    WayOut{SQLITE_CORRUPT,
           "the file is damaged: agentcmd doctor says what is left of it, agentcmd restore puts a "
           "backup "
           "in its place"},
    WayOut{SQLITE_NOTADB, "this file is no database: move it away"},
};

std::string_view way_out(int result) {
  for (const auto& row : ways_out) {
    if (row.result == result) return row.text;
  }
  return "try again";
}

// Without the name of the library's own function in front.
std::string said_by(const soci::soci_error& error) {
  auto text = error.get_error_message();
  const auto end = text.find(": ");
  if (text.starts_with("sqlite3_") && end != std::string::npos) text.erase(0, end + 2);
  return text;
}

}  // namespace

Connection::Connection(const Home& home, Durability durability) : file_(home.database()) {
  with_faults("opening the database", file_, [&] {
    session_ = std::make_unique<soci::session>(*soci::factory_sqlite3(), connect_string(file_));
    auto& sql = *session_;
    sql << fmt::format("PRAGMA busy_timeout = {}",
                       Milliseconds(limits::database_busy_part).count());
    std::string mode;
    sql << "PRAGMA journal_mode = WAL", soci::into(mode);
    if (mode != "wal") {
      throw Fault(
          fmt::format("opening the database {}: its file system cannot share memory "
                      "between processes; set AGENTCMD_HOME to a folder on a local disk",
                      file_.native()));
    }
    sql << (durability == Durability::full ? "PRAGMA synchronous = FULL"
                                           : "PRAGMA synchronous = NORMAL");
    sql << "PRAGMA foreign_keys = ON";
    // Projections carry the log into the database file (projector.cc), off the writer's way; this
    // is for a writer that nobody follows.
    sql << "PRAGMA wal_autocheckpoint = 8000";
  });
}

Connection::Connection(std::filesystem::path file, Others others) : file_(std::move(file)) {
  with_faults("opening the database", file_, [&] {
    const auto* mode = others == Others::may_write ? "?mode=ro" : "?immutable=1";
    session_ = std::make_unique<soci::session>(*soci::factory_sqlite3(), uri_of(file_) + mode);
    *session_ << "PRAGMA busy_timeout = 10000";
  });
}

Connection::~Connection() = default;

// Another program (a shell, a backup) may hold the database for a while. What waits is not lost, so
// it is waited for, and said.
WriteTransaction::WriteTransaction(Connection& connection) : connection_(connection) {
  constexpr int primary_code = 0xff;
  const auto give_up = std::chrono::steady_clock::now() + limits::database_busy_max;
  for (bool told = false;; told = true) {
    try {
      connection_.sql() << "BEGIN IMMEDIATE";
      return;
    } catch (const soci::sqlite3_soci_error& error) {
      const bool busy = (error.result() & primary_code) == SQLITE_BUSY;
      if (!busy || std::chrono::steady_clock::now() >= give_up) throw;
    }
    if (told) continue;
    log::warn("database.locked",
              {{"file", connection_.file().native()},
               {"message", "another program holds the database; waiting until it lets go"}});
  }
}

WriteTransaction::~WriteTransaction() {
  if (!open_) return;
  try {
    connection_.sql() << "ROLLBACK";
  } catch (const std::exception& error) {
    // SQLite rolls back by itself after some faults; then there is nothing left to do here.
    log::debug("store.rollback", {{"error", error.what()}});
  }
}

void WriteTransaction::commit() {
  connection_.sql() << "COMMIT";
  open_ = false;
}

ReadTransaction::ReadTransaction(Connection& connection) : connection_(connection) {
  connection_.sql() << "BEGIN";
}

ReadTransaction::~ReadTransaction() {
  try {
    connection_.sql() << "COMMIT";
  } catch (const std::exception& error) {
    log::debug("store.end_of_read", {{"error", error.what()}});
  }
}

bool select_one(soci::statement& select) {
  const bool found = select.execute(true);
  if (found) select.fetch();
  return found;
}

void rethrow_as_fault(std::string_view doing, const std::filesystem::path& file) {
  try {
    throw;
  } catch (const soci::sqlite3_soci_error& error) {
    constexpr int primary_code = 0xff;
    throw Fault(fmt::format("{} {}: {} ({}, {})", doing, file.native(), said_by(error),
                            way_out(error.result() & primary_code), use_other_home));
  } catch (const soci::soci_error& error) {
    throw Fault(fmt::format("{} {}: {}", doing, file.native(), said_by(error)));
  }
}

}  // namespace agentcmd::store
