// What it takes to open a cache that is on the disk and to find in it what this process has not
// read before, by LMDB's store and by LMDB alone.
//
//   ./bazelw run -c opt //benchmarks:open_benchmark
//
// The cache is made in the folder for temporary files ($TEST_TMPDIR, $TMPDIR), of as many results
// as $PERMACACHE_BENCHMARK_ENTRIES says, or a million.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "permacache/storage/envelope.h"
#include "permacache/storage/lmdb_store.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::storage {
namespace {

int64_t Entries() {
  const char* given = std::getenv("PERMACACHE_BENCHMARK_ENTRIES");
  return given == nullptr ? 1'000'000 : std::stoll(given);
}

std::string Key(int64_t i) { return "{\"angle\": 0.25, \"number\": " + std::to_string(i) + "}"; }

// The cache's folder. It is made by the first who asks and goes with the process.
const std::filesystem::path& Directory() {
  static const testing::TemporaryDirectory directory;
  static const bool is_made = [] {
    const auto store = LmdbStore::Open(
        {.environment = {.directory = directory.path()}, .durability = Durability::kGrouped});
    const std::string value(100, 'v');
    for (int64_t i = 0; i < Entries(); ++i) {
      if (!(*store)->Put(Key(i), {.value = value}).ok()) std::abort();
    }
    return SyncAllEnvironments().ok();
  }();
  if (!is_made) std::abort();
  return directory.path();
}

// All of them, in an order in which none is near the one before.
class Walk {
 public:
  std::string Next() {
    at_ = (at_ + kStride) % Entries();
    return Key(at_);
  }

 private:
  static constexpr int64_t kStride = 7'654'321;  // a prime
  int64_t at_ = 0;
};

std::unique_ptr<LmdbStore> OpenStore() {
  return LmdbStore::Open({.environment = {.directory = Directory(), .memory_bytes = 0}}).value();
}

bool GetFrom(LmdbStore& store, const std::string& key, std::string* value) {
  return store.Get(key, [&](const Record& record) { *value = record.value; }).value_or(false);
}

// The same as the store does at least.
class ByHand {
 public:
  ByHand() {
    is_open_ = mdb_env_create(&env_) == 0 && mdb_env_set_maxdbs(env_, 4) == 0 &&
               mdb_env_set_mapsize(env_, size_t{1} << 36) == 0 &&
               mdb_env_open(env_, Directory().c_str(), MDB_NOTLS, 0600) == 0 &&
               mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn_) == 0 &&
               mdb_dbi_open(txn_, "0", 0, &database_) == 0;
  }
  ByHand(const ByHand&) = delete;
  ByHand& operator=(const ByHand&) = delete;
  ~ByHand() {
    mdb_txn_abort(txn_);
    mdb_env_close(env_);
  }

  bool Get(const std::string& key, std::string* value) {
    if (!is_open_) return false;
    const KeyDigest digest = DigestOfKey(key);
    MDB_val index = ToVal(digest), bytes;
    return mdb_get(txn_, database_, &index, &bytes) == 0 &&
           *OpenEnvelope(ToView(bytes), key, [&](const Record& r) { *value = r.value; });
  }

 private:
  bool is_open_ = false;
  MDB_env* env_ = nullptr;
  MDB_txn* txn_ = nullptr;
  MDB_dbi database_ = 0;
};

void OpenAndGet(benchmark::State& state) {
  Directory();
  Walk walk;
  std::string value;
  for (auto _ : state) {
    const std::string key = walk.Next();
    if (!GetFrom(*OpenStore(), key, &value)) state.SkipWithError("a record is not there");
  }
}
BENCHMARK(OpenAndGet);

void OpenAndGetByHand(benchmark::State& state) {
  Directory();
  Walk walk;
  std::string value;
  for (auto _ : state) {
    const std::string key = walk.Next();
    if (!ByHand().Get(key, &value)) state.SkipWithError("a record is not there");
  }
}
BENCHMARK(OpenAndGetByHand);

// Each key once, so that most of them lie on a page that this process has not touched.
constexpr int kFirstGets = 20'000;

void GetFirst(benchmark::State& state) {
  const auto store = OpenStore();
  Walk walk;
  std::string value;
  for (auto _ : state) {
    if (!GetFrom(*store, walk.Next(), &value)) state.SkipWithError("a record is not there");
  }
}
BENCHMARK(GetFirst)->Iterations(kFirstGets);

void GetFirstByHand(benchmark::State& state) {
  ByHand by_hand;
  Walk walk;
  std::string value;
  for (auto _ : state) {
    if (!by_hand.Get(walk.Next(), &value)) state.SkipWithError("a record is not there");
  }
}
BENCHMARK(GetFirstByHand)->Iterations(kFirstGets);

void GetNothing(benchmark::State& state) {
  const auto store = OpenStore();
  int64_t i = Entries();
  for (auto _ : state) {
    if (store->Get(Key(i++), [](const Record&) {}).value_or(true)) {
      state.SkipWithError("a record is there");
    }
  }
}
BENCHMARK(GetNothing);

// What comes before the first result is written.
void OpenAndSize(benchmark::State& state) {
  Directory();
  for (auto _ : state) {
    if (OpenStore()->Size().value_or(0) != Entries()) state.SkipWithError("records are missing");
  }
}
BENCHMARK(OpenAndSize)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace permacache::storage
