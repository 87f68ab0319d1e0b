// The key text of typical calls, and of large arrays beside BLAKE3 called directly.
//
//   ./bazelw run -c opt //benchmarks:key_benchmark
#include <benchmark/benchmark.h>
#include <blake3.h>

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "permacache/key/key.h"

namespace permacache {
namespace {

struct Settings {
  int width = 640;
  int height = 480;
  double tolerance = 1e-6;
  bool verbose = false;
  std::string name = "wing";
};

void KeyOfIntDoubleString(benchmark::State& state) {
  const std::tuple<int, double, std::string> value(12, 0.25, "short");
  for (auto _ : state) benchmark::DoNotOptimize(KeyText(value));
}
BENCHMARK(KeyOfIntDoubleString);

void KeyOfAnAggregate(benchmark::State& state) {
  const Settings value;
  for (auto _ : state) benchmark::DoNotOptimize(KeyText(value));
}
BENCHMARK(KeyOfAnAggregate);

constexpr int64_t kSmallest = 1 << 10;
constexpr int64_t kLargest = 1 << 28;

void KeyOfDoubles(benchmark::State& state) {
  const std::vector<double> values(state.range(0) / sizeof(double), 1.5);
  for (auto _ : state) benchmark::DoNotOptimize(KeyText(values));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(KeyOfDoubles)->RangeMultiplier(64)->Range(kSmallest, kLargest);

void Blake3OfTheSame(benchmark::State& state) {
  const std::vector<double> values(state.range(0) / sizeof(double), 1.5);
  for (auto _ : state) {
    blake3_hasher hasher;
    blake3_hasher_init(&hasher);
    blake3_hasher_update(&hasher, values.data(), values.size() * sizeof(double));
    uint8_t digest[BLAKE3_OUT_LEN];
    blake3_hasher_finalize(&hasher, digest, sizeof(digest));
    benchmark::DoNotOptimize(digest);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Blake3OfTheSame)->RangeMultiplier(64)->Range(kSmallest, kLargest);

}  // namespace
}  // namespace permacache
