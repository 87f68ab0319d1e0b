#include "tests/storage/numbers.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

namespace permacache::testing {

using storage::LmdbEnvironment;
using storage::LmdbOptions;

LmdbEnvironment::Share Acquire(const LmdbOptions& options) {
  absl::StatusOr<LmdbEnvironment::Share> share = LmdbEnvironment::Acquire(options);
  EXPECT_TRUE(share.ok()) << share.status();
  return share.ok() ? *std::move(share) : nullptr;
}

absl::Status PutNumber(LmdbEnvironment& environment, int number, size_t size) {
  absl::StatusOr<MDB_dbi> database = environment.OpenGeneration(0);
  if (!database.ok()) return database.status();
  std::string key = std::to_string(number);
  std::string value(size, static_cast<char>('a' + number % 26));
  return environment.Write([&](MDB_txn* txn) {
    MDB_val k{key.size(), key.data()}, v{value.size(), value.data()};
    return mdb_put(txn, *database, &k, &v, 0);
  });
}

bool HasNumber(LmdbEnvironment& environment, int number, size_t size) {
  absl::StatusOr<MDB_dbi> database = environment.OpenGeneration(0);
  if (!database.ok()) return false;
  std::string key = std::to_string(number);
  const std::string expected(size, static_cast<char>('a' + number % 26));
  bool found = false;
  const absl::Status status = environment.Read([&](MDB_txn* txn) {
    MDB_val k{key.size(), key.data()}, v;
    const int error = mdb_get(txn, *database, &k, &v);
    if (error == 0) found = std::string_view(static_cast<char*>(v.mv_data), v.mv_size) == expected;
    return error == MDB_NOTFOUND ? 0 : error;
  });
  return status.ok() && found;
}

}  // namespace permacache::testing
