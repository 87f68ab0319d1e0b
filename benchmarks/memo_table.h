// A memo table as one writes it by hand on top of a database: what permacache is compared with.
//
// A Table is constructed in a directory of its own and has
//
//   bool Get(const std::string& key, std::string* value);  // whether there is one
//   void Put(const std::string& key, const std::string& value);
//   std::string Durability();  // in words
//
// and ends the program with a message where the database fails: figures of it would say nothing.
//
// Hit and Miss are benchmarks of it. A peer registers them as they are: UseRealTime() would add to
// their names, and the real time, with that of the disk, is reported without it, too.
#ifndef PERMACACHE_BENCHMARKS_MEMO_TABLE_H_
#define PERMACACHE_BENCHMARKS_MEMO_TABLE_H_

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "permacache/testing/temporary_directory.h"

namespace permacache::benchmarks {

// What all peers memoize. It costs next to nothing, so that the memo table is what is measured.
inline std::string Describe(int x, double y, const std::string& z) {
  return z + std::to_string(x + y);
}

// The arguments as a text that only they have: the string comes last, with whatever is in it.
inline std::string KeyOf(int x, double y, const std::string& z) {
  char numbers[64];
  const int size = std::snprintf(numbers, sizeof(numbers), "%d,%.17g,", x, y);
  return std::string(numbers, static_cast<size_t>(size)) + z;
}

[[noreturn]] inline void Fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

// The function with the table around it. Counts how often it had to compute.
template <class Table>
std::string Call(Table& table, int64_t& computed, int x, double y, const std::string& z) {
  const std::string key = KeyOf(x, y, z);
  std::string value;
  if (table.Get(key, &value)) return value;
  ++computed;
  value = Describe(x, y, z);
  table.Put(key, value);
  return value;
}

// The same call again and again, whose result is stored.
template <class Table>
void Hit(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  Table table(directory.path());
  const std::string z = "short";
  int64_t computed = 0;
  const std::string expected = Call(table, computed, 1, 2.5, z);
  for (auto _ : state) benchmark::DoNotOptimize(Call(table, computed, 1, 2.5, z));
  if (computed != 1 || Call(table, computed, 1, 2.5, z) != expected) Fail("hits were misses");
  state.SetLabel(table.Durability());
}

// Another argument each time: looked up, computed, stored.
template <class Table>
void Miss(benchmark::State& state) {
  const testing::TemporaryDirectory directory;
  Table table(directory.path());
  const std::string z = "short";
  int64_t computed = 0;
  int x = 0;
  for (auto _ : state) benchmark::DoNotOptimize(Call(table, computed, x++, 2.5, z));
  if (computed != state.iterations()) Fail("misses were hits");
  state.SetLabel(table.Durability());
}

}  // namespace permacache::benchmarks

#endif  // PERMACACHE_BENCHMARKS_MEMO_TABLE_H_
