// Hits and misses through the whole house, each beside what it cannot be faster than, or what one
// would write by hand.
//
//   ./bazelw run -c opt //benchmarks:memoize_benchmark
//
// The caches are made in the folder for temporary files ($TEST_TMPDIR, $TMPDIR): name one on the
// disk that is meant.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/raw_lmdb.h"
#include "permacache/memoize/memoize.h"
#include "permacache/storage/key_digest.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::benchmarks {
namespace {

using namespace permacache::literals;
using std::chrono::steady_clock;

const size_t kDefaultMemory = CacheOptions().memory_bytes;
constexpr size_t kNoMemory = 0;

double Area(int64_t width, double height) { return static_cast<double>(width) * height; }

// A function with so many results in its cache.
class FilledCache {
 public:
  static constexpr int64_t kEntries = 10'000;

  explicit FilledCache(size_t memory_bytes)
      : f_(Cache({.directory = directory_.path(), .memory_bytes = memory_bytes})
               .Memoize("area", Area, "width"_a, "height"_a)) {
    for (int64_t i = 0; i < kEntries; ++i) f_(i, kHeight);
    SyncAll();
    for (int64_t i = 0; i < kEntries; ++i) f_(i, kHeight);
  }

  double Call(int64_t i) const { return f_(i, kHeight); }
  std::string IndexOf(int64_t i) const {
    const storage::KeyDigest digest = storage::DigestOfKey(f_.Key(i, kHeight));
    return std::string(storage::BytesOf(digest));
  }
  std::filesystem::path data_file() const { return DataFileIn(directory_.path()); }

 private:
  static constexpr double kHeight = 2.5;

  testing::TemporaryDirectory directory_;
  decltype(Cache().Memoize("area", Area, "width"_a, "height"_a)) f_;
};

const FilledCache& SharedCache(size_t memory_bytes) {
  static const auto* const with_memory = new FilledCache(kDefaultMemory);
  static const auto* const without_memory = new FilledCache(kNoMemory);
  return memory_bytes == 0 ? *without_memory : *with_memory;
}

// The same call again and again; from several threads too, one and the same.
void RepeatedHit(benchmark::State& state, size_t memory_bytes) {
  const FilledCache& cache = SharedCache(memory_bytes);
  for (auto _ : state) benchmark::DoNotOptimize(cache.Call(1234));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(RepeatedHit, memory, kDefaultMemory)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK_CAPTURE(RepeatedHit, disk, kNoMemory)->ThreadRange(1, 2)->UseRealTime();

// The calls in turn, each thread in its own order.
void HitInTurn(benchmark::State& state, size_t memory_bytes) {
  const FilledCache& cache = SharedCache(memory_bytes);
  int64_t i = FilledCache::kEntries / 2 * state.thread_index();
  for (auto _ : state) {
    benchmark::DoNotOptimize(cache.Call(i));
    i = (i + 7) % FilledCache::kEntries;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(HitInTurn, memory, kDefaultMemory)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK_CAPTURE(HitInTurn, disk, kNoMemory)->ThreadRange(1, 2)->UseRealTime();

// The same record, or records, of a copy of the same file.
void RawLmdbGet(benchmark::State& state, int64_t step) {
  const FilledCache& cache = SharedCache(kDefaultMemory);
  const testing::TemporaryDirectory directory;
  std::filesystem::copy_file(cache.data_file(), directory.path() / "data.mdb");
  RawLmdb lmdb = RawLmdb::Open(directory.path());
  std::vector<std::string> keys;
  for (int64_t i = 0; i < FilledCache::kEntries; ++i) keys.push_back(cache.IndexOf(i));
  int64_t i = 1234;
  for (auto _ : state) {
    benchmark::DoNotOptimize(lmdb.Get(keys[i]));
    i = (i + step) % FilledCache::kEntries;
  }
}
BENCHMARK_CAPTURE(RawLmdbGet, repeated, 0)->UseRealTime();
BENCHMARK_CAPTURE(RawLmdbGet, in_turn, 7)->UseRealTime();

// What the peers in other languages are measured with.
std::string Describe(int x, double y, const std::string& z) { return z + std::to_string(x + y); }

void DescribeHit(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  const auto f = Cache({.directory = directory.path()}).Memoize("f", Describe, "x"_a, "y"_a, "z"_a);
  const std::string z = "short";
  f(1, 2.5, z);
  SyncAll();
  for (auto _ : state) benchmark::DoNotOptimize(f(1, 2.5, z));
}
BENCHMARK(DescribeHit)->UseRealTime();

void DescribeMiss(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  const auto f = Cache({.directory = directory.path()}).Memoize("f", Describe, "x"_a, "y"_a, "z"_a);
  const std::string z = "short";
  int x = 0;
  for (auto _ : state) benchmark::DoNotOptimize(f(x++, 2.5, z));
}
BENCHMARK(DescribeMiss)->UseRealTime();

// Until the caller has the result; it is written by another thread, many with one sync.
void TrivialMiss(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  const auto f =
      Cache({.directory = directory.path()}).Memoize("area", Area, "width"_a, "height"_a);
  int64_t width = 0;
  for (auto _ : state) benchmark::DoNotOptimize(f(width++, 2.5));
}
BENCHMARK(TrivialMiss)->UseRealTime();

steady_clock::duration ComputeFor10Ms() {
  const steady_clock::time_point begin = steady_clock::now();
  steady_clock::duration time(0);
  while (time < std::chrono::milliseconds(10)) time = steady_clock::now() - begin;
  return time;
}

// What a miss of a function that takes 10 ms takes besides: it is on the disk when it returns.
void SyncedMiss(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  steady_clock::duration own(0);
  const auto f = Cache({.directory = directory.path()}).Memoize("slow", [&](int64_t x) {
    own = ComputeFor10Ms();
    return x;
  });
  int64_t x = 0;
  for (auto _ : state) {
    own = {};
    const steady_clock::time_point begin = steady_clock::now();
    f(x++);
    const steady_clock::duration all = steady_clock::now() - begin;
    state.SetIterationTime(std::chrono::duration<double>(all - own).count());
  }
}
BENCHMARK(SyncedMiss)->UseManualTime();

// Records as ours are, in a transaction each.
void RawLmdbPut(benchmark::State& state, unsigned flags) {
  const testing::TemporaryDirectory directory;
  RawLmdb lmdb = RawLmdb::Make(directory.path(), flags);
  const std::string value(130, 'v');
  int64_t x = 0;
  for (auto _ : state) {
    const storage::KeyDigest digest = storage::DigestOfKey(std::to_string(x++));
    lmdb.Put(storage::BytesOf(digest), value);
  }
}
BENCHMARK_CAPTURE(RawLmdbPut, no_sync, MDB_NOSYNC)->UseRealTime();

// After a computation too, which leaves the caches of the processor as cold.
void SyncedRawLmdbPut(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  RawLmdb lmdb = RawLmdb::Make(directory.path(), 0);
  const std::string value(130, 'v');
  int64_t x = 0;
  for (auto _ : state) {
    ComputeFor10Ms();
    const steady_clock::time_point begin = steady_clock::now();
    const storage::KeyDigest digest = storage::DigestOfKey(std::to_string(x++));
    lmdb.Put(storage::BytesOf(digest), value);
    state.SetIterationTime(std::chrono::duration<double>(steady_clock::now() - begin).count());
  }
}
BENCHMARK(SyncedRawLmdbPut)->UseManualTime();

std::vector<double> Numbers(int64_t count) {
  std::vector<double> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0.5);
  return numbers;
}

void HitOfBytes(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  const auto f = Cache({.directory = directory.path()}).Memoize("numbers", Numbers);
  const int64_t count = state.range(0) / static_cast<int64_t>(sizeof(double));
  f(count);
  SyncAll();
  for (auto _ : state) benchmark::DoNotOptimize(f(count));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(HitOfBytes)->RangeMultiplier(16)->Range(1 << 10, 64 << 20)->UseRealTime();

// As a hit does: into a new vector.
void Memcpy(benchmark::State& state) {
  const std::vector<double> numbers =
      Numbers(state.range(0) / static_cast<int64_t>(sizeof(double)));
  for (auto _ : state) {
    std::vector<double> copy(numbers);
    benchmark::DoNotOptimize(copy.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Memcpy)->RangeMultiplier(16)->Range(1 << 10, 64 << 20)->UseRealTime();

// A large argument that was hashed by an earlier call.
void HitOfHashedDoubles(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  const auto f =
      Cache({.directory = directory.path()})
          .Memoize(
              "f",
              [](const Hashed<std::vector<double>>& x) { return static_cast<int64_t>(x->size()); },
              "x"_a);
  const Hashed x(std::vector<double>(state.range(0) / sizeof(double), 1.5));
  f(x);
  SyncAll();
  for (auto _ : state) benchmark::DoNotOptimize(f(x));
}
BENCHMARK(HitOfHashedDoubles)->Arg(1 << 10)->Arg(1 << 28)->UseRealTime();

std::vector<double> Areas(const std::vector<int64_t>& widths, double height) {
  std::vector<double> areas;
  for (const int64_t width : widths) areas.push_back(Area(width, height));
  return areas;
}

// So many hits at once; of each one the time is what counts.
void BatchOfHits(benchmark::State& state, size_t memory_bytes) {
  const testing::TemporaryDirectory directory;
  const auto f = Cache({.directory = directory.path(), .memory_bytes = memory_bytes})
                     .Memoize("areas", Areas, "width"_a.Batch(), "height"_a);
  std::vector<int64_t> widths(FilledCache::kEntries);
  std::iota(widths.begin(), widths.end(), int64_t{0});
  f(widths, 2.5);
  SyncAll();
  f(widths, 2.5);
  for (auto _ : state) benchmark::DoNotOptimize(f(widths, 2.5));
  state.SetItemsProcessed(state.iterations() * FilledCache::kEntries);
}
BENCHMARK_CAPTURE(BatchOfHits, memory, kDefaultMemory)->UseRealTime();
BENCHMARK_CAPTURE(BatchOfHits, disk, kNoMemory)->UseRealTime();

void SingleHits(benchmark::State& state, size_t memory_bytes) {
  const FilledCache& cache = SharedCache(memory_bytes);
  for (auto _ : state) {
    for (int64_t i = 0; i < FilledCache::kEntries; ++i) benchmark::DoNotOptimize(cache.Call(i));
  }
  state.SetItemsProcessed(state.iterations() * FilledCache::kEntries);
}
BENCHMARK_CAPTURE(SingleHits, memory, kDefaultMemory)->UseRealTime();
BENCHMARK_CAPTURE(SingleHits, disk, kNoMemory)->UseRealTime();

}  // namespace
}  // namespace permacache::benchmarks
