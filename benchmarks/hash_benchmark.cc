// Large arrays: the digest of their content, their key text and their stable hash, beside BLAKE3
// and SHA-256 called directly and beside merely reading the same memory.
//
//   ./bazelw run -c opt //benchmarks:hash_benchmark
#include <benchmark/benchmark.h>
#include <blake3.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <thread>
#include <vector>

#include "permacache/hash/hash.h"
#include "permacache/key/key.h"

namespace permacache::hash {
namespace {

constexpr int64_t kSmallest = int64_t{1} << 10;
constexpr int64_t kLargest = int64_t{1} << 30;

// The same memory for all that is measured with one size.
std::span<const uint64_t> Words(int64_t size) {
  static std::vector<uint64_t> words;
  if (words.size() != size / sizeof(uint64_t)) {
    words = std::vector<uint64_t>(size / sizeof(uint64_t));
    std::iota(words.begin(), words.end(), uint64_t{1});
  }
  return words;
}

std::span<const std::byte> Content(const benchmark::State& state) {
  return std::as_bytes(Words(state.range(0)));
}

void CountBytes(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

// The content as an array of these numbers.
template <class Number>
std::span<const Number> Numbers(const benchmark::State& state) {
  const std::span<const uint64_t> words = Words(state.range(0));
  return {reinterpret_cast<const Number*>(words.data()), words.size_bytes() / sizeof(Number)};
}

constexpr int kOne = 1;  // thread
constexpr int kAll = 0;

template <class Compute>
void WithThreads(benchmark::State& state, int threads, Compute compute) {
  SetHashThreads(threads);
  for (auto _ : state) benchmark::DoNotOptimize(compute());
  SetHashThreads(kAll);
  CountBytes(state);
}

template <int kThreads>
void ContentDigestOf(benchmark::State& state) {
  WithThreads(state, kThreads, [content = Content(state)] { return DigestOfContent(content); });
}

template <class Number, int kThreads>
void KeyTextOf(benchmark::State& state) {
  WithThreads(state, kThreads, [numbers = Numbers<Number>(state)] { return KeyText(numbers); });
}

template <class Number, int kThreads>
void StableHashOf(benchmark::State& state) {
  WithThreads(state, kThreads, [numbers = Numbers<Number>(state)] { return StableHash(numbers); });
}

void OfficialBlake3(benchmark::State& state) {
  const std::span<const std::byte> content = Content(state);
  for (auto _ : state) {
    blake3_hasher hasher;
    blake3_hasher_init(&hasher);
    blake3_hasher_update(&hasher, content.data(), content.size());
    uint8_t digest[BLAKE3_OUT_LEN];
    blake3_hasher_finalize(&hasher, digest, sizeof(digest));
    benchmark::DoNotOptimize(digest);
  }
  CountBytes(state);
}

void OpensslSha256(benchmark::State& state) {
  const std::span<const std::byte> content = Content(state);
  for (auto _ : state) benchmark::DoNotOptimize(Sha256OfContent(content));
  CountBytes(state);
}

// A sum is the least that looks at every byte; several at once, or each addition would wait for the
// one before.
uint64_t Sum(std::span<const uint64_t> words) {
  uint64_t sums[32] = {};
  for (size_t i = 0; i + 32 <= words.size(); i += 32) {
    for (size_t j = 0; j < 32; ++j) sums[j] += words[i + j];
  }
  return std::accumulate(std::begin(sums), std::end(sums), uint64_t{0});
}

void ReadWithOneThread(benchmark::State& state) {
  const std::span<const uint64_t> words = Words(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(Sum(words));
  CountBytes(state);
}

void ReadWithAllThreads(benchmark::State& state) {
  const std::span<const uint64_t> words = Words(state.range(0));
  const size_t parts = words.size() * sizeof(uint64_t) < kLeastParallelSize ? 1 : HashThreads();
  for (auto _ : state) {
    std::vector<std::jthread> threads;
    for (size_t i = 1; i < parts; ++i) {
      threads.emplace_back([&, i] {
        const size_t begin = words.size() * i / parts, end = words.size() * (i + 1) / parts;
        benchmark::DoNotOptimize(Sum(words.subspan(begin, end - begin)));
      });
    }
    benchmark::DoNotOptimize(Sum(words.first(words.size() / parts)));
  }
  CountBytes(state);
}

struct Measure {
  const char* name;
  void (*run)(benchmark::State& state);
};

constexpr Measure kMeasures[] = {
    {"ContentDigest/one_thread", ContentDigestOf<kOne>},
    {"ContentDigest/all_threads", ContentDigestOf<kAll>},
    {"KeyText<float>/one_thread", KeyTextOf<float, kOne>},
    {"KeyText<float>/all_threads", KeyTextOf<float, kAll>},
    {"KeyText<double>/one_thread", KeyTextOf<double, kOne>},
    {"KeyText<double>/all_threads", KeyTextOf<double, kAll>},
    {"StableHash<float>/one_thread", StableHashOf<float, kOne>},
    {"StableHash<float>/all_threads", StableHashOf<float, kAll>},
    {"StableHash<double>/one_thread", StableHashOf<double, kOne>},
    {"StableHash<double>/all_threads", StableHashOf<double, kAll>},
    {"OfficialBlake3", OfficialBlake3},
    {"OpensslSha256", OpensslSha256},
    {"Read/one_thread", ReadWithOneThread},
    {"Read/all_threads", ReadWithAllThreads},
};

// All of one size follow each other, so that they find the machine in the same mood.
[[maybe_unused]] const bool registered = [] {
  for (int64_t size = kSmallest; size <= kLargest; size *= 4) {
    for (const Measure& measure : kMeasures) {
      benchmark::RegisterBenchmark(measure.name, measure.run)->Arg(size)->UseRealTime();
    }
  }
  return true;
}();

}  // namespace
}  // namespace permacache::hash
