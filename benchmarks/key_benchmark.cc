// The key text of typical calls, beside what a library for JSON takes to write the same and beside
// copying it. Large arrays are in hash_benchmark, beside the limits.
//
//   ./bazelw run -c opt //benchmarks:key_benchmark
#include <benchmark/benchmark.h>

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
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

void KeyOfInt(benchmark::State& state) {
  const int value = 12;
  for (auto _ : state) benchmark::DoNotOptimize(KeyText(value));
}
BENCHMARK(KeyOfInt);

void KeyOfIntDoubleString(benchmark::State& state) {
  const std::tuple<int, double, std::string> value(12, 0.25, "short");
  for (auto _ : state) benchmark::DoNotOptimize(KeyText(value));
}
BENCHMARK(KeyOfIntDoubleString);

// A double of as many digits as there are.
void KeyOfIntLongDoubleString(benchmark::State& state) {
  const std::tuple<int, double, std::string> value(1'234'567, 0.12345678901234567, "short");
  for (auto _ : state) benchmark::DoNotOptimize(KeyText(value));
}
BENCHMARK(KeyOfIntLongDoubleString);

void KeyOfAnAggregate(benchmark::State& state) {
  const Settings value;
  for (auto _ : state) benchmark::DoNotOptimize(KeyText(value));
}
BENCHMARK(KeyOfAnAggregate);

void KeyOfAMap(benchmark::State& state) {
  const std::map<std::string, int> value{{"alpha", 1}, {"beta", 2}, {"gamma", 3}};
  for (auto _ : state) benchmark::DoNotOptimize(KeyText(value));
}
BENCHMARK(KeyOfAMap);

void KeyOfAggregates(benchmark::State& state) {
  const std::vector<Settings> value(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(KeyText(value));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(KeyOfAggregates)->RangeMultiplier(10)->Range(1, 10'000);

// The same texts by a library that makes JSON of maps.
void NlohmannJsonOfAggregates(benchmark::State& state) {
  const std::vector<Settings> value(state.range(0));
  for (auto _ : state) {
    nlohmann::json list = nlohmann::json::array();
    for (const Settings& s : value) {
      list.push_back({{".type", "Settings"},
                      {"width", s.width},
                      {"height", s.height},
                      {"tolerance", s.tolerance},
                      {"verbose", s.verbose},
                      {"name", s.name}});
    }
    benchmark::DoNotOptimize(list.dump());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(NlohmannJsonOfAggregates)->RangeMultiplier(10)->Range(1, 10'000);

void KeyOfAString(benchmark::State& state) {
  const std::string value(state.range(0), 'a');
  for (auto _ : state) benchmark::DoNotOptimize(KeyText(value));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(KeyOfAString)->RangeMultiplier(8)->Range(8, 32 << 10);

// The limit.
void CopyOfAString(benchmark::State& state) {
  const std::string value(state.range(0), 'a');
  for (auto _ : state) benchmark::DoNotOptimize(std::string(value));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(CopyOfAString)->RangeMultiplier(8)->Range(8, 32 << 10);

void StableHashOfAnAggregate(benchmark::State& state) {
  const Settings value;
  for (auto _ : state) benchmark::DoNotOptimize(StableHash(value));
}
BENCHMARK(StableHashOfAnAggregate);

// Of any size: what is hashed is remembered.
void KeyOfHashedDoubles(benchmark::State& state) {
  const Hashed value(std::vector<double>(state.range(0) / sizeof(double), 1.5));
  benchmark::DoNotOptimize(KeyText(value));
  for (auto _ : state) benchmark::DoNotOptimize(KeyText(value));
}
BENCHMARK(KeyOfHashedDoubles)->Arg(1 << 10)->Arg(1 << 30);

}  // namespace
}  // namespace permacache
