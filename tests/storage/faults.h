// What tests of the stores' faults share.
#ifndef PERMACACHE_TESTS_STORAGE_FAULTS_H_
#define PERMACACHE_TESTS_STORAGE_FAULTS_H_

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/storage/lmdb_store.h"
#include "permacache/storage/store.h"
#include "permacache/testing/system_calls.h"

namespace permacache::testing {

using Value = std::optional<std::string>;

// What LMDB's store makes of EIO.
inline constexpr absl::StatusCode kIoError = absl::StatusCode::kInternal;

// No operation of a store takes so many calls of one kind.
inline constexpr int kManyCalls = 100;

inline const std::string kOld(5000, 'o');
inline const std::string kNew(20'000, 'n');

inline absl::StatusOr<std::unique_ptr<storage::Store>> OpenLmdb(
    const std::filesystem::path& directory) {
  return storage::LmdbStore::Open({.environment = {.directory = directory / "f"}});
}

inline Value ValueOf(storage::Store& store, std::string_view key) {
  Value value;
  const absl::StatusOr<bool> found =
      store.Get(key, [&](const storage::Record& record) { value = std::string(record.value); });
  EXPECT_TRUE(found.ok()) << found.status();
  return value;
}

// Files that are neither entries nor LMDB's.
inline std::vector<std::string> LeftoversIn(const std::filesystem::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    const std::string extension = entry.path().extension();
    if (!entry.is_directory() && extension != ".pmc" && extension != ".mdb") {
      names.push_back(entry.path().filename());
    }
  }
  return names;
}

// What fails during an operation, and what that returns.
struct FaultCase {
  const char* name;
  Fault fault;
  absl::StatusCode code;
  bool is_done_all_the_same = false;  // only whether it is durable is not known
};

inline std::ostream& operator<<(std::ostream& out, const FaultCase& test) {
  return out << test.name;
}

// What can happen to an LMDB store that writes.
inline std::vector<FaultCase> LmdbFaults() {
  using absl::StatusCode;
  using enum SystemCall;
  const auto write = [](int error) { return Fault{kWrite, error, "data.mdb"}; };
  const auto sync = [](int error) { return Fault{kSync, error, "data.mdb"}; };
  return {
      {"FullDisk", write(ENOSPC), StatusCode::kResourceExhausted},
      {"Quota", write(EDQUOT), StatusCode::kResourceExhausted},
      {"SizeLimit", write(EFBIG), StatusCode::kResourceExhausted},
      {"ReadOnlyDisk", write(EROFS), StatusCode::kPermissionDenied},
      {"BadDisk", write(EIO), kIoError},
      {"TornWrite",
       {.call = kWrite, .error = EIO, .file_name_contains = "data.mdb", .bytes = 100},
       kIoError},
      {"ShortWrite", {.call = kWrite, .file_name_contains = "data.mdb", .bytes = 100}, kIoError},
      {"InterruptedWrite",
       {.call = kWrite, .error = EINTR, .file_name_contains = "data.mdb", .times = 1},
       StatusCode::kOk},
      {"BadDiskAtSync", sync(EIO), kIoError},
      {"FullDiskAtSync", sync(ENOSPC), StatusCode::kResourceExhausted},
  };
}

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTS_STORAGE_FAULTS_H_
