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

void NoteUse(LmdbEnvironment& environment, const Place& place) {
  if (!environment.read_only()) environment.group_commit().NoteUse(place);
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
  return std::make_unique<Opened>(Opened{fork_count, *std::move(environment)});
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

absl::Status LmdbStore::OnDatabase(
    absl::FunctionRef<absl::Status(const Opened&, MDB_dbi)> operate) {
  return On([&](const Opened& here) {
    const absl::StatusOr<MDB_dbi> database = here.environment->OpenGeneration(options_.version);
    if (absl::IsNotFound(database.status())) return absl::OkStatus();
    return database.ok() ? operate(here, *database) : database.status();
  });
}

absl::Status LmdbStore::Annotate(const absl::Status& status) const {
  return absl::Status(
      status.code(), absl::StrCat(options_.environment.directory.string(), ": ", status.message()));
}

std::optional<StoreState> LmdbStore::State() {
  const Opened* opened = opened_.load(std::memory_order_acquire);
  if (opened->fork_count != ForkCount()) return std::nullopt;
  return opened->environment->State();
}

absl::StatusOr<bool> LmdbStore::Get(std::string_view key,
                                    absl::FunctionRef<void(const Record&)> visit) {
  const Place place = PlaceOf(key);
  absl::StatusOr<bool> found = false;
  const absl::Status status =
      On([&](const Opened& here) { return GetHere(here, place, key, visit, &found); });
  if (!status.ok()) return status;
  if (!found.ok()) return Annotate(found.status());
  return found;
}

// Returns what is wrong with the environment; `found` is the outcome.
absl::Status LmdbStore::GetHere(const Opened& here, const Place& place, std::string_view key,
                                absl::FunctionRef<void(const Record&)> visit,
                                absl::StatusOr<bool>* found) {
  if (GetFromMemory(here, place, key, visit, found)) return absl::OkStatus();
  LmdbEnvironment& environment = *here.environment;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Rest rest;
    const absl::Status status = environment.LookUp([&](LmdbSnapshot& snapshot) {
      return GetFromDisk(snapshot, here, place, key, visit, found, &rest);
    });
    if (rest.use_is_to_be_noted && options_.notes_uses) NoteUse(environment, place);
    if (!status.ok() || rest.in_file.empty()) return status;
    *found = VisitFile(environment.value_files(), place, rest.in_file, visit);
    if (!absl::IsNotFound(found->status())) return absl::OkStatus();
  }
  *found = absl::DataLossError(
      absl::StrCat("the file of a value is missing: ", found->status().message()));
  return absl::OkStatus();
}

// Whether this process knows the outcome, as the record waits to be written or was read lately.
bool LmdbStore::GetFromMemory(const Opened& here, const Place& place, std::string_view key,
                              absl::FunctionRef<void(const Record&)> visit,
                              absl::StatusOr<bool>* found) {
  LmdbEnvironment& environment = *here.environment;
  if (!environment.group_commit().empty()) {
    const auto visit_waiting = [&](const Record& record) {
      Record waiting = record;
      waiting.from_memory = true;
      visit(waiting);
    };
    const auto open = [&](std::string_view bytes) {
      Rest rest;
      *found = OpenRecord(bytes, key, visit_waiting, &rest);
      if (rest.in_file.empty()) return;
      *found = VisitFile(environment.value_files(), place, rest.in_file, visit_waiting);
    };
    if (environment.group_commit().Find(place, open)) return true;
  }
  if (!environment.FindInMemory(place, key, visit)) return false;
  *found = true;
  return true;
}

// Returns LMDB's error code, 0 for none, also if there is no record.
int LmdbStore::GetFromDisk(LmdbSnapshot& snapshot, const Opened& here, const Place& place,
                           std::string_view key, absl::FunctionRef<void(const Record&)> visit,
                           absl::StatusOr<bool>* found, Rest* rest) {
  std::string_view bytes;
  const int error = snapshot.Find(place, &bytes);
  const auto keep_and_visit = [&](const Record& record) {
    Record found_now = record;
    found_now.state = here.environment->KeepInMemory(snapshot.transaction(), place, key, record);
    visit(found_now);
  };
  if (error == 0) *found = OpenRecord(bytes, key, keep_and_visit, rest);
  if (error == MDB_NOTFOUND) *found = false;
  return error == MDB_NOTFOUND ? 0 : error;
}

struct LmdbStore::Search {
  size_t index;
  std::string_view key;
  Place place;
  Rest rest = {};
  bool is_done = false;
};

absl::Status LmdbStore::GetMany(std::span<const std::string> keys,
                                absl::FunctionRef<void(size_t index, const Record&)> visit) {
  std::vector<Search> searches;
  searches.reserve(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) searches.push_back({i, keys[i], PlaceOf(keys[i])});
  absl::Status trouble;
  const absl::Status status = On([&](const Opened& here) {
    absl::Status found = GetManyHere(here, &searches, visit, &trouble);
    if (!options_.notes_uses) here.environment->LetGoOfPages();
    return found;
  });
  return status.ok() ? trouble : status;
}

// Returns what is wrong with the environment. Leaves what is yet to be found in one that replaces
// it.
absl::Status LmdbStore::GetManyHere(const Opened& here, std::vector<Search>* searches,
                                    absl::FunctionRef<void(size_t index, const Record&)> visit,
                                    absl::Status* trouble) {
  LmdbEnvironment& environment = *here.environment;
  const auto finish = [&](Search& search, const absl::StatusOr<bool>& found) {
    search.is_done = true;
    if (!found.ok()) trouble->Update(TroubleOf("keys", search.index, Annotate(found.status())));
  };
  const auto drop_finished = [&] {
    std::erase_if(*searches, [](const Search& search) { return search.is_done; });
  };
  for (Search& search : *searches) {
    absl::StatusOr<bool> found = false;
    const auto visit_it = [&](const Record& record) { visit(search.index, record); };
    if (GetFromMemory(here, search.place, search.key, visit_it, &found)) finish(search, found);
  }
  drop_finished();
  if (searches->empty()) return absl::OkStatus();

  absl::Status status = environment.LookUp([&](LmdbSnapshot& snapshot) {
    for (Search& search : *searches) {
      if (search.is_done) continue;
      absl::StatusOr<bool> found = false;
      const auto visit_it = [&](const Record& record) { visit(search.index, record); };
      search.rest = {};
      const int error =
          GetFromDisk(snapshot, here, search.place, search.key, visit_it, &found, &search.rest);
      if (error != 0) return error;
      if (search.rest.in_file.empty()) finish(search, found);
    }
    return 0;
  });
  for (const Search& search : *searches) {
    if (search.rest.use_is_to_be_noted && options_.notes_uses) NoteUse(environment, search.place);
  }
  drop_finished();
  // That the way to one of them is damaged shall not cost the others.
  const bool one_by_one = absl::IsDataLoss(status);
  if (one_by_one) status = absl::OkStatus();
  for (Search& search : *searches) {
    if (!status.ok()) break;
    absl::StatusOr<bool> found = false;
    const auto visit_it = [&](const Record& record) { visit(search.index, record); };
    if (!one_by_one) {
      found = VisitFile(environment.value_files(), search.place, search.rest.in_file, visit_it);
    }
    // It may have been replaced meanwhile.
    if (one_by_one || absl::IsNotFound(found.status())) {
      status = GetHere(here, search.place, search.key, visit_it, &found);
    }
    if (absl::IsDataLoss(status)) found = std::exchange(status, absl::OkStatus());
    if (status.ok()) finish(search, found);
  }
  drop_finished();
  return status;
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

bool LmdbStore::MayWait(std::chrono::nanoseconds compute_time) const {
  return options_.durability == Durability::kGrouped ||
         (options_.durability == Durability::kByCost && compute_time < kLongComputation);
}

absl::Status LmdbStore::CheckKey(std::string_view key) const {
  if (key.size() <= kLargestKey) return absl::OkStatus();
  return Annotate(absl::ResourceExhaustedError(
      absl::StrCat("a key of ", key.size(),
                   " bytes is too large for this store, which takes up to ", kLargestKey)));
}

absl::Status LmdbStore::Put(std::string_view key, const Record& record) {
  if (absl::Status status = CheckKey(key); !status.ok()) return status;
  const PackedValue packed(record.value, options_.compression);
  return On([&](const Opened& here) {
    absl::StatusOr<GroupCommit::Entry> entry = Seal(here, key, record, packed);
    if (!entry.ok()) return entry.status();
    if (MayWait(record.compute_time) && !here.environment->read_only()) {
      WriteSoon(here, PlaceOf(key), *std::move(entry), record);
      return absl::OkStatus();
    }
    GroupCommit::Batch batch;
    batch.entries[PlaceOf(key)] = std::make_shared<const GroupCommit::Entry>(*std::move(entry));
    return WriteNow(here, batch);
  });
}

absl::Status LmdbStore::PutMany(std::span<const KeyedRecord> entries, bool synced) {
  std::chrono::nanoseconds compute_time(0);
  for (const KeyedRecord& entry : entries) compute_time += entry.record.compute_time;
  const bool may_wait = !synced && MayWait(compute_time);
  absl::Status trouble;
  const absl::Status status = On([&](const Opened& here) {
    trouble = absl::OkStatus();
    const bool waits = may_wait && !here.environment->read_only();
    GroupCommit::Batch batch;
    for (size_t i = 0; i < entries.size(); ++i) {
      const auto& [key, record] = entries[i];
      absl::Status status = CheckKey(key);
      if (!status.ok()) {
        trouble.Update(TroubleOf("entries", i, status));
        continue;
      }
      const PackedValue packed(record.value, options_.compression);
      absl::StatusOr<GroupCommit::Entry> entry = Seal(here, key, record, packed);
      if (!entry.ok()) {
        trouble.Update(TroubleOf("entries", i, entry.status()));
      } else if (waits) {
        WriteSoon(here, PlaceOf(key), *std::move(entry), record);
      } else {
        batch.entries[PlaceOf(key)] = std::make_shared<const GroupCommit::Entry>(*std::move(entry));
      }
    }
    return batch.empty() ? absl::OkStatus() : WriteNow(here, batch);
  });
  return status.ok() ? trouble : status;
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
        here.environment->value_files().Write(
            PlaceOf(key), packed.stored(),
            packed.compression() == Compression::kNone ? record.file : -1);
    if (!file.ok()) return file.status();
    entry.value_file = *std::move(file);
    reference = entry.value_file->reference().ToBytes();
    envelope.in_file = true;
    envelope.stored = reference;
  }
  entry.bytes = SealEnvelope(envelope);
  return entry;
}

void LmdbStore::WriteSoon(const Opened& here, const Place& place, GroupCommit::Entry entry,
                          const Record& record) {
  entry.held = record.held;
  here.environment->group_commit().Add(place, std::move(entry));
}

// What waits under the same names is older.
absl::Status LmdbStore::WriteNow(const Opened& here, const GroupCommit::Batch& batch) {
  const auto is_same = [&](const Place& place) { return batch.entries.contains(place); };
  return here.environment->group_commit().Instead(
      is_same, [&] { return here.environment->WriteBatch(batch); });
}

absl::StatusOr<bool> LmdbStore::Erase(std::string_view key) {
  const Place place = PlaceOf(key);
  bool erased = false, waited = false;
  const absl::Status status = On([&](const Opened& here) {
    const auto drop = [&](const Place& other) {
      waited = waited || other == place;
      return other == place;
    };
    return here.environment->group_commit().Instead(drop, [&] {
      return here.environment->WriteEntries([&](LmdbEntries& entries) {
        erased = waited;
        return entries.EraseIf(place, [&](std::string_view bytes) {
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
    const auto drop = [&](const Place& place) { return place.generation == options_.version; };
    return here.environment->group_commit().Instead(drop, [&] {
      return here.environment->WriteEntries(
          [&](LmdbEntries& entries) { return entries.Clear(options_.version); });
    });
  });
}

absl::StatusOr<int64_t> LmdbStore::Size() {
  MDB_stat stat{};
  absl::Status status = OnDatabase([&](const Opened& here, MDB_dbi database) {
    here.environment->group_commit().Flush().IgnoreError();  // who put them has been told
    return here.environment->Read([&](MDB_txn* txn) { return mdb_stat(txn, database, &stat); });
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
      return scan.LookAtSome(*here.environment);
    });
    if (!status.ok() || scan.seen().empty()) return status;
    std::vector<const LmdbScan::Seen*> to_remove;
    bool is_over = false;
    const auto judge = [&](const LmdbScan::Seen& seen, EntryInfo info) {
      if (!info.status.ok()) info.status = Annotate(info.status);
      const Verdict verdict = visit(info);
      if (verdict == Verdict::kRemove) to_remove.push_back(&seen);
      is_over = verdict == Verdict::kStop;
    };
    for (auto seen = scan.seen().begin(); seen != scan.seen().end() && !is_over; ++seen) {
      status = On([&](const Opened& here) {
        return scan.Visit(*here.environment, *seen,
                          [&](const EntryInfo& info) { judge(*seen, info); });
      });
      if (!status.ok()) return status;
    }
    if (!to_remove.empty()) {
      status =
          On([&](const Opened& here) { return LmdbScan::Erase(*here.environment, to_remove); });
    }
    if (!status.ok() || is_over) return status;
  }
}

}  // namespace permacache::storage
