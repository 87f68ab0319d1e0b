// What prune.h and verify.h are told, and what they tell. Without Abseil's Status, as record.h.
#ifndef PERMACACHE_STORAGE_HOUSEKEEPING_H_
#define PERMACACHE_STORAGE_HOUSEKEEPING_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

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

struct VerifyReport {
  static constexpr size_t kMostProblems = 100;

  int64_t entries = 0;                // that were looked at
  uint64_t bytes = 0;                 // that they take up
  int64_t damaged = 0;                // entries that cannot be read
  bool finished = true;               // false if there was no going on: a problem says why
  std::vector<std::string> problems;  // what is wrong, the first of each kind of trouble on

  bool ok() const { return damaged == 0 && finished; }
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_HOUSEKEEPING_H_
