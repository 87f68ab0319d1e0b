// What it takes to store a result, with a sync of the disk for each and with one for many.
//
//   ./bazelw run -c opt //benchmarks:storage_benchmark
//
// The caches are made in the folder for temporary files ($TEST_TMPDIR, $TMPDIR): name one on the
// disk that is meant.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <string>

#include "permacache/storage/lmdb_store.h"
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

}  // namespace
}  // namespace permacache::storage
