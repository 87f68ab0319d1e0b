// What it takes to store and to find results: with a sync of the disk for each and with one for
// many; small ones in memory, in LMDB through the store and in LMDB by hand; large ones in LMDB's
// pages, in files, and as plain files.
//
//   ./bazelw run -c opt //benchmarks:storage_benchmark
//
// The caches are made in the folder for temporary files ($TEST_TMPDIR, $TMPDIR): name one on the
// disk that is meant.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "permacache/storage/envelope.h"
#include "permacache/storage/lmdb_store.h"
#include "permacache/storage/memory_tier.h"
#include "permacache/storage/record_value.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::storage {
namespace {

constexpr int kPuts = 1000;

// Until all are on the disk.
void PutMany(benchmark::State& state, Durability durability) {
  const testing::TemporaryDirectory directory;
  const std::unique_ptr<LmdbStore> store =
      LmdbStore::Open({.environment = {.directory = directory.path()}, .durability = durability})
          .value();
  const std::string value(100, 'v');
  int64_t number = 0;
  for (auto _ : state) {
    for (int i = 0; i < kPuts; ++i) {
      if (!store->Put(std::to_string(number++), {.value = value}).ok()) {
        state.SkipWithError("a result could not be stored");
      }
    }
    if (!SyncAllEnvironments().ok()) state.SkipWithError("the disk could not be synced");
  }
  state.SetItemsProcessed(state.iterations() * kPuts);
}

void PutSynced(benchmark::State& state) { PutMany(state, Durability::kSynced); }
BENCHMARK(PutSynced)->UseRealTime();

void PutGrouped(benchmark::State& state) { PutMany(state, Durability::kGrouped); }
BENCHMARK(PutGrouped)->UseRealTime();

// Threads that find the same records of 100 bytes, in an order of their own.
void FindInMemory(benchmark::State& state) {
  constexpr uint64_t kTxn = 1;
  const auto count = static_cast<size_t>(state.range(0));
  static MemoryTier* const tier = new MemoryTier(size_t{1} << 30);
  std::vector<std::string> keys;
  std::vector<Place> places;
  const std::string value(100, 'v');
  for (size_t i = 0; i < count; ++i) {
    keys.push_back("{\"angle\": 0.25, \"number\": " + std::to_string(i) + "}");
    places.push_back({0, DigestOfKey(keys.back())});
    tier->Insert(places.back(), keys.back(), {.value = value}, kTxn);
  }
  size_t i = static_cast<size_t>(state.thread_index()) * count / 2;
  for (auto _ : state) {
    i = (i + 1) % count;
    size_t size = 0;
    if (!tier->Find(places[i], keys[i], kTxn, [&](const Record& r) { size = r.value.size(); })) {
      state.SkipWithError("a record is not in memory");
    }
    benchmark::DoNotOptimize(size);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(FindInMemory)->Arg(100)->Arg(100'000)->ThreadRange(1, 2)->UseRealTime();

// Hot records: some thousand results of 100 bytes, of which one is asked for again and again, or
// each in turn.

constexpr int kHotEntries = 10'000;

std::string HotKey(int i) { return "{\"angle\": 0.25, \"number\": " + std::to_string(i) + "}"; }

std::unique_ptr<LmdbStore> MakeHotStore(const std::filesystem::path& directory,
                                        size_t memory_bytes) {
  auto store =
      LmdbStore::Open({.environment = {.directory = directory, .memory_bytes = memory_bytes},
                       .durability = Durability::kGrouped});
  const std::string value(100, 'v');
  for (int i = 0; i < kHotEntries; ++i) {
    if (!(*store)->Put(HotKey(i), {.value = value}).ok()) std::abort();
  }
  if (!SyncAllEnvironments().ok()) std::abort();
  return *std::move(store);
}

// The same as the store does at least: digest, look up, check the envelope and the key, copy out.
void GetHotByHand(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  MakeHotStore(directory.path(), 0).reset();
  MDB_env* env;
  MDB_txn* txn;
  MDB_dbi database;
  if (mdb_env_create(&env) != 0 || mdb_env_set_maxdbs(env, 4) != 0 ||
      mdb_env_set_mapsize(env, size_t{1} << 32) != 0 ||
      mdb_env_open(env, directory.path().c_str(), MDB_NOTLS | MDB_RDONLY, 0600) != 0 ||
      mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn) != 0 ||
      mdb_dbi_open(txn, "0", 0, &database) != 0 || mdb_txn_commit(txn) != 0 ||
      mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn) != 0) {
    return state.SkipWithError("LMDB cannot open the file");
  }
  mdb_txn_reset(txn);
  std::vector<std::string> keys;
  for (int i = 0; i < kHotEntries; ++i) keys.push_back(HotKey(i));
  std::string value;
  const int64_t count = state.range(0);
  int64_t i = 0;
  for (auto _ : state) {
    const std::string& key = keys[i++ % count];
    mdb_txn_renew(txn);
    KeyDigest digest = DigestOfKey(key);
    MDB_val index = ToVal(digest), bytes;
    if (mdb_get(txn, database, &index, &bytes) != 0 ||
        !*OpenEnvelope(ToView(bytes), key, [&](const Record& r) { value = r.value; })) {
      state.SkipWithError("a record is not there");
    }
    mdb_txn_reset(txn);
    benchmark::DoNotOptimize(value);
  }
  mdb_txn_abort(txn);
  mdb_env_close(env);
}
BENCHMARK(GetHotByHand)->Arg(1)->Arg(kHotEntries);

void GetHot(benchmark::State& state, size_t memory_bytes) {
  const testing::TemporaryDirectory directory;
  const std::unique_ptr<LmdbStore> store = MakeHotStore(directory.path(), memory_bytes);
  std::vector<std::string> keys;
  for (int i = 0; i < kHotEntries; ++i) keys.push_back(HotKey(i));
  std::string value;
  const int64_t count = state.range(0);
  int64_t i = 0;
  for (auto _ : state) {
    if (!*store->Get(keys[i++ % count], [&](const Record& r) { value = r.value; })) {
      state.SkipWithError("a record is not there");
    }
    benchmark::DoNotOptimize(value);
  }
}

void GetHotFromMemory(benchmark::State& state) { GetHot(state, size_t{64} << 20); }
BENCHMARK(GetHotFromMemory)->Arg(1)->Arg(kHotEntries);

void GetHotFromLmdb(benchmark::State& state) { GetHot(state, 0); }
BENCHMARK(GetHotFromLmdb)->Arg(1)->Arg(kHotEntries);

// Large values, which no compression makes smaller. ValueFiles::kLeastSize follows from these.

std::string Incompressible(size_t size) {
  std::mt19937_64 random(1);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

constexpr Place kPlace = {.generation = 0, .digest = {1, 2, 3}};

enum class Where { kPages, kFile };

// A record whose value lies where it is told to.
GroupCommit::Batch MakeBatch(LmdbEnvironment& environment, const std::string& value, Where where) {
  GroupCommit::Entry entry;
  Envelope envelope{.key = "key", .value_size = value.size(), .stored = value};
  std::string reference;
  if (where == Where::kFile) {
    entry.value_file = environment.value_files().Write(kPlace, value).value();
    reference = entry.value_file->reference().ToBytes();
    envelope.in_file = true;
    envelope.stored = reference;
  }
  entry.bytes = SealEnvelope(envelope);
  GroupCommit::Batch batch;
  batch.entries[kPlace] = std::make_shared<const GroupCommit::Entry>(std::move(entry));
  return batch;
}

void PutLarge(benchmark::State& state, Where where) {
  const testing::TemporaryDirectory directory;
  const auto environment = LmdbEnvironment::Acquire({.directory = directory.path()}).value();
  const std::string value = Incompressible(state.range(0));
  for (auto _ : state) {
    if (!environment->WriteBatch(MakeBatch(*environment, value, where)).ok()) {
      state.SkipWithError("a value cannot be stored");
    }
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void GetLarge(benchmark::State& state, Where where) {
  const testing::TemporaryDirectory directory;
  const auto environment = LmdbEnvironment::Acquire({.directory = directory.path()}).value();
  const std::string value = Incompressible(state.range(0));
  const MDB_dbi database = environment->OpenGeneration(0).value();
  if (!environment->WriteBatch(MakeBatch(*environment, value, where)).ok()) {
    return state.SkipWithError("a value cannot be stored");
  }
  // What is visited lies in memory, checked; what a program does with it is another matter.
  const auto visit = [&](const Record& record) { benchmark::DoNotOptimize(record.value.data()); };
  for (auto _ : state) {
    std::string in_file;
    const absl::Status status = environment->Read([&](MDB_txn* txn) {
      MDB_val index = ToVal(kPlace.digest), bytes;
      const int error = mdb_get(txn, database, &index, &bytes);
      if (error != 0) return error;
      if (where == Where::kFile) {
        in_file = ToView(bytes);
      } else if (!*OpenEnvelope(ToView(bytes), "key", visit)) {
        return ENOENT;
      }
      return 0;
    });
    if (!status.ok() || (where == Where::kFile &&
                         !VisitFile(environment->value_files(), kPlace, in_file, visit).ok())) {
      state.SkipWithError("a value cannot be read");
    }
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void LargeSizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->RangeMultiplier(4)->Range(16 << 10, 64 << 20)->UseRealTime();
}

void PutInPages(benchmark::State& state) { PutLarge(state, Where::kPages); }
BENCHMARK(PutInPages)->Apply(LargeSizes);

void PutInFile(benchmark::State& state) { PutLarge(state, Where::kFile); }
BENCHMARK(PutInFile)->Apply(LargeSizes);

void PlainFileWrite(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  const std::string value = Incompressible(state.range(0));
  const std::filesystem::path path = directory.path() / "file";
  for (auto _ : state) {
    // A new file each time, as the others write new ones.
    unlink(path.c_str());
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (write(fd, value.data(), value.size()) != state.range(0) || fsync(fd) != 0) {
      state.SkipWithError("a file cannot be written");
    }
    close(fd);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(PlainFileWrite)->Apply(LargeSizes);

void GetFromPages(benchmark::State& state) { GetLarge(state, Where::kPages); }
BENCHMARK(GetFromPages)->Apply(LargeSizes);

void GetFromFile(benchmark::State& state) { GetLarge(state, Where::kFile); }
BENCHMARK(GetFromFile)->Apply(LargeSizes);

void PlainFileRead(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  const std::string value = Incompressible(state.range(0));
  const std::filesystem::path path = directory.path() / "file";
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (write(fd, value.data(), value.size()) != state.range(0)) {
    state.SkipWithError("a file cannot be written");
  }
  close(fd);
  std::string copy(value.size(), '\0');
  for (auto _ : state) {
    const int reading = open(path.c_str(), O_RDONLY);
    if (read(reading, copy.data(), copy.size()) != state.range(0)) {
      state.SkipWithError("a file cannot be read");
    }
    close(reading);
    benchmark::DoNotOptimize(copy);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(PlainFileRead)->Apply(LargeSizes);

}  // namespace
}  // namespace permacache::storage
