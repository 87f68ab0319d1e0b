// The interface of a store: the results of one function, by the text of their keys.
//
// A store knows keys and values as bytes and nothing of C++ types. The tests in
// permacache/testing/store_conformance.h say what each implementation must do.
//
// Thread safety: every method may be called from any thread. A persistent store may be shared by
// any number of processes.
//
// Errors, where a method returns a status:
//   kDataLoss            a record, or the whole file, is damaged; nothing of it was returned
//   kUnimplemented       it was written by a newer version of this library
//   kResourceExhausted   the disk is full, or the value too large for this store
//   kPermissionDenied    the directory cannot be written (or read)
//   others               what the operating system said, with the path
// After an error the store is as it was before the call.
#ifndef PERMACACHE_STORAGE_STORE_H_
#define PERMACACHE_STORAGE_STORE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

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

// How a record is written.
enum class FileFormat : uint8_t {
  kBinary = 0,
  kZstd = 1,  // compressed; a value that does not get smaller is stored as it is
  kJson = 2,  // values that are JSON can be read by people, others are in base64; not in LMDB
};

// An entry as housekeeping sees it.
struct EntryInfo {
  absl::Status status = {};  // why the record cannot be read: then only `bytes` is known
  std::string_view key = {};
  TimePoint created = {};
  TimePoint last_used = {};  // to about a day, so that hits need not write
  std::chrono::nanoseconds compute_time = {};
  uint64_t bytes = 0;  // of the record, key and value included, as it is stored
  FileFormat format = FileFormat::kBinary;
  std::string_view value = {};  // if that was asked for; valid during the visit
};

enum class Depth : uint8_t {
  kHeads,   // reads what an EntryInfo says, and no values
  kValues,  // reads everything and checks it
};

enum class Verdict : uint8_t {
  kKeep,
  kRemove,
  kStop,  // keeps it, and ends the walk
};

// Told how far something that takes long has come, in the thread that asked for it.
using OnProgress = absl::FunctionRef<void(int64_t done, int64_t total)>;

class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  // Calls visit(record) once if there is an entry of exactly this key, and returns whether there
  // is. The record's value is valid only during that call, which must be short and must not call
  // this store again.
  virtual absl::StatusOr<bool> Get(std::string_view key,
                                   absl::FunctionRef<void(const Record&)> visit) = 0;

  // While this returns the same, Get finds what it found between. Nothing if that cannot be told at
  // the price of some loads, or is not to be made use of.
  virtual std::optional<StoreState> State() { return std::nullopt; }

  // Stores a record in place of an earlier one. When it returns OK, every later Get of this process
  // finds it; every later Get of any process does, also after a crash or a loss of power, where the
  // store is persistent and its durability is kSynced.
  virtual absl::Status Put(std::string_view key, const Record& record) = 0;

  // As Get for each of the keys, in any order: calls visit(index, record) for those that are there.
  // What is wrong with one of them keeps no other from being visited; the first such trouble is
  // returned in the end, and its message begins with "keys[index]: ".
  virtual absl::Status GetMany(std::span<const std::string> keys,
                               absl::FunctionRef<void(size_t index, const Record&)> visit);

  // As Put for each of the entries, one after the other, but what they took to compute counts
  // together. If `synced`, all are as durable as if the store's durability were kSynced. What is
  // wrong with one of them keeps no other from being stored; the first such trouble is returned in
  // the end, and its message begins with "entries[index]: ".
  virtual absl::Status PutMany(std::span<const KeyedRecord> entries, bool synced);

  // Removes the entry; returns whether there was one.
  virtual absl::StatusOr<bool> Erase(std::string_view key) = 0;

  virtual absl::Status Clear() = 0;

  // The number of entries.
  virtual absl::StatusOr<int64_t> Size() = 0;

  // Calls visit(info) for each entry, in no particular order, and removes those for which it
  // returns kRemove, unless they have been replaced or, as far as the store knows, used meanwhile.
  // No use of an entry.
  // Others may read and write at the same time: what they put or erase may be visited or not.
  // `visit` may take its time, but must not call this store.
  virtual absl::Status ForEach(Depth depth, absl::FunctionRef<Verdict(const EntryInfo&)> visit) = 0;

 protected:
  // What went wrong with one of many.
  static absl::Status TroubleOf(std::string_view list, size_t index, const absl::Status& status);
};

using Stores = std::vector<std::unique_ptr<Store>>;

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_STORE_H_
