// The functions that a cache has on disk, as housekeeping finds them.
#ifndef PERMACACHE_CATALOG_STORED_FUNCTIONS_H_
#define PERMACACHE_CATALOG_STORED_FUNCTIONS_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/storage/lmdb_environment.h"
#include "permacache/storage/store.h"

namespace permacache::catalog {

// A folder that holds what calls of one function have stored.
struct StoredFunction {
  std::string name;
  std::filesystem::path folder;
  bool in_files;  // a file per result, instead of an LMDB environment
};

// Those in the cache `directory`, by name. Follows no links. A cache that does not exist has none.
absl::StatusOr<std::vector<StoredFunction>> FindStoredFunctions(
    const std::filesystem::path& directory);

// The versions of its results, in order. Of an LMDB environment there may be some without results.
absl::StatusOr<std::vector<uint32_t>> VersionsOf(const StoredFunction& function);

// What is said of a store by who opens it for housekeeping.
struct VersionOptions {
  storage::FileFormat format = storage::FileFormat::kBinary;  // of records to be written
  bool notes_uses = true;    // see storage::LmdbStoreOptions, FileStoreOptions
  bool keeps_memory = true;  // what was read is kept in memory, as far as the store does that
};

// The store of one version, which is made when something is put.
absl::StatusOr<std::unique_ptr<storage::Store>> OpenVersion(const StoredFunction& function,
                                                            uint32_t version,
                                                            const VersionOptions& options = {});

// A store for each version of its results.
absl::StatusOr<storage::Stores> OpenVersions(const StoredFunction& function);

// Makes its data file as small as its content. Results in files need none of that.
absl::Status Compact(const StoredFunction& function, storage::OnProgress progress);

}  // namespace permacache::catalog

#endif  // PERMACACHE_CATALOG_STORED_FUNCTIONS_H_
