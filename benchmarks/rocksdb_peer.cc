// A hit and a miss of a memo table in RocksDB, for comparison with memoize_benchmark.
//
//   ./bazelw run -c opt //benchmarks:rocksdb_peer
//
// RocksDB is optional: without it this says so and exits with 3.
#ifdef PERMACACHE_HAS_ROCKSDB
#include <benchmark/benchmark.h>
#include <rocksdb/db.h>

#include <filesystem>
#include <memory>
#include <string>

#include "benchmarks/memo_table.h"

namespace permacache::benchmarks {
namespace {

class RocksdbTable {
 public:
  explicit RocksdbTable(const std::filesystem::path& directory) {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* database = nullptr;
    Check(rocksdb::DB::Open(options, (directory / "memo").string(), &database));
    database_.reset(database);
  }

  bool Get(const std::string& key, std::string* value) {
    const rocksdb::Status status = database_->Get(rocksdb::ReadOptions(), key, value);
    if (status.IsNotFound()) return false;
    Check(status);
    return true;
  }

  void Put(const std::string& key, const std::string& value) {
    Check(database_->Put(rocksdb::WriteOptions(), key, value));
  }

  std::string Durability() {
    return rocksdb::WriteOptions().sync ? "each result is synced to disk"
                                        : "results are logged, not synced to disk one by one";
  }

 private:
  static void Check(const rocksdb::Status& status) {
    if (!status.ok()) Fail("rocksdb: " + status.ToString());
  }

  std::unique_ptr<rocksdb::DB> database_;
};

BENCHMARK_TEMPLATE(Hit, RocksdbTable)->Name("rocksdb/hit");
BENCHMARK_TEMPLATE(Miss, RocksdbTable)->Name("rocksdb/miss");

}  // namespace
}  // namespace permacache::benchmarks

#else

#include <cstdio>

int main() {
  std::fputs("rocksdb is missing: install librocksdb-dev\n", stderr);
  return 3;
}

#endif
