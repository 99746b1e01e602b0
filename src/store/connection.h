#pragma once
// One connection to the database of a home, for one thread. What SQL throws leaves here as a Fault
// that says what was being done, to which file, and the way out.

#include "store/home.h"

#include <concepts>
#include <filesystem>
#include <memory>
#include <string_view>
#include <type_traits>

namespace soci {
class session;
class statement;
}  // namespace soci

namespace agentcmd::store {

// Whether a commit waits for the disk. History does; projections can be made again from it, so that
// losing their last rows costs nothing.
enum class Durability { full, relaxed };

class Connection {
 public:
  Connection(const Home& home, Durability durability);
  // For reading, and leaving everything as it is: neither the database nor its folder needs to be
  // writable. A file that nobody else uses, or whose folder nobody can write to.
  enum class Others { may_write, cannot_write };
  Connection(std::filesystem::path file, Others others);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  soci::session& sql() { return *session_; }
  const std::filesystem::path& file() const { return file_; }

 private:
  std::filesystem::path file_;
  std::unique_ptr<soci::session> session_;
};

// A transaction that writes. It takes the write lock at once, under the home's commit lock
// (commit_lock.h); what is not committed is rolled back.
class WriteTransaction {
 public:
  explicit WriteTransaction(Connection& connection);
  ~WriteTransaction();
  WriteTransaction(const WriteTransaction&) = delete;
  WriteTransaction& operator=(const WriteTransaction&) = delete;
  void commit();

 private:
  Connection& connection_;
  bool open_ = true;
};

// Several selects that see one state of the database.
class ReadTransaction {
 public:
  explicit ReadTransaction(Connection& connection);
  ~ReadTransaction();
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;

 private:
  Connection& connection_;
};

// Executes a prepared select of one row, to its end: a kept statement that has not come to its end
// holds on to an old state of the database, and then no write transaction can begin. False if there
// is no row.
bool select_one(soci::statement& select);

// Within a catch block: rethrows the current exception, as a Fault where SQL threw it.
[[noreturn]] void rethrow_as_fault(std::string_view doing, const std::filesystem::path& file);

template <std::invocable Work>
std::invoke_result_t<Work> with_faults(std::string_view doing, const std::filesystem::path& file,
                                       Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (...) {
    rethrow_as_fault(doing, file);
  }
}

}  // namespace agentcmd::store
