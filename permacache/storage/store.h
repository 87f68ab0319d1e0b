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
#include "permacache/storage/record.h"  // IWYU pragma: export

namespace permacache::storage {

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
  // To be visited is no use.
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
