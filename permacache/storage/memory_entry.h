// A record that is kept in memory.
#ifndef PERMACACHE_STORAGE_MEMORY_ENTRY_H_
#define PERMACACHE_STORAGE_MEMORY_ENTRY_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>

#include "permacache/storage/place.h"
#include "permacache/storage/store.h"

namespace permacache::storage {

// What glibc's allocator takes for a block. Others take about as much.
constexpr size_t AllocatedFor(size_t size) {
  return std::max<size_t>((size + sizeof(size_t) + 15) / 16 * 16, 32);
}

// One record in one block of memory: this object, then the key, then the value. Besides the shard,
// each visitor has a share in it, so that it may be dropped meanwhile.
struct MemoryEntry {
  struct GiveUpShare {
    void operator()(MemoryEntry* entry) const {
      if (entry->shares.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
      entry->~MemoryEntry();
      ::operator delete(entry);
    }
  };
  using Share = std::unique_ptr<MemoryEntry, GiveUpShare>;

  static size_t SizeOf(std::string_view key, const Record& record) {
    return AllocatedFor(sizeof(MemoryEntry) + key.size() + record.value.size());
  }

  static Share Make(const Place& place, std::string_view key, const Record& record, uint64_t txn) {
    void* block = ::operator new(sizeof(MemoryEntry) + key.size() + record.value.size());
    return Share(new (block) MemoryEntry(place, key, record, txn));
  }

  Share NewShare() {
    shares.fetch_add(1, std::memory_order_relaxed);
    return Share(this);
  }

  const char* text() const { return reinterpret_cast<const char*>(this + 1); }
  std::string_view key() const { return {text(), key_size}; }
  Record record(const StoreState& state) const {
    return {.value = {text() + key_size, value_size},
            .created = created,
            .compute_time = compute_time,
            .from_memory = true,
            .state = state};
  }
  size_t size() const { return SizeOf(key(), record({})); }

  const Place place;
  std::atomic<uint32_t> shares = 1;
  const size_t key_size;
  const size_t value_size;
  const TimePoint created;
  const std::chrono::nanoseconds compute_time;
  const uint64_t txn;  // the transaction that saw it

  // Guarded by the shard.
  bool used = false;  // was found since the hand came by
  Share next;         // of the same bucket

 private:
  MemoryEntry(const Place& p, std::string_view key, const Record& record, uint64_t t)
      : place(p),
        key_size(key.size()),
        value_size(record.value.size()),
        created(record.created),
        compute_time(record.compute_time),
        txn(t) {
    char* const begin = reinterpret_cast<char*>(this + 1);
    std::ranges::copy(key, begin);
    std::ranges::copy(record.value, begin + key_size);
  }
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_MEMORY_ENTRY_H_
