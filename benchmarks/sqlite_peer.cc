// A hit and a miss of a memo table in SQLite, for comparison with memoize_benchmark.
//
//   ./bazelw run -c opt //benchmarks:sqlite_peer
//
// SQLite is optional: without it this says so and exits with 3.
#ifdef PERMACACHE_HAS_SQLITE
#include <benchmark/benchmark.h>
#include <sqlite3.h>

#include <filesystem>
#include <string>

#include "benchmarks/memo_table.h"

namespace permacache::benchmarks {
namespace {

// Not thread-safe.
class SqliteTable {
 public:
  explicit SqliteTable(const std::filesystem::path& directory) {
    Check(sqlite3_open((directory / "memo.sqlite").c_str(), &database_));
    journal_mode_ = TextOf("PRAGMA journal_mode=WAL");
    Check(sqlite3_exec(database_,
                       "CREATE TABLE memo (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID",
                       nullptr, nullptr, nullptr));
    get_ = Prepare("SELECT value FROM memo WHERE key = ?");
    put_ = Prepare("INSERT OR REPLACE INTO memo VALUES (?, ?)");
  }
  SqliteTable(const SqliteTable&) = delete;
  SqliteTable& operator=(const SqliteTable&) = delete;
  ~SqliteTable() {
    sqlite3_finalize(get_);
    sqlite3_finalize(put_);
    sqlite3_close(database_);
  }

  bool Get(const std::string& key, std::string* value) {
    BindKey(get_, key);
    const int result = sqlite3_step(get_);
    if (result == SQLITE_ROW) {
      const void* const bytes = sqlite3_column_blob(get_, 0);
      value->assign(static_cast<const char*>(bytes),
                    static_cast<size_t>(sqlite3_column_bytes(get_, 0)));
    } else if (result != SQLITE_DONE) {
      Check(result);
    }
    Check(sqlite3_reset(get_));  // ends the transaction
    return result == SQLITE_ROW;
  }

  void Put(const std::string& key, const std::string& value) {
    BindKey(put_, key);
    Check(sqlite3_bind_blob(put_, 2, value.data(), static_cast<int>(value.size()), SQLITE_STATIC));
    if (const int result = sqlite3_step(put_); result != SQLITE_DONE) Check(result);
    Check(sqlite3_reset(put_));
  }

  // SQLite's default, which is not the same in every build of it.
  std::string Durability() {
    const std::string synchronous = TextOf("PRAGMA synchronous");
    const std::string words = synchronous == "0" || synchronous == "1"
                                  ? "results are not synced to disk one by one"
                                  : "each result is synced to disk";
    return "journal_mode=" + journal_mode_ + ", synchronous=" + synchronous + ": " + words;
  }

 private:
  void Check(int result) {
    if (result != SQLITE_OK) Fail(std::string("sqlite: ") + sqlite3_errmsg(database_));
  }

  sqlite3_stmt* Prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    Check(sqlite3_prepare_v3(database_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
    return statement;
  }

  // Only until the statement is reset: the key is not copied.
  void BindKey(sqlite3_stmt* statement, const std::string& key) {
    Check(sqlite3_bind_text(statement, 1, key.data(), static_cast<int>(key.size()), SQLITE_STATIC));
  }

  // The only value that a statement returns.
  std::string TextOf(const char* sql) {
    sqlite3_stmt* const statement = Prepare(sql);
    if (const int result = sqlite3_step(statement); result != SQLITE_ROW) Check(result);
    const std::string text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    Check(sqlite3_finalize(statement));
    return text;
  }

  sqlite3* database_ = nullptr;
  sqlite3_stmt* get_ = nullptr;
  sqlite3_stmt* put_ = nullptr;
  std::string journal_mode_;
};

BENCHMARK_TEMPLATE(Hit, SqliteTable)->Name("sqlite/hit");
BENCHMARK_TEMPLATE(Miss, SqliteTable)->Name("sqlite/miss");

}  // namespace
}  // namespace permacache::benchmarks

#else

#include <cstdio>

int main() {
  std::fputs("sqlite is missing: install libsqlite3-dev\n", stderr);
  return 3;
}

#endif
