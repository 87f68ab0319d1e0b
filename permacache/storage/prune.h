// Pruning: what is least worth its place goes.
#ifndef PERMACACHE_STORAGE_PRUNE_H_
#define PERMACACHE_STORAGE_PRUNE_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "permacache/storage/store.h"

namespace permacache::storage {

// Nothing is removed but for a limit that is given.
struct PruneLimits {
  // Results that were computed longer ago go.
  std::optional<std::chrono::nanoseconds> older_than = {};

  // Results that were not used for longer go. Uses are noted about once a day.
  std::optional<std::chrono::nanoseconds> unused_for = {};

  // If the others take up more bytes than this together, the least valuable go until they do not:
  // those that save the fewest seconds of computing per byte.
  std::optional<uint64_t> max_bytes = {};

  // Says what would go, and removes nothing.
  bool dry_run = false;
};

struct PruneReport {
  int64_t removed_entries = 0;
  uint64_t removed_bytes = 0;
  int64_t kept_entries = 0;
  uint64_t kept_bytes = 0;
};

// Prunes stores as if they were one. Others may use them at the same time; what they put meanwhile
// is not removed. progress(done, total) is told of entries, in this thread; `total` may grow.
// Records that cannot be read are of no value; those of a newer version are left alone.
absl::StatusOr<PruneReport> Prune(const Stores& stores, const PruneLimits& limits, TimePoint now,
                                  OnProgress progress);

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_PRUNE_H_
