// What one thread has found in memory lately.
#ifndef PERMACACHE_STORAGE_RECENT_ENTRIES_H_
#define PERMACACHE_STORAGE_RECENT_ENTRIES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "permacache/storage/memory_entry.h"
#include "permacache/storage/place.h"
#include "permacache/storage/store.h"

namespace permacache::storage {

// A few entries of all tiers, found again without a lock or a count that other threads write to:
// half of what a hit costs one thread, and most of what it costs when several ask for one key.
class RecentEntries {
 public:
  // Larger entries are not kept, so that a thread keeps no more than 256 KiB.
  static constexpr size_t kLargestEntry = 4096;

  RecentEntries() = default;
  RecentEntries(const RecentEntries&) = delete;
  RecentEntries& operator=(const RecentEntries&) = delete;

  // Calls visit(record) and returns true if the entry was found in this state, and kept. The visit
  // may find other entries.
  bool Visit(const Place& place, std::string_view key, const StoreState& seen,
             absl::FunctionRef<void(const Record&)> visit);

  // Whether an entry that was just found elsewhere is worth keeping: if no other was looked for in
  // its slot since it was found the last time. Of many that are asked for in turn none is.
  bool IsRepeated(const Place& place);

  void Keep(MemoryEntry::Share entry, const StoreState& seen);

 private:
  static constexpr size_t kSlots = 64;

  struct Slot {
    StoreState seen;
    MemoryEntry::Share entry;
    KeyDigest candidate = {};  // of the last entry that was found elsewhere
    int visitors = 0;          // on this thread's stack
  };

  Slot& SlotOf(const Place& place) { return slots_[place.digest[1] % kSlots]; }

  std::array<Slot, kSlots> slots_;
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_RECENT_ENTRIES_H_
