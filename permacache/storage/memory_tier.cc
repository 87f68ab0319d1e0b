#include "permacache/storage/memory_tier.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "permacache/storage/memory_entry.h"
#include "permacache/storage/of_this_thread.h"
#include "permacache/storage/recent_entries.h"

namespace permacache::storage {
namespace {

constexpr size_t kShards = 16;
constexpr size_t kLeastBuckets = 8;
constexpr size_t kCacheLine = 64;

// A shard has plenty of room while it is not fuller than one part in so many.
constexpr size_t kShareOfPlenty = 4;

// Small entries take some 256 bytes; there are as many places for offers as for them.
constexpr size_t kBytesPerOffer = 256;

// Of a tier: no other of this process has or had the same.
uint64_t NewNumber() {
  static std::atomic<uint64_t> last = 0;
  return ++last;
}

// Digests are hashes already: one byte tells the shard, eight others the bucket in it.
size_t ShardIndex(const Place& place) { return place.digest[0] % kShards; }

uint64_t BucketHash(const Place& place) {
  uint64_t hash;
  static_assert(sizeof(place.digest) == 2 * sizeof(hash));
  std::memcpy(&hash, place.digest.data() + sizeof(hash), sizeof(hash));
  return hash;
}

}  // namespace

// A tier for some of all places. It depends on no other shard, not even in the commits that it has
// heard of.
//
// What it promises: an entry seen by transaction `floor_` or a later one holds what every
// transaction from that one to `epoch_` sees. A reader that tells of a commit which was not
// announced raises both to it, which voids all that is here. If that was the very next commit it
// may yet be announced as this process' own: then nothing but the announced places differs from the
// state before, and `floor_` returns to where it was.
class alignas(kCacheLine) MemoryTier::Shard {
 public:
  MemoryEntry::Share Find(const Place& place, std::string_view key, uint64_t last_txn) {
    std::lock_guard lock(mutex_);
    if (last_txn != epoch_) return nullptr;
    MemoryEntry::Share* link = LinkTo(place);
    if (link == nullptr || (*link)->txn < floor_ || (*link)->key() != key) return nullptr;
    (*link)->used = true;
    return (*link)->NewShare();
  }

  // Whether an entry of this place is worth its room. While there is plenty all are; then only
  // those that were offered before, so that a tour through more entries than there is room for
  // drops none that are used, and costs little more than reading them.
  bool Admits(const Place& place, size_t most_bytes, uint64_t txn) {
    std::lock_guard lock(mutex_);
    if (txn > epoch_) Advance(txn);
    if (bytes_ <= most_bytes / kShareOfPlenty) return true;
    if (offered_.empty()) {
      offered_.resize(std::bit_floor(std::max<size_t>(most_bytes / kBytesPerOffer, 1)));
      bytes_ += AllocatedFor(offered_.size() * sizeof(offered_[0]));
    }
    const uint64_t hash = BucketHash(place);
    const auto offer = static_cast<uint16_t>(hash >> 16);
    return std::exchange(offered_[hash >> 32 & (offered_.size() - 1)], offer) == offer;
  }

  void Insert(MemoryEntry::Share entry, size_t most_bytes) {
    std::lock_guard lock(mutex_);
    if (entry->txn < epoch_) return;
    if (entry->txn > epoch_) Advance(entry->txn);
    if (MemoryEntry::Share* old = LinkTo(entry->place)) Remove(*old);
    if (!MakeRoom(entry->size(), most_bytes)) return;
    if (entries_ == buckets_.size()) Grow();
    bytes_ += entry->size();
    ++entries_;
    Link(std::move(entry));
  }

  // Of `changed`, looks at the places in the shard of this index only.
  void Committed(uint64_t txn, std::span<const Place> changed, size_t index) {
    std::lock_guard lock(mutex_);
    if (txn < epoch_) return;
    if (txn > epoch_ + 1) return Advance(txn);
    for (const Place& place : changed) {
      if (ShardIndex(place) != index) continue;
      if (MemoryEntry::Share* old = LinkTo(place); old != nullptr && (*old)->txn < txn)
        Remove(*old);
    }
    if (txn == epoch_) floor_ = earlier_floor_;
    earlier_floor_ = floor_;
    epoch_ = txn;
  }

  void Clear() {
    std::lock_guard lock(mutex_);
    buckets_ = std::vector<MemoryEntry::Share>();
    offered_ = std::vector<uint16_t>();
    hand_ = 0;
    entries_ = 0;
    bytes_ = 0;
  }

  size_t bytes() const {
    std::lock_guard lock(mutex_);
    return bytes_;
  }

  size_t entries() const {
    std::lock_guard lock(mutex_);
    return entries_;
  }

 private:
  // Somebody has committed everything up to this transaction.
  void Advance(uint64_t txn) {
    earlier_floor_ = txn == epoch_ + 1 ? floor_ : txn;
    floor_ = txn;
    epoch_ = txn;
  }

  MemoryEntry::Share& BucketOf(const Place& place) {
    return buckets_[BucketHash(place) & (buckets_.size() - 1)];
  }

  // What holds the entry of this place; null if there is none.
  MemoryEntry::Share* LinkTo(const Place& place) {
    if (entries_ == 0) return nullptr;
    MemoryEntry::Share* link = &BucketOf(place);
    while (*link != nullptr && (*link)->place != place) link = &(*link)->next;
    return *link == nullptr ? nullptr : link;
  }

  void Link(MemoryEntry::Share entry) {
    MemoryEntry::Share& bucket = BucketOf(entry->place);
    entry->next = std::move(bucket);
    bucket = std::move(entry);
  }

  void Remove(MemoryEntry::Share& link) {
    const MemoryEntry::Share entry = std::move(link);
    link = std::move(entry->next);
    bytes_ -= entry->size();
    --entries_;
  }

  static size_t SizeOfBuckets(size_t count) {
    return count == 0 ? 0 : AllocatedFor(count * sizeof(MemoryEntry::Share));
  }

  size_t MoreBuckets() const { return std::max(kLeastBuckets, 2 * buckets_.size()); }

  // Returns whether there is room now for another entry, and for more buckets if it needs them.
  bool MakeRoom(size_t size, size_t most_bytes) {
    for (;;) {
      const size_t growth = entries_ == buckets_.size() ? SizeOfBuckets(MoreBuckets()) : 0;
      if (bytes_ + size + growth <= most_bytes) return true;
      if (entries_ == 0) return false;
      SweepBucket();
    }
  }

  // The clock's hand: what was found since it came by the last time stays for another round.
  void SweepBucket() {
    MemoryEntry::Share* link = &buckets_[hand_];
    while (*link != nullptr) {
      if ((*link)->used && (*link)->txn >= floor_) {
        (*link)->used = false;
        link = &(*link)->next;
      } else {
        Remove(*link);
      }
    }
    hand_ = (hand_ + 1) & (buckets_.size() - 1);
  }

  void Grow() {
    std::vector<MemoryEntry::Share> old(MoreBuckets());
    old.swap(buckets_);
    bytes_ += SizeOfBuckets(buckets_.size()) - SizeOfBuckets(old.size());
    for (MemoryEntry::Share& bucket : old) {
      while (bucket != nullptr) {
        MemoryEntry::Share entry = std::move(bucket);
        bucket = std::move(entry->next);
        Link(std::move(entry));
      }
    }
  }

  mutable std::mutex mutex_;                 // guards what follows
  uint64_t epoch_ = 0;                       // the last commit that is known of
  uint64_t floor_ = 0;                       // what earlier transactions saw is void
  uint64_t earlier_floor_ = 0;               // where `floor_` may return to
  std::vector<MemoryEntry::Share> buckets_;  // lists; none, or a power of two of them
  std::vector<uint16_t> offered_;            // of the hash of each late offer a part
  size_t hand_ = 0;                          // the bucket to be swept next
  size_t entries_ = 0;
  size_t bytes_ = 0;
};

MemoryTier::MemoryTier(size_t most_bytes)
    : most_bytes_(most_bytes), number_(NewNumber()), shards_(std::make_unique<Shard[]>(kShards)) {}

MemoryTier::~MemoryTier() = default;

MemoryTier::Shard& MemoryTier::ShardOf(const Place& place) const {
  return shards_[ShardIndex(place)];
}

bool MemoryTier::Find(const Place& place, std::string_view key, uint64_t last_txn,
                      absl::FunctionRef<void(const Record&)> visit) {
  const StoreState seen = StateAt(last_txn);
  RecentEntries* const recent = OfThisThread<RecentEntries>();
  if (recent != nullptr && recent->Visit(place, key, seen, visit)) return true;
  const MemoryEntry::Share entry = ShardOf(place).Find(place, key, last_txn);
  if (entry == nullptr) return false;
  if (recent != nullptr && recent->IsRepeated(place)) recent->Keep(entry->NewShare(), seen);
  visit(entry->record(seen));
  return true;
}

void MemoryTier::Insert(const Place& place, std::string_view key, const Record& record,
                        uint64_t txn) {
  if (MemoryEntry::SizeOf(key, record) > most_bytes_ / kShareOfLargest) return;
  Shard& shard = ShardOf(place);
  if (!shard.Admits(place, most_bytes_ / kShards, txn)) return;
  shard.Insert(MemoryEntry::Make(place, key, record, txn), most_bytes_ / kShards);
}

void MemoryTier::Committed(uint64_t txn, std::span<const Place> changed) {
  for (size_t i = 0; i < kShards; ++i) shards_[i].Committed(txn, changed, i);
}

void MemoryTier::Clear() {
  clears_.fetch_add(1);
  for (size_t i = 0; i < kShards; ++i) shards_[i].Clear();
}

size_t MemoryTier::bytes() const {
  size_t bytes = 0;
  for (size_t i = 0; i < kShards; ++i) bytes += shards_[i].bytes();
  return bytes;
}

size_t MemoryTier::entries() const {
  size_t entries = 0;
  for (size_t i = 0; i < kShards; ++i) entries += shards_[i].entries();
  return entries;
}

}  // namespace permacache::storage
