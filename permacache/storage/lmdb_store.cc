#include "permacache/storage/lmdb_store.h"

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "permacache/storage/envelope.h"
#include "permacache/storage/key_digest.h"

namespace permacache::storage {
namespace {

// What took so long to compute is worth a sync of the disk of its own.
constexpr auto kLongComputation = std::chrono::milliseconds(10);

// A commit of 2 GiB or more fails in LMDB.
constexpr size_t kLargestRecord = (size_t{1} << 31) - (size_t{1} << 20);

// The digest of a key as LMDB's key.
class Index {
 public:
  explicit Index(std::string_view key) : digest_(DigestOfKey(key)) {}

  Place place(uint32_t generation) const { return {generation, digest_}; }

  MDB_val* val() {
    val_ = {digest_.size(), digest_.data()};
    return &val_;
  }

 private:
  KeyDigest digest_;
  MDB_val val_;
};

std::string_view ToView(const MDB_val& val) {
  return {static_cast<const char*>(val.mv_data), val.mv_size};
}

}  // namespace

absl::StatusOr<std::unique_ptr<LmdbStore>> LmdbStore::Open(const LmdbStoreOptions& options) {
  std::unique_ptr<LmdbStore> store(new LmdbStore(options));
  absl::StatusOr<std::unique_ptr<Opened>> opened = store->OpenHere();
  if (!opened.ok()) return opened.status();
  store->opened_ = opened->release();
  return store;
}

LmdbStore::~LmdbStore() {
  Opened* opened = opened_.load(std::memory_order_acquire);
  if (opened != nullptr && opened->fork_count == ForkCount()) delete opened;
}

absl::StatusOr<std::unique_ptr<LmdbStore::Opened>> LmdbStore::OpenHere() const {
  const uint64_t fork_count = ForkCount();
  absl::StatusOr<LmdbEnvironment::Share> environment =
      LmdbEnvironment::Acquire(options_.environment);
  if (!environment.ok()) return environment.status();
  absl::StatusOr<MDB_dbi> database = (*environment)->OpenGeneration(options_.version);
  if (!database.ok() && !absl::IsNotFound(database.status())) return database.status();
  return std::make_unique<Opened>(
      Opened{fork_count, *std::move(environment), database.value_or(0), database.ok()});
}

absl::StatusOr<LmdbStore::Opened*> LmdbStore::Here() {
  Opened* opened = opened_.load(std::memory_order_acquire);
  if (opened->fork_count == ForkCount()) return opened;
  // Several threads of a child may come here at once. A mutex would not do: a thread of the parent
  // may have held it during the fork.
  absl::StatusOr<std::unique_ptr<Opened>> fresh = OpenHere();
  if (!fresh.ok()) return fresh.status();
  if (opened_.compare_exchange_strong(opened, fresh->get(), std::memory_order_acq_rel)) {
    return fresh->release();
  }
  return opened;
}

// Whoever deleted the cache's folder shall not cost the results to come.
absl::Status LmdbStore::Reopen(Opened* lost) {
  absl::StatusOr<std::unique_ptr<Opened>> fresh = OpenHere();
  if (!fresh.ok()) return fresh.status();
  if (opened_.compare_exchange_strong(lost, fresh->get(), std::memory_order_acq_rel)) {
    fresh->release()->replaced.reset(lost);
  }
  return absl::OkStatus();
}

absl::Status LmdbStore::On(absl::FunctionRef<absl::Status(const Opened&)> operate) {
  absl::StatusOr<Opened*> here = Here();
  if (!here.ok()) return here.status();
  const absl::Status status = operate(**here);
  if (!absl::IsAborted(status)) return status;
  if (absl::Status reopened = Reopen(*here); !reopened.ok()) return reopened;
  here = Here();
  return here.ok() ? operate(**here) : here.status();
}

absl::StatusOr<bool> LmdbStore::Get(std::string_view key,
                                    absl::FunctionRef<void(const Record&)> visit) {
  Index index(key);
  absl::StatusOr<bool> found = false;
  absl::Status status = On([&](const Opened& here) {
    if (!here.exists) return absl::OkStatus();
    const auto open = [&](std::string_view bytes) { found = OpenEnvelope(bytes, key, visit); };
    GroupCommit& group_commit = here.environment->group_commit();
    if (!group_commit.empty() && group_commit.Find(index.place(options_.version), open)) {
      return absl::OkStatus();
    }
    return here.environment->Read([&](MDB_txn* txn) {
      MDB_val bytes;
      const int error = mdb_get(txn, here.database, index.val(), &bytes);
      if (error == 0) open(ToView(bytes));
      return error == MDB_NOTFOUND ? 0 : error;
    });
  });
  if (!status.ok()) return status;
  if (!found.ok()) {
    return absl::Status(found.status().code(), absl::StrCat(options_.environment.directory.string(),
                                                            ": ", found.status().message()));
  }
  return found;
}

bool LmdbStore::MayWait(const Record& record) const {
  return options_.durability == Durability::kGrouped ||
         (options_.durability == Durability::kByCost && record.compute_time < kLongComputation);
}

absl::Status LmdbStore::Put(std::string_view key, const Record& record) {
  if (key.size() + record.value.size() > kLargestRecord) {
    return absl::ResourceExhaustedError(absl::StrCat(
        options_.environment.directory.string(), ": a record of ", key.size() + record.value.size(),
        " bytes is too large for this store, which takes up to ", kLargestRecord));
  }
  std::string envelope = SealEnvelope(key, record, options_.compression);
  Index index(key);
  return On([&](const Opened& here) {
    if (MayWait(record) && !here.environment->read_only()) {
      here.environment->group_commit().Add(index.place(options_.version),
                                           {std::move(envelope), options_.on_lost});
      return absl::OkStatus();
    }
    return WriteNow(here, index.place(options_.version), [&](MDB_txn* txn) {
      MDB_val bytes{envelope.size(), envelope.data()};
      return mdb_put(txn, here.database, index.val(), &bytes, 0);
    });
  });
}

// What waits under the same name is older.
absl::Status LmdbStore::WriteNow(const Opened& here, const Place& name,
                                 absl::FunctionRef<int(MDB_txn*)> body) {
  const auto is_name = [&](const Place& other) { return other == name; };
  return here.environment->group_commit().Instead(is_name,
                                                  [&] { return here.environment->Write(body); });
}

absl::StatusOr<bool> LmdbStore::Erase(std::string_view key) {
  Index index(key);
  bool erased = false;
  absl::Status status = On([&](const Opened& here) {
    if (!here.exists) return absl::OkStatus();
    bool waited = false;
    const auto drop = [&](const Place& other) {
      const bool same = other == index.place(options_.version);
      waited = waited || same;
      return same;
    };
    return here.environment->group_commit().Instead(drop, [&] {
      return here.environment->Write([&](MDB_txn* txn) {
        erased = waited;
        MDB_val bytes;
        int error = mdb_get(txn, here.database, index.val(), &bytes);
        if (error == MDB_NOTFOUND) return 0;
        if (error != 0) return error;
        // What cannot be read is as good as erased; only another key's record stays.
        const absl::StatusOr<bool> same = OpenEnvelope(ToView(bytes), key, [](const Record&) {});
        if (same.ok() && !*same) return 0;
        erased = true;
        return mdb_del(txn, here.database, index.val(), nullptr);
      });
    });
  });
  if (!status.ok()) return status;
  return erased;
}

absl::Status LmdbStore::Clear() {
  return On([&](const Opened& here) {
    const auto drop = [&](const Place& name) { return name.generation == options_.version; };
    return here.environment->group_commit().Instead(drop, [&] {
      return here.environment->Write([&](MDB_txn* txn) { return mdb_drop(txn, here.database, 0); });
    });
  });
}

absl::StatusOr<int64_t> LmdbStore::Size() {
  MDB_stat stat{};
  absl::Status status = On([&](const Opened& here) {
    if (!here.exists) return absl::OkStatus();
    here.environment->group_commit().Flush().IgnoreError();  // who put them has been told
    return here.environment->Read(
        [&](MDB_txn* txn) { return mdb_stat(txn, here.database, &stat); });
  });
  if (!status.ok()) return status;
  return static_cast<int64_t>(stat.ms_entries);
}

}  // namespace permacache::storage
