#include "permacache/storage/lmdb_store.h"

#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "permacache/storage/coarse_clock.h"
#include "permacache/storage/key_digest.h"
#include "permacache/storage/last_use.h"
#include "permacache/storage/lmdb_scan.h"
#include "permacache/storage/record_value.h"

namespace permacache::storage {
namespace {

// What took so long to compute is worth a sync of the disk of its own.
constexpr auto kLongComputation = std::chrono::milliseconds(10);

// LMDB keeps records in pages that must follow each other, and in memory until they are committed.
constexpr size_t kLargestKey = size_t{1} << 30;

// An environment may be replaced as soon as it is open, and the file of a value between the look at
// its record and at the file itself.
constexpr int kAttempts = 100;

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
  for (int attempt = 1;; ++attempt) {
    absl::StatusOr<std::unique_ptr<Opened>> opened = TryOpenHere();
    if (!absl::IsAborted(opened.status()) || attempt == kAttempts) return opened;
  }
}

absl::StatusOr<std::unique_ptr<LmdbStore::Opened>> LmdbStore::TryOpenHere() const {
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
  for (int attempt = 1;; ++attempt) {
    const absl::StatusOr<Opened*> here = Here();
    if (!here.ok()) return here.status();
    absl::Status status = operate(**here);
    if (!absl::IsAborted(status) || attempt == kAttempts) return status;
    status = Reopen(*here);
    if (!status.ok()) return status;
  }
}

absl::Status LmdbStore::Annotate(const absl::Status& status) const {
  return absl::Status(
      status.code(), absl::StrCat(options_.environment.directory.string(), ": ", status.message()));
}

absl::StatusOr<bool> LmdbStore::Get(std::string_view key,
                                    absl::FunctionRef<void(const Record&)> visit) {
  const Place place = PlaceOf(key);
  absl::StatusOr<bool> found = false;
  const absl::Status status = On([&](const Opened& here) {
    if (!here.exists) return absl::OkStatus();
    return GetHere(here, place, key, visit, &found);
  });
  if (!status.ok()) return status;
  if (!found.ok()) return Annotate(found.status());
  return found;
}

// Returns what is wrong with the environment; `found` is the outcome.
absl::Status LmdbStore::GetHere(const Opened& here, const Place& place, std::string_view key,
                                absl::FunctionRef<void(const Record&)> visit,
                                absl::StatusOr<bool>* found) {
  const ValueFiles& files = here.environment->value_files();
  GroupCommit& group_commit = here.environment->group_commit();
  if (!group_commit.empty() && group_commit.Find(place, [&](std::string_view bytes) {
        Rest rest;
        *found = OpenRecord(bytes, key, visit, &rest);
        if (!rest.in_file.empty()) *found = VisitFile(files, place, rest.in_file, visit);
      })) {
    return absl::OkStatus();
  }
  if (here.environment->FindInMemory(place, key, visit)) {
    *found = true;
    return absl::OkStatus();
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Rest rest;
    const absl::Status status = here.environment->Read([&](MDB_txn* txn) {
      MDB_val index = ToVal(place.digest), bytes;
      const int error = mdb_get(txn, here.database, &index, &bytes);
      const auto keep_and_visit = [&](const Record& record) {
        here.environment->KeepInMemory(txn, place, key, record);
        visit(record);
      };
      if (error == 0) *found = OpenRecord(ToView(bytes), key, keep_and_visit, &rest);
      if (error == MDB_NOTFOUND) *found = false;
      return error == MDB_NOTFOUND ? 0 : error;
    });
    if (rest.use_is_to_be_noted && !here.environment->read_only()) group_commit.NoteUse(place);
    if (!status.ok() || rest.in_file.empty()) return status;
    *found = VisitFile(files, place, rest.in_file, visit);
    if (!absl::IsNotFound(found->status())) return absl::OkStatus();
  }
  *found = absl::DataLossError(
      absl::StrCat("the file of a value is missing: ", found->status().message()));
  return absl::OkStatus();
}

// Whether this is the record of `key`. Visits it, unless its value lies in a file.
absl::StatusOr<bool> LmdbStore::OpenRecord(std::string_view bytes, std::string_view key,
                                           absl::FunctionRef<void(const Record&)> visit,
                                           Rest* rest) {
  const absl::StatusOr<Envelope> envelope = ParseEnvelope(bytes);
  if (!envelope.ok()) return envelope.status();
  if (envelope->key != key) return false;
  rest->use_is_to_be_noted = IsToBeNoted(envelope->last_used, CoarseNow());
  if (!envelope->in_file) return VisitValue(*envelope, envelope->stored, visit);
  rest->in_file = bytes;
  return true;
}

bool LmdbStore::MayWait(const Record& record) const {
  return options_.durability == Durability::kGrouped ||
         (options_.durability == Durability::kByCost && record.compute_time < kLongComputation);
}

absl::Status LmdbStore::Put(std::string_view key, const Record& record) {
  if (key.size() > kLargestKey) {
    return Annotate(absl::ResourceExhaustedError(
        absl::StrCat("a key of ", key.size(),
                     " bytes is too large for this store, which takes up to ", kLargestKey)));
  }
  const PackedValue packed(record.value, options_.compression);
  return On([&](const Opened& here) {
    absl::StatusOr<GroupCommit::Entry> entry = Seal(here, key, record, packed);
    if (!entry.ok()) return entry.status();
    if (MayWait(record) && !here.environment->read_only()) {
      here.environment->group_commit().Add(PlaceOf(key), *std::move(entry));
      return absl::OkStatus();
    }
    return WriteNow(here, PlaceOf(key), *std::move(entry));
  });
}

// A record that is to be written; a large value is in its file already.
absl::StatusOr<GroupCommit::Entry> LmdbStore::Seal(const Opened& here, std::string_view key,
                                                   const Record& record,
                                                   const PackedValue& packed) const {
  GroupCommit::Entry entry{.bytes = {}, .value_file = {}, .on_lost = options_.on_lost};
  Envelope envelope{.key = key,
                    .created = record.created,
                    .compute_time = record.compute_time,
                    .last_used = record.created,
                    .compression = packed.compression(),
                    .value_size = packed.value_size(),
                    .stored = packed.stored()};
  std::string reference;
  if (packed.stored().size() >= options_.least_file_size) {
    absl::StatusOr<std::shared_ptr<ValueFiles::Written>> file =
        here.environment->value_files().Write(PlaceOf(key), packed.stored());
    if (!file.ok()) return file.status();
    entry.value_file = *std::move(file);
    reference = entry.value_file->reference().ToBytes();
    envelope.in_file = true;
    envelope.stored = reference;
  }
  entry.bytes = SealEnvelope(envelope);
  return entry;
}

// What waits under the same name is older.
absl::Status LmdbStore::WriteNow(const Opened& here, const Place& place, GroupCommit::Entry entry) {
  GroupCommit::Batch batch;
  batch.entries[place] = std::make_shared<const GroupCommit::Entry>(std::move(entry));
  const auto is_same = [&](const Place& other) { return other == place; };
  return here.environment->group_commit().Instead(
      is_same, [&] { return here.environment->WriteBatch(batch); });
}

absl::StatusOr<bool> LmdbStore::Erase(std::string_view key) {
  const Place place = PlaceOf(key);
  bool erased = false, waited = false;
  const absl::Status status = On([&](const Opened& here) {
    if (!here.exists) return absl::OkStatus();
    const auto drop = [&](const Place& other) {
      waited = waited || other == place;
      return other == place;
    };
    return here.environment->group_commit().Instead(drop, [&] {
      return here.environment->WriteEntries([&](LmdbEntries& entries) {
        erased = waited;
        return entries.EraseIf(here.database, place, [&](std::string_view bytes) {
          // What cannot be read is as good as erased; only another key's record stays.
          const absl::StatusOr<Envelope> envelope = ParseEnvelope(bytes);
          const bool accepted = !envelope.ok() || envelope->key == key;
          erased = erased || accepted;
          return accepted;
        });
      });
    });
  });
  if (!status.ok()) return status;
  return erased;
}

absl::Status LmdbStore::Clear() {
  return On([&](const Opened& here) {
    if (!here.exists) return absl::OkStatus();
    const auto drop = [&](const Place& place) { return place.generation == options_.version; };
    return here.environment->group_commit().Instead(drop, [&] {
      return here.environment->WriteEntries(
          [&](LmdbEntries& entries) { return entries.Clear(here.database, options_.version); });
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

absl::Status LmdbStore::Compact(OnProgress progress) {
  return On([&](const Opened& here) { return here.environment->Compact(progress); });
}

absl::Status LmdbStore::ForEach(Depth depth, absl::FunctionRef<Verdict(const EntryInfo&)> visit) {
  LmdbScan scan(options_.version, depth);
  for (;;) {
    absl::Status status = On([&](const Opened& here) {
      here.environment->group_commit().Flush().IgnoreError();  // who put them has been told
      return here.exists ? scan.LookAtSome(*here.environment, here.database) : absl::OkStatus();
    });
    if (!status.ok() || scan.seen().empty()) return status;
    std::vector<const LmdbScan::Seen*> to_remove;
    for (const LmdbScan::Seen& seen : scan.seen()) {
      EntryInfo info = seen.info;
      if (!info.status.ok()) info.status = Annotate(info.status);
      if (visit(info) == Verdict::kRemove) to_remove.push_back(&seen);
    }
    if (to_remove.empty()) continue;
    status = On([&](const Opened& here) {
      return LmdbScan::Erase(*here.environment, here.database, to_remove);
    });
    if (!status.ok()) return status;
  }
}

}  // namespace permacache::storage
