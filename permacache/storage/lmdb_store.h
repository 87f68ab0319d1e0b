// The store on disk: one version of one function in an LMDB environment.
//
// The index is a digest of the key's text, the record an envelope that holds the text itself;
// FORMAT.md beside this file describes both. Whether a record is durable when Put returns is an
// option; Get finds it at once in any case, also through other objects of this process. An object
// may be used on both sides of a fork: what waits is written by the parent.
#ifndef PERMACACHE_STORAGE_LMDB_STORE_H_
#define PERMACACHE_STORAGE_LMDB_STORE_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "permacache/storage/compression.h"
#include "permacache/storage/lmdb_environment.h"
#include "permacache/storage/place.h"
#include "permacache/storage/store.h"
#include "permacache/storage/value_files.h"

namespace permacache::storage {

struct LmdbStoreOptions {
  LmdbOptions environment;
  uint32_t version = 0;  // entries of different versions do not see each other
  Compression compression = Compression::kNone;  // of records to be written; any can be read
  Durability durability = Durability::kSynced;
  size_t least_file_size = ValueFiles::kLeastSize;  // bytes from which on values get files

  // Whether Get and GetMany are uses of entries; else they are housekeeping, which goes through all
  // of the file and leaves none of it in memory.
  bool notes_uses = true;
  OnLost on_lost = {};  // told of records that waited and could not be written after all
};

class LmdbStore : public Store {
 public:
  // Fails if the directory cannot be used or the data file's head is damaged; makes both if they do
  // not exist. Of a large file only what Get needs is read until something else is asked for.
  static absl::StatusOr<std::unique_ptr<LmdbStore>> Open(const LmdbStoreOptions& options);

  ~LmdbStore() override;

  absl::StatusOr<bool> Get(std::string_view key,
                           absl::FunctionRef<void(const Record&)> visit) override;
  absl::Status Put(std::string_view key, const Record& record) override;

  std::optional<StoreState> State() override;

  // Looks up all that is not in memory in one transaction.
  absl::Status GetMany(std::span<const std::string> keys,
                       absl::FunctionRef<void(size_t index, const Record&)> visit) override;

  // What must not wait is written in one transaction, all or none of it.
  absl::Status PutMany(std::span<const KeyedRecord> entries, bool synced) override;

  absl::StatusOr<bool> Erase(std::string_view key) override;
  absl::Status Clear() override;
  absl::StatusOr<int64_t> Size() override;
  absl::Status ForEach(Depth depth, absl::FunctionRef<Verdict(const EntryInfo&)> visit) override;

  // Makes the data file, which all versions share, as small as its content; see
  // LmdbEnvironment::Compact.
  absl::Status Compact(OnProgress progress);

 private:
  // What belongs to one process. A forked child makes its own and leaves the inherited one be.
  struct Opened {
    uint64_t fork_count;
    LmdbEnvironment::Share environment;
    std::unique_ptr<Opened> replaced = nullptr;  // an earlier one, which calls may still be using
  };

  // What is left to do when the transaction that found a record has ended.
  struct Rest {
    std::string in_file;  // its envelope, if the value lies in a file
    bool use_is_to_be_noted = false;
  };

  explicit LmdbStore(const LmdbStoreOptions& options) : options_(options) {}

  Place PlaceOf(std::string_view key) const { return {options_.version, DigestOfKey(key)}; }
  absl::Status Annotate(const absl::Status& status) const;

  absl::Status GetHere(const Opened& here, const Place& place, std::string_view key,
                       absl::FunctionRef<void(const Record&)> visit, absl::StatusOr<bool>* found);
  bool GetFromMemory(const Opened& here, const Place& place, std::string_view key,
                     absl::FunctionRef<void(const Record&)> visit, absl::StatusOr<bool>* found);
  static int GetFromDisk(LmdbSnapshot& snapshot, const Opened& here, const Place& place,
                         std::string_view key, absl::FunctionRef<void(const Record&)> visit,
                         absl::StatusOr<bool>* found, Rest* rest);
  static absl::StatusOr<bool> OpenRecord(std::string_view bytes, std::string_view key,
                                         absl::FunctionRef<void(const Record&)> visit, Rest* rest);

  // Those of GetMany that have not been visited and may yet be.
  struct Search;
  absl::Status GetManyHere(const Opened& here, std::vector<Search>* searches,
                           absl::FunctionRef<void(size_t index, const Record&)> visit,
                           absl::Status* trouble);

  bool MayWait(std::chrono::nanoseconds compute_time) const;
  absl::Status CheckKey(std::string_view key) const;
  absl::StatusOr<GroupCommit::Entry> Seal(const Opened& here, std::string_view key,
                                          const Record& record, const PackedValue& packed) const;
  static void WriteSoon(const Opened& here, const Place& place, GroupCommit::Entry entry,
                        const Record& record);
  static absl::Status WriteNow(const Opened& here, const GroupCommit::Batch& batch);

  absl::StatusOr<std::unique_ptr<Opened>> OpenHere() const;
  absl::StatusOr<std::unique_ptr<Opened>> TryOpenHere() const;
  absl::StatusOr<Opened*> Here();
  absl::Status Reopen(Opened* lost);

  // Runs `operate`, which returns a status, on what is open here; again if that was lost.
  absl::Status On(absl::FunctionRef<absl::Status(const Opened&)> operate);

  // The same on this version's database. Does nothing if a read-only cache does not have that.
  absl::Status OnDatabase(absl::FunctionRef<absl::Status(const Opened&, MDB_dbi)> operate);

  const LmdbStoreOptions options_;
  std::atomic<Opened*> opened_ = nullptr;
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_LMDB_STORE_H_
