// Tells at a glance whether any process has committed to an LMDB data file.
#ifndef PERMACACHE_STORAGE_COMMIT_WATCH_H_
#define PERMACACHE_STORAGE_COMMIT_WATCH_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"

namespace permacache::storage {

// The number of the last transaction that was committed, as the file's two meta pages say. They are
// mapped once more than LMDB does, as LMDB takes its own map away when that grows. Thread-safe once
// it is open, also while it is closed; costs two loads.
class CommitWatch {
 public:
  CommitWatch() = default;
  CommitWatch(const CommitWatch&) = delete;
  CommitWatch& operator=(const CommitWatch&) = delete;
  ~CommitWatch();

  // Of the LMDB data file `fd`, with pages of this size.
  absl::Status Open(int fd, size_t page_size);

  // Lets go of the file.
  void Close();

  // 0 once it is closed.
  uint64_t last() const;

 private:
  size_t page_size_ = 0;
  const char* pages_ = nullptr;
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_COMMIT_WATCH_H_
