#include "tests/storage/kill_worker.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "permacache/storage/lmdb_environment.h"
#include "permacache/storage/prune.h"

namespace permacache::testing {

using storage::Compression;
using storage::Durability;
using storage::LmdbStore;
using storage::Record;
using storage::Store;

TorturedStores::TorturedStores(std::filesystem::path directory, size_t map_size,
                               Compression compression, Ledger& ledger)
    : directory_(std::move(directory)),
      map_size_(map_size),
      compression_(compression),
      ledger_(ledger) {}

LmdbStore& TorturedStores::Of(const EntryId& id, Durability durability) {
  std::unique_ptr<LmdbStore>& store = stores_[{id.folder(), id.version(), durability}];
  if (store == nullptr) store = Open(id, durability);
  return *store;
}

std::unique_ptr<LmdbStore> TorturedStores::Open(const EntryId& id, Durability durability) {
  absl::StatusOr<std::unique_ptr<LmdbStore>> store =
      LmdbStore::Open({.environment = {.directory = directory_ / std::to_string(id.folder()),
                                       .map_size = map_size_},
                       .version = id.version(),
                       .compression = compression_,
                       .durability = durability,
                       .on_lost = [this](const absl::Status& status) { Expect(status); }});
  if (!store.ok()) throw std::runtime_error(store.status().ToString());
  return *std::move(store);
}

bool TorturedStores::Has(const EntryId& id, uint64_t number, Durability durability) {
  bool same = false;
  const absl::StatusOr<bool> found = Of(id, durability).Get(id.key(), [&](const Record& record) {
    same = record.value == ValueOfNumber(number);
  });
  Expect(found.status());
  return found.ok() && (number == 0 ? !*found : same);
}

void TorturedStores::Expect(const absl::Status& status) {
  if (!status.ok()) Complain(status.ToString());
}

void TorturedStores::Complain(const std::string& what) {
  ++ledger_.wrong;
  std::cerr << "process " + std::to_string(getpid()) + ": " + what + "\n";
}

namespace {

class Worker {
 public:
  Worker(const std::filesystem::path& directory, Ledger& ledger, int process, int thread,
         uint64_t seed)
      : ledger_(ledger),
        mine_(ledger.threads[process][thread]),
        process_(process),
        thread_(thread),
        random_(seed),
        // The map has to grow, or not.
        stores_(directory, size_t{1} << (16 + 8 * (random_() % 3)),
                static_cast<Compression>(random_() % 2), ledger) {}

  [[noreturn]] void Run();

 private:
  // What a thread does, and how often compared with the rest.
  struct Operation {
    int weight;
    void (Worker::*run)();
  };
  static const Operation kOperations[];

  void PutDurably();
  void PutInAGroup();
  void EraseMine();
  void ClearMyVersion();
  void PruneMyVersion();
  void PruneCommon();
  void Compact();
  void CountMyVersion();
  void ReadMine();
  void ReadAnothers();
  void ReadCommon();
  void WriteCommon();

  EntryId AnyOfMine() { return {process_, thread_, static_cast<int>(random_() % kEntries)}; }
  EntryId AnyCommon() { return EntryId::Common(static_cast<int>(random_() % kCommonEntries)); }
  Durability AnyDurability() { return static_cast<Durability>(random_() % 3); }
  std::vector<EntryId> MyVersionInAnyFolder();

  void Begin(const std::vector<EntryId>& ids, bool puts);
  void Put(const EntryId& id, Durability durability, std::chrono::nanoseconds compute_time);
  void Acknowledge(const std::vector<EntryId>& ids);
  void Prune(const EntryId& id, const storage::PruneLimits& limits);
  void ReadWhatOthersWrite(const EntryId& id);
  void ExpectMine(const EntryId& id);

  Ledger& ledger_;
  ThreadLedger& mine_;
  const int process_;
  const int thread_;
  std::mt19937_64 random_;
  TorturedStores stores_;
};

const Worker::Operation Worker::kOperations[] = {
    {30, &Worker::PutDurably},    {10, &Worker::PutInAGroup},   {10, &Worker::EraseMine},
    {1, &Worker::ClearMyVersion}, {2, &Worker::CountMyVersion}, {30, &Worker::ReadMine},
    {15, &Worker::ReadAnothers},  {15, &Worker::ReadCommon},    {15, &Worker::WriteCommon},
    {1, &Worker::PruneMyVersion}, {2, &Worker::PruneCommon},    {1, &Worker::Compact},
};

void Worker::Run() {
  std::vector<int> weights;
  for (const Operation& operation : kOperations) weights.push_back(operation.weight);
  std::discrete_distribution<size_t> any(weights.begin(), weights.end());
  for (;;) {
    (this->*kOperations[any(random_)].run)();
    ++mine_.steps;
  }
}

void Worker::PutDurably() {
  const EntryId id = AnyOfMine();
  const bool costly = random_() % 2 == 0;
  Begin({id}, true);
  Put(id, costly ? Durability::kByCost : Durability::kSynced,
      std::chrono::milliseconds(costly ? 10 + random_() % 1000 : 0));
  Acknowledge({id});
}

void Worker::PutInAGroup() {
  std::vector<EntryId> ids;
  for (int entry = 0; entry < kEntries; ++entry) {
    if (random_() % 8 == 0) ids.push_back({process_, thread_, entry});
  }
  if (ids.empty()) return;
  Begin(ids, true);
  const Durability durability = random_() % 2 == 0 ? Durability::kByCost : Durability::kGrouped;
  for (const EntryId& id : ids) {
    Put(id, durability, std::chrono::milliseconds(random_() % 10));
    ++mine_.steps;
  }
  ExpectMine(ids.front());
  stores_.Expect(storage::SyncAllEnvironments());
  Acknowledge(ids);
}

void Worker::EraseMine() {
  const EntryId id = AnyOfMine();
  const bool was_there = ledger_[id].acknowledged != 0;
  Begin({id}, false);
  const absl::StatusOr<bool> erased = stores_.Of(id, AnyDurability()).Erase(id.key());
  stores_.Expect(erased.status());
  if (erased.ok() && *erased != was_there) stores_.Complain("Erase says what was not so");
  Acknowledge({id});
}

std::vector<EntryId> Worker::MyVersionInAnyFolder() {
  const int folder = static_cast<int>(random_() % kFolders);
  std::vector<EntryId> ids;
  for (int entry = 0; entry < kEntries; ++entry) {
    const EntryId id = {process_, thread_, entry};
    if (id.is_in_own_version() && id.folder() == folder) ids.push_back(id);
  }
  return ids;
}

void Worker::ClearMyVersion() {
  const std::vector<EntryId> ids = MyVersionInAnyFolder();
  Begin(ids, false);
  stores_.Expect(stores_.Of(ids.front(), AnyDurability()).Clear());
  Acknowledge(ids);
}

void Worker::PruneMyVersion() {
  const std::vector<EntryId> ids = MyVersionInAnyFolder();
  Begin(ids, false);
  Prune(ids.front(), {.max_bytes = 0});
  Acknowledge(ids);
}

void Worker::PruneCommon() { Prune(AnyCommon(), {.max_bytes = random_() % 1'000'000}); }

void Worker::Prune(const EntryId& id, const storage::PruneLimits& limits) {
  storage::Stores stores;
  stores.push_back(stores_.Open(id, AnyDurability()));
  stores_.Expect(
      storage::Prune(stores, limits, std::chrono::system_clock::now(), [this](int64_t, int64_t) {
        ++mine_.steps;
      }).status());
}

void Worker::Compact() {
  LmdbStore& store = stores_.Of(AnyOfMine(), AnyDurability());
  stores_.Expect(store.Compact([this](int64_t, int64_t) { ++mine_.steps; }));
}

void Worker::CountMyVersion() {
  const std::vector<EntryId> ids = MyVersionInAnyFolder();
  const int64_t expected =
      std::ranges::count_if(ids, [&](const EntryId& id) { return ledger_[id].acknowledged != 0; });
  const absl::StatusOr<int64_t> size = stores_.Of(ids.front(), AnyDurability()).Size();
  stores_.Expect(size.status());
  if (size.ok() && *size != expected) stores_.Complain("Size says what is not so");
}

void Worker::ReadMine() { ExpectMine(AnyOfMine()); }

void Worker::ReadAnothers() {
  const int process = static_cast<int>(random_() % kProcesses);
  ReadWhatOthersWrite({process, static_cast<int>(random_() % ThreadsOf(process)),
                       static_cast<int>(random_() % kEntries)});
}

void Worker::ReadCommon() { ReadWhatOthersWrite(AnyCommon()); }

void Worker::WriteCommon() {
  const EntryId id = AnyCommon();
  Store& store = stores_.Of(id, AnyDurability());
  if (random_() % 50 == 0) return stores_.Expect(store.Clear());
  if (random_() % 4 == 0) return stores_.Expect(store.Erase(id.key()).status());
  const std::string value = ValueOfNumber(NewNumber(id, random_));
  stores_.Expect(store.Put(id.key(), {.value = value}));
}

void Worker::Begin(const std::vector<EntryId>& ids, bool puts) {
  mine_.writes = true;
  for (const EntryId& id : ids) ledger_[id].begun = puts ? NewNumber(id, random_) : 0;
}

void Worker::Put(const EntryId& id, Durability durability, std::chrono::nanoseconds compute_time) {
  const std::string value = ValueOfNumber(ledger_[id].begun);
  stores_.Expect(
      stores_.Of(id, durability).Put(id.key(), {.value = value, .compute_time = compute_time}));
}

void Worker::Acknowledge(const std::vector<EntryId>& ids) {
  for (const EntryId& id : ids) ledger_[id].acknowledged = ledger_[id].begun.load();
  ledger_.acknowledged += ids.size();
  mine_.writes = false;
}

void Worker::ReadWhatOthersWrite(const EntryId& id) {
  const auto check = [&](const Record& record) {
    if (!IsValueOf(id, record.value)) stores_.Complain("nobody put this at " + id.key());
  };
  stores_.Expect(stores_.Of(id, AnyDurability()).Get(id.key(), check).status());
}

void Worker::ExpectMine(const EntryId& id) {
  if (!stores_.Has(id, ledger_[id].begun, AnyDurability())) {
    stores_.Complain("another value than was put last at " + id.key());
  }
}

}  // namespace

void WorkUntilKilled(const std::filesystem::path& directory, Ledger& ledger, int process,
                     int thread, uint64_t seed) {
  Worker(directory, ledger, process, thread, seed).Run();
}

}  // namespace permacache::testing
