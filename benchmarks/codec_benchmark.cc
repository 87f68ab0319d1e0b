// Results as bytes and back, beside copying the same memory and beside cereal by itself.
//
//   ./bazelw run -c opt //benchmarks:codec_benchmark
#include <benchmark/benchmark.h>

#include <cereal/archives/binary.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>
#include <cstdint>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include "permacache/codec/codec.h"

namespace permacache::codec {
namespace {

struct Particle {
  double mass = 1.5;
  double x = 1, y = 2, z = 3;
  int32_t charge = -1;
  std::string name = "electron";
};

// What cereal asks for; permacache needs no such function.
template <class Archive>
void serialize(Archive& archive, Particle& p) {
  archive(p.mass, p.x, p.y, p.z, p.charge, p.name);
}

struct Plain {
  double mass = 1.5;
  double x = 1, y = 2, z = 3;
  int32_t charge = -1;
  std::string name = "electron";
};

template <class T>
void EncodeIt(benchmark::State& state, const T& value) {
  for (auto _ : state) benchmark::DoNotOptimize(Encode(value));
}

template <class T>
void DecodeIt(benchmark::State& state, const T& value) {
  const std::string bytes = Encode(value);
  for (auto _ : state) benchmark::DoNotOptimize(Decode<T>(bytes));
}

void EncodeDouble(benchmark::State& state) { EncodeIt(state, 2.5); }
BENCHMARK(EncodeDouble);

void DecodeDouble(benchmark::State& state) { DecodeIt(state, 2.5); }
BENCHMARK(DecodeDouble);

void EncodeStruct(benchmark::State& state) { EncodeIt(state, Plain()); }
BENCHMARK(EncodeStruct);

void DecodeStruct(benchmark::State& state) { DecodeIt(state, Plain()); }
BENCHMARK(DecodeStruct);

void EncodeStructs(benchmark::State& state) {
  EncodeIt(state, std::vector<Plain>(state.range(0)));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(EncodeStructs)->RangeMultiplier(32)->Range(32, 32 << 10);

void DecodeStructs(benchmark::State& state) {
  DecodeIt(state, std::vector<Plain>(state.range(0)));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(DecodeStructs)->RangeMultiplier(32)->Range(32, 32 << 10);

// The same by cereal's own binary archives, which write to streams.

void CerealSaveStructs(benchmark::State& state) {
  const std::vector<Particle> value(state.range(0));
  for (auto _ : state) {
    std::ostringstream stream;
    cereal::BinaryOutputArchive archive(stream);
    archive(value);
    benchmark::DoNotOptimize(stream.str());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(CerealSaveStructs)->RangeMultiplier(32)->Range(32, 32 << 10);

void CerealLoadStructs(benchmark::State& state) {
  std::ostringstream saved;
  cereal::BinaryOutputArchive archive(saved);
  archive(std::vector<Particle>(state.range(0)));
  const std::string bytes = saved.str();
  for (auto _ : state) {
    std::istringstream stream(bytes);
    std::vector<Particle> value;
    cereal::BinaryInputArchive loading(stream);
    loading(value);
    benchmark::DoNotOptimize(value.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(CerealLoadStructs)->RangeMultiplier(32)->Range(32, 32 << 10);

// Arrays of numbers, which are one block of memory.

void Sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->RangeMultiplier(32)->Range(1 << 10, 32 << 20);
}

void EncodeDoubles(benchmark::State& state) {
  EncodeIt(state, std::vector<double>(state.range(0) / sizeof(double), 1.5));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(EncodeDoubles)->Apply(Sizes);

void DecodeDoubles(benchmark::State& state) {
  DecodeIt(state, std::vector<double>(state.range(0) / sizeof(double), 1.5));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(DecodeDoubles)->Apply(Sizes);

// The limit: a copy in memory that is new as well.
void CopyDoubles(benchmark::State& state) {
  const std::vector<double> value(state.range(0) / sizeof(double), 1.5);
  for (auto _ : state) {
    std::vector<double> copy(value);
    benchmark::DoNotOptimize(copy.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(CopyDoubles)->Apply(Sizes);

}  // namespace
}  // namespace permacache::codec
