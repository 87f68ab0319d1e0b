// What a store keeps, and how. Without Abseil's Status, as programs that memoize a function include
// it and should compile fast.
#ifndef PERMACACHE_STORAGE_RECORD_H_
#define PERMACACHE_STORAGE_RECORD_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

namespace permacache::storage {

enum class Compression : uint8_t {
  kNone = 0,
  kZstd = 1,  // zstd, level 3; a value that does not get smaller is stored as it is
};

// When a result is safe from a crash of the machine. Killing the process loses what waits, too;
// its normal end does not. The file is sound in any case.
enum class Durability : uint8_t {
  kByCost,   // as kSynced if computing it took 10 ms or more, else as kGrouped
  kSynced,   // when the call returns, which takes a sync of the disk for each result
  kGrouped,  // within about 20 ms: the results of that time share one sync of the disk
};

using TimePoint = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

// What a store held at some time.
struct StoreState {
  uint64_t tier = 0;  // what keeps its entries in memory; none has this number
  uint64_t clears = 0;
  uint64_t txn = 0;

  friend bool operator==(const StoreState&, const StoreState&) = default;
};

// A stored result. The value belongs to whoever made the record.
struct Record {
  std::string_view value;
  TimePoint created = {};
  std::chrono::nanoseconds compute_time = {};  // what it cost, thus what a hit saves

  // For Put: the store lets go of it once every process can find what was put, or when that is lost
  // or replaced. In any thread, which holds no lock of the store then. A store that is durable when
  // Put returns need not keep it. Empty in what Get visits.
  std::shared_ptr<const void> held = {};

  // In what Get visits: whether it came from this process' memory, not from the disk.
  bool from_memory = false;

  // An open file whose content is just the value, to be cloned where the file system can; -1 for
  // none. Get has one, to be read during the visit, where a store keeps the value as it is in a
  // file of its own. Put may take a copy of the one it is given, from its begin, instead of writing
  // the value, which must be given all the same; if the file has become another meanwhile, the
  // value counts. Whoever opened it closes it.
  int file = -1;

  // In what Get visits: while the store's State() is this, Get finds the same. With no tier where
  // that is not known.
  StoreState state = {};
};

struct KeyedRecord {
  std::string_view key;
  Record record;
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_RECORD_H_
