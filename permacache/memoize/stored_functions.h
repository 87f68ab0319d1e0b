// The functions that a cache has on disk, as housekeeping finds them.
#ifndef PERMACACHE_MEMOIZE_STORED_FUNCTIONS_H_
#define PERMACACHE_MEMOIZE_STORED_FUNCTIONS_H_

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/storage/lmdb_environment.h"
#include "permacache/storage/store.h"

namespace permacache::memoize {

// A folder that holds what calls of one function have stored.
struct StoredFunction {
  std::string name;
  std::filesystem::path folder;
  bool in_files;  // a file per result, instead of an LMDB environment
};

// Those in the cache `directory`, by name. Follows no links. A cache that does not exist has none.
absl::StatusOr<std::vector<StoredFunction>> FindStoredFunctions(
    const std::filesystem::path& directory);

// A store for each version of its results.
absl::StatusOr<storage::Stores> OpenVersions(const StoredFunction& function);

// Makes its data file as small as its content. Results in files need none of that.
absl::Status Compact(const StoredFunction& function, storage::OnProgress progress);

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_STORED_FUNCTIONS_H_
