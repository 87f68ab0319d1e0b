// What it takes to store a result, with a sync of the disk for each and with one for many, and to
// find one in memory.
//
//   ./bazelw run -c opt //benchmarks:storage_benchmark
//
// The caches are made in the folder for temporary files ($TEST_TMPDIR, $TMPDIR): name one on the
// disk that is meant.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "permacache/storage/lmdb_store.h"
#include "permacache/storage/memory_tier.h"
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

}  // namespace
}  // namespace permacache::storage
