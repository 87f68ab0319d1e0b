// What a write transaction does to the entries of an environment.
//
// Values of some entries lie in files (value_files.h). They must go with their entries, but not
// before the transaction is committed, as it may yet fail.
#ifndef PERMACACHE_STORAGE_LMDB_ENTRIES_H_
#define PERMACACHE_STORAGE_LMDB_ENTRIES_H_

#include <lmdb.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "permacache/storage/place.h"
#include "permacache/storage/store.h"
#include "permacache/storage/value_files.h"

namespace permacache::storage {

inline MDB_val ToVal(const KeyDigest& digest) {
  return {digest.size(), const_cast<unsigned char*>(digest.data())};
}

inline std::string_view ToView(const MDB_val& val) {
  return {static_cast<const char*>(val.mv_data), val.mv_size};
}

// The file that an entry's value lies in, if it does and the envelope is sound.
std::optional<ValueReference> FileOf(std::string_view envelope);

// Lives as long as one attempt at a transaction, in its thread. Methods return LMDB's error codes,
// 0 for none; what they are asked to change and is not there is no error.
class LmdbEntries {
 public:
  explicit LmdbEntries(MDB_txn* txn) : txn_(txn) {}

  // The first entry of a generation makes its database.
  int Put(const Place& place, std::string_view envelope);

  // Erases the entry if `accept` wants it.
  int EraseIf(const Place& place, absl::FunctionRef<bool(std::string_view envelope)> accept);

  // Erases all entries of a generation.
  int Clear(uint32_t generation);

  // Notes when the entry was used last, unless it is damaged.
  int NoteUse(const Place& place, TimePoint now);

  uint64_t transaction() const { return mdb_txn_id(txn_); }

  // The files of entries that are no more, to be removed once the transaction is committed.
  using Files = std::vector<std::pair<Place, ValueReference>>;
  const Files& freed() const { return freed_; }

 private:
  int Open(uint32_t generation, unsigned flags, MDB_dbi* database);
  void FreeFileOf(const Place& place, std::string_view envelope);

  MDB_txn* const txn_;
  Files freed_;
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_LMDB_ENTRIES_H_
