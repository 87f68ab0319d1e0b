// Verification: every record is read and checked, by a process of its own.
#ifndef PERMACACHE_STORAGE_VERIFY_H_
#define PERMACACHE_STORAGE_VERIFY_H_

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "permacache/storage/housekeeping.h"  // IWYU pragma: export
#include "permacache/storage/store.h"

namespace permacache::storage {

using OpenStores = absl::FunctionRef<absl::StatusOr<Stores>()>;

// Opens stores and reads everything in them, in a forked process: what damage may do to it, even
// end it, does not reach this one. Others may use the stores at the same time. progress(done,
// total) is told of entries, in this thread. Fails if there can be no such process.
absl::StatusOr<VerifyReport> Verify(OpenStores open, OnProgress progress);

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_VERIFY_H_
