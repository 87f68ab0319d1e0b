// Verification: every record is read and checked, by a process of its own.
#ifndef PERMACACHE_STORAGE_VERIFY_H_
#define PERMACACHE_STORAGE_VERIFY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "permacache/storage/store.h"

namespace permacache::storage {

struct VerifyReport {
  static constexpr size_t kMostProblems = 100;

  int64_t entries = 0;                // that were looked at
  uint64_t bytes = 0;                 // that they take up
  int64_t damaged = 0;                // entries that cannot be read
  bool finished = true;               // false if there was no going on: a problem says why
  std::vector<std::string> problems;  // what is wrong, the first of each kind of trouble on

  bool ok() const { return damaged == 0 && finished; }
};

using OpenStores = absl::FunctionRef<absl::StatusOr<Stores>()>;

// Opens stores and reads everything in them, in a forked process: what damage may do to it, even
// end it, does not reach this one. Others may use the stores at the same time. progress(done,
// total) is told of entries, in this thread. Fails if there can be no such process.
absl::StatusOr<VerifyReport> Verify(OpenStores open,
                                    absl::FunctionRef<void(int64_t done, int64_t total)> progress);

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_VERIFY_H_
