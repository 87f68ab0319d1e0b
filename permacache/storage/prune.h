// Pruning: what is least worth its place goes.
#ifndef PERMACACHE_STORAGE_PRUNE_H_
#define PERMACACHE_STORAGE_PRUNE_H_

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "permacache/storage/housekeeping.h"  // IWYU pragma: export
#include "permacache/storage/store.h"

namespace permacache::storage {

// Prunes stores as if they were one. Others may use them at the same time; what they put meanwhile
// is not removed. progress(done, total) is told of entries, in this thread; `total` may grow.
// Records that cannot be read are of no value; those of a newer version are left alone.
absl::StatusOr<PruneReport> Prune(const Stores& stores, const PruneLimits& limits, TimePoint now,
                                  OnProgress progress);

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_PRUNE_H_
