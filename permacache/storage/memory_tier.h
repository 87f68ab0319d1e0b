// A bounded memory of records that were read from one LMDB environment, kept for as long as they
// are what a reader there would see, whoever writes to it.
//
// An environment numbers its commits, those of all processes in one sequence. Every entry knows the
// number of the transaction that read it, and the tier the last number that it has heard of. Where
// the environment has another one, somebody has committed: nothing is found until a reader of the
// new state inserts what it saw. This process announces its own commits with the places that they
// changed, so that they void nothing else. Announcements may be late, out of order, repeated or
// missing: that may cost hits, and never gives a wrong one.
//
// An environment that takes another one's place counts anew, and needs a tier of its own.
//
// Thread safety: every method may be called from any thread, also by what Find visits. A forked
// child must not use the tier of its parent.
#ifndef PERMACACHE_STORAGE_MEMORY_TIER_H_
#define PERMACACHE_STORAGE_MEMORY_TIER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "permacache/storage/place.h"
#include "permacache/storage/store.h"

namespace permacache::storage {

class MemoryTier {
 public:
  // A record that takes more than one part in so many of the bound is not kept.
  static constexpr size_t kShareOfLargest = 64;

  // Keeps at most so many bytes: keys, values, the tables that find them and what the allocator
  // adds. Only what is being visited while it is dropped comes on top, and what threads have found
  // lately, see RecentEntries. To make room, records go that were not found for long. 0 keeps
  // nothing.
  explicit MemoryTier(size_t most_bytes);
  MemoryTier(const MemoryTier&) = delete;
  MemoryTier& operator=(const MemoryTier&) = delete;
  ~MemoryTier();

  // Calls visit(record) and returns true if the record of this place is here, is that of exactly
  // this key, and is what a reader of the transaction `last_txn` sees: the environment's last one
  // when the caller looked. The record's value is valid only during that call, which may take its
  // time: no lock is held.
  bool Find(const Place& place, std::string_view key, uint64_t last_txn,
            absl::FunctionRef<void(const Record&)> visit);

  // Keeps what a reader of the transaction `txn` saw, unless a later commit is known of. Where
  // there is no more plenty of room, only what is offered for the second time.
  void Insert(const Place& place, std::string_view key, const Record& record, uint64_t txn);

  // This process has committed the transaction `txn`, which changed nothing but these places. Where
  // they are not known, as when a whole version was cleared, there must be no announcement. Nor for
  // a transaction that wrote nothing: LMDB gives its number to the next one, whosever that is.
  void Committed(uint64_t txn, std::span<const Place> changed);

  // What a reader of this transaction finds here and elsewhere changes with this.
  StoreState StateAt(uint64_t last_txn) const {
    return {.tier = number_, .clears = clears_.load(), .txn = last_txn};
  }

  // Drops everything.
  void Clear();

  // Of all that is kept. What commits have voided counts until others take its room.
  size_t bytes() const;
  size_t entries() const;

 private:
  class Shard;

  Shard& ShardOf(const Place& place) const;

  const size_t most_bytes_;
  const uint64_t number_;
  std::atomic<uint64_t> clears_ = 0;
  const std::unique_ptr<Shard[]> shards_;
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_MEMORY_TIER_H_
