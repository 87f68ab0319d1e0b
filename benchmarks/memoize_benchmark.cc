// A hit and a miss through the whole house, beside what LMDB alone takes for the same record.
//
//   ./bazelw run -c opt //benchmarks:memoize_benchmark
#include <benchmark/benchmark.h>
#include <lmdb.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "permacache/memoize/memoize.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache {
namespace {

using namespace permacache::literals;

std::string Describe(int x, double y, const std::string& z) { return z + std::to_string(x + y); }

void Hit(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  auto f = Cache({.directory = directory.path()}).Memoize("f", Describe, "x"_a, "y"_a, "z"_a);
  const std::string z = "short";
  f(1, 2.5, z);
  for (auto _ : state) benchmark::DoNotOptimize(f(1, 2.5, z));
}
BENCHMARK(Hit)->ThreadRange(1, 2);

// The same record by hand: a renewed transaction, the value copied out.
void RawLmdbGet(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  MDB_env* env = nullptr;
  mdb_env_create(&env);
  mdb_env_open(env, directory.path().c_str(), MDB_NOTLS, 0600);
  MDB_txn* txn = nullptr;
  MDB_dbi database;
  std::string key(16, 'k'), value(150, 'v');
  MDB_val k{key.size(), key.data()}, v{value.size(), value.data()};
  mdb_txn_begin(env, nullptr, 0, &txn);
  mdb_dbi_open(txn, nullptr, 0, &database);
  mdb_put(txn, database, &k, &v, 0);
  mdb_txn_commit(txn);
  mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn);
  for (auto _ : state) {
    mdb_txn_reset(txn);
    mdb_txn_renew(txn);
    mdb_get(txn, database, &k, &v);
    benchmark::DoNotOptimize(std::string(static_cast<char*>(v.mv_data), v.mv_size));
  }
  mdb_txn_abort(txn);
  mdb_env_close(env);
}
BENCHMARK(RawLmdbGet);

void HitOfAnInt(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  auto f = Cache({.directory = directory.path()})
               .Memoize(
                   "f", [](int x) { return x; }, "x"_a);
  f(1);
  for (auto _ : state) benchmark::DoNotOptimize(f(1));
}
BENCHMARK(HitOfAnInt);

// A large argument that was hashed by an earlier call.
void HitOfHashedDoubles(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  auto f = Cache({.directory = directory.path()})
               .Memoize(
                   "f", [](const Hashed<std::vector<double>>& x) { return int(x->size()); }, "x"_a);
  const Hashed x(std::vector<double>(state.range(0) / sizeof(double), 1.5));
  f(x);
  for (auto _ : state) benchmark::DoNotOptimize(f(x));
}
BENCHMARK(HitOfHashedDoubles)->Arg(1 << 10)->Arg(1 << 30);

void HitOfAVector(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  auto f = Cache({.directory = directory.path()}).Memoize("f", [](int64_t n) {
    return std::vector<double>(n, 1.5);
  });
  f(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(f(state.range(0)));
  state.SetBytesProcessed(state.iterations() * state.range(0) * sizeof(double));
}
BENCHMARK(HitOfAVector)->RangeMultiplier(64)->Range(1, 1 << 23);

void Miss(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  auto f = Cache({.directory = directory.path()}).Memoize("f", [](int64_t x) { return x; });
  int64_t x = 0;
  for (auto _ : state) f(x++);
}
BENCHMARK(Miss);

}  // namespace
}  // namespace permacache
