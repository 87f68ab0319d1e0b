// Caches of many entries: hits at random among them, opening, and the memory that it takes; beside
// LMDB by hand on the same file.
//
//   ./bazelw run -c opt //benchmarks:entries_benchmark -- --most=10000000
//
// --most=N  the number of entries of the largest cache; default 1000000. Ten million need 3 GB of
//           disk and a few minutes.
//
// What must be measured in a fresh process (opening, memory) is: the program starts itself for it.
#include <benchmark/benchmark.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "benchmarks/program.h"
#include "benchmarks/raw_lmdb.h"
#include "permacache/codec/codec.h"
#include "permacache/memoize/memoize.h"
#include "permacache/storage/key_digest.h"
#include "permacache/storage/lmdb_store.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::benchmarks {
namespace {

using namespace permacache::literals;
using std::chrono::steady_clock;

constexpr const char* kName = "square";
const size_t kDefaultMemory = CacheOptions().memory_bytes;

double Square(int64_t x) { return static_cast<double>(x) * static_cast<double>(x); }

auto Memoized(const std::filesystem::path& directory, size_t memory_bytes = kDefaultMemory) {
  return Cache({.directory = directory, .memory_bytes = memory_bytes})
      .Memoize(kName, Square, "x"_a);
}

std::string IndexOf(std::string_view key) {
  const storage::KeyDigest digest = storage::DigestOfKey(key);
  return std::string(storage::BytesOf(digest));
}

// Stores Square(0), Square(1) and so on, in the order of the index, which is how LMDB is fastest
// and its file smallest.
void Fill(const std::filesystem::path& directory, int64_t count) {
  constexpr size_t kAtOnce = 100'000;
  const auto f = Memoized(directory);
  std::vector<std::pair<storage::KeyDigest, int64_t>> order;
  order.reserve(count);
  for (int64_t x = 0; x < count; ++x) order.push_back({storage::DigestOfKey(f.Key(x)), x});
  std::ranges::sort(order);
  const auto store =
      storage::LmdbStore::Open({.environment = {.directory = directory / kName}}).value();
  for (size_t begin = 0; begin < order.size(); begin += kAtOnce) {
    const size_t size = std::min(kAtOnce, order.size() - begin);
    std::vector<std::string> keys(size), values(size);
    std::vector<storage::KeyedRecord> records(size);
    for (size_t i = 0; i < size; ++i) {
      const int64_t x = order[begin + i].second;
      keys[i] = f.Key(x);
      values[i] = codec::Encode(Square(x));
      records[i].key = keys[i];
      records[i].record = {.value = values[i], .created = std::chrono::system_clock::now()};
    }
    if (!store->PutMany(records, /*synced=*/true).ok()) std::abort();
  }
}

// The caches, each made when it is first asked for.
std::filesystem::path CacheOf(int64_t entries) {
  static auto* const all =
      new std::map<int64_t, std::unique_ptr<const testing::TemporaryDirectory>>;
  auto& directory = (*all)[entries];
  if (directory == nullptr) {
    directory = std::make_unique<const testing::TemporaryDirectory>();
    Fill(directory->path(), entries);
    std::atexit([] { all->clear(); });
  }
  return directory->path();
}

// Numbers below `entries`, at random, as many as nobody asks for twice soon.
std::vector<int64_t> AtRandom(int64_t entries) {
  constexpr size_t kCount = 1'000'000;
  std::mt19937_64 random(1);
  std::uniform_int_distribution<int64_t> below(0, entries - 1);
  std::vector<int64_t> numbers(kCount);
  for (int64_t& number : numbers) number = below(random);
  return numbers;
}

void RandomHits(benchmark::State& state, size_t memory_bytes) {
  const auto f = Memoized(CacheOf(state.range(0)), memory_bytes);
  const std::vector<int64_t> numbers = AtRandom(state.range(0));
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(f(numbers[i]));
    i = i + 1 == numbers.size() ? 0 : i + 1;
  }
}

// Whoever opens LMDB's file twice in one process loses its locks, so it is opened as a link.
void RawRandomGets(benchmark::State& state) {
  const std::filesystem::path file = DataFileIn(CacheOf(state.range(0)));
  const testing::TemporaryDirectory directory(file.parent_path().parent_path());
  std::filesystem::create_hard_link(file, directory.path() / "data.mdb");
  RawLmdb lmdb = RawLmdb::Open(directory.path());
  const auto f = Memoized(directory.path());
  std::vector<std::string> keys;
  for (const int64_t number : AtRandom(state.range(0))) keys.push_back(IndexOf(f.Key(number)));
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(lmdb.Get(keys[i]));
    i = i + 1 == keys.size() ? 0 : i + 1;
  }
}

// What a process of its own prints: nanoseconds, or bytes.
int64_t AskAnotherProcess(const std::string& what, const std::filesystem::path& directory,
                          int64_t entries) {
  std::array<int, 2> ends;
  if (pipe(ends.data()) != 0) std::abort();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  std::string program = "/proc/self/exe", path = directory, count = std::to_string(entries);
  std::string task = "--task=" + what;
  char* const arguments[] = {program.data(), task.data(), path.data(), count.data(), nullptr};
  pid_t child = 0;
  if (posix_spawn(&child, program.c_str(), &actions, nullptr, arguments, environ) != 0) {
    std::abort();
  }
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string answer;
  char buffer[64];
  for (ssize_t size; (size = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    answer.append(buffer, size);
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) {
    std::fprintf(stderr, "a process that measures failed: %s\n", what.c_str());
    std::abort();
  }
  return std::stoll(answer);
}

// From nothing open to the first result, in a process of its own.
void Open(benchmark::State& state, const char* task) {
  const std::filesystem::path directory = CacheOf(state.range(0));
  for (auto _ : state) {
    const int64_t nanoseconds = AskAnotherProcess(task, directory, state.range(0));
    state.SetIterationTime(static_cast<double>(nanoseconds) * 1e-9);
  }
}

// Resident memory after asking for each entry once, at random.
void Resident(benchmark::State& state, const char* task) {
  const std::filesystem::path directory = CacheOf(state.range(0));
  for (auto _ : state) {
    state.counters["bytes"] =
        static_cast<double>(AskAnotherProcess(task, directory, state.range(0)));
  }
}

int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t all = 0, resident = 0;
  statm >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

// In an order that is the same for both who are compared, and random enough.
void ForEachAtRandom(int64_t entries, std::function<void(int64_t)> visit) {
  constexpr int64_t kPrime = 1'000'000'007;
  for (int64_t i = 0; i < entries; ++i) visit((i * kPrime) % entries);
}

// How long it takes from nothing open to a result, which is there; nothing if it is not.
std::optional<steady_clock::duration> TimeToOpen(const std::filesystem::path& directory,
                                                 int64_t x) {
  const steady_clock::time_point begin = steady_clock::now();
  const auto f = Memoized(directory);
  const bool is_right = f(x) == Square(x);
  const steady_clock::duration time = steady_clock::now() - begin;
  return is_right && f.Stats().hits == 1 ? std::optional(time) : std::nullopt;
}

std::optional<steady_clock::duration> TimeToOpenByHand(const std::filesystem::path& directory,
                                                       int64_t x) {
  const std::string index = IndexOf("{\"x\": " + std::to_string(x) + "}");
  const steady_clock::time_point begin = steady_clock::now();
  RawLmdb lmdb = RawLmdb::Open(directory / kName);
  const bool is_there = !lmdb.Get(index).empty();
  const steady_clock::duration time = steady_clock::now() - begin;
  return is_there ? std::optional(time) : std::nullopt;
}

// The second time in a process the program itself is in memory, and only the cache is new to it.
template <class TimeIt>
int PrintTime(TimeIt time_it, const std::filesystem::path& directory, int64_t x, bool is_second) {
  if (is_second && !time_it(directory, x + 1)) return 1;
  const std::optional<steady_clock::duration> time = time_it(directory, x);
  if (!time) return 1;
  std::printf("%lld\n", static_cast<long long>(time->count()));
  return 0;
}

int DoTask(std::string_view task, const std::filesystem::path& directory, int64_t entries) {
  const int64_t x = entries / 3;
  if (task == "open") return PrintTime(TimeToOpen, directory, x, false);
  if (task == "open_again") return PrintTime(TimeToOpen, directory, x, true);
  if (task == "raw_open") return PrintTime(TimeToOpenByHand, directory, x, false);
  if (task == "raw_open_again") return PrintTime(TimeToOpenByHand, directory, x, true);
  if (task == "resident") {
    const auto f = Memoized(directory);
    ForEachAtRandom(entries, [&](int64_t i) { benchmark::DoNotOptimize(f(i)); });
    std::printf("%lld\n", static_cast<long long>(ResidentBytes()));
    return f.Stats().hits == entries ? 0 : 1;
  }
  if (task == "raw_resident") {
    RawLmdb lmdb = RawLmdb::Open(directory / kName);
    ForEachAtRandom(entries, [&](int64_t i) {
      benchmark::DoNotOptimize(lmdb.Get(IndexOf("{\"x\": " + std::to_string(i) + "}")));
    });
    std::printf("%lld\n", static_cast<long long>(ResidentBytes()));
    return 0;
  }
  return 2;
}

void Register(int64_t most) {
  for (int64_t entries = 10'000; entries <= most; entries *= 10) {
    benchmark::RegisterBenchmark("RandomHits/default", RandomHits, kDefaultMemory)->Arg(entries);
    benchmark::RegisterBenchmark("RandomHits/disk", RandomHits, size_t{0})->Arg(entries);
    benchmark::RegisterBenchmark("RawRandomGets", RawRandomGets)->Arg(entries);
  }
  for (const auto& [name, task] :
       {std::pair("Open", "open"), std::pair("RawOpen", "raw_open"),
        std::pair("OpenAgain", "open_again"), std::pair("RawOpenAgain", "raw_open_again")}) {
    benchmark::RegisterBenchmark(name, Open, task)->Arg(most)->UseManualTime()->Iterations(25);
  }
  for (const auto& [name, task] :
       {std::pair("Resident", "resident"), std::pair("RawResident", "raw_resident")}) {
    benchmark::RegisterBenchmark(name, Resident, task)->Arg(most)->Iterations(1);
  }
}

}  // namespace
}  // namespace permacache::benchmarks

int main(int argc, char** argv) {
  using namespace permacache::benchmarks;
  constexpr std::string_view kTask = "--task=";
  if (argc == 4 && std::string_view(argv[1]).starts_with(kTask)) {
    return DoTask(argv[1] + kTask.size(), argv[2], std::stoll(argv[3]));
  }
  Register(TakeMost(&argc, argv));
  return RunProgram(argc, argv);
}
