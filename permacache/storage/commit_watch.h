// Tells at a glance whether any process has committed to an LMDB data file.
#ifndef PERMACACHE_STORAGE_COMMIT_WATCH_H_
#define PERMACACHE_STORAGE_COMMIT_WATCH_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "permacache/storage/lmdb_map.h"

namespace permacache::storage {

// The number of the last transaction that was committed, as the file's two meta pages say.
// Thread-safe once it is open; costs two loads.
class CommitWatch {
 public:
  CommitWatch() = default;
  CommitWatch(const CommitWatch&) = delete;
  CommitWatch& operator=(const CommitWatch&) = delete;

  // Of this file, which must stay open.
  absl::Status Open(LmdbMap& file);

  uint64_t last() const;

 private:
  size_t page_size_ = 0;
  const char* pages_ = nullptr;
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_COMMIT_WATCH_H_
