// A cache as one file: how fast it is exported and imported, how much memory that takes, and what
// a result costs that is looked up in the file.
//
//   ./bazelw run -c opt //benchmarks:archive_benchmark -- --most=1000000
//
// --most=N  the number of entries; default 1000000. With values of 1000 bytes that takes 4 GB of
// disk.
//
// Memory is that of a process of its own at its peak, with the pages of files that it maps. Values
// are arrays of doubles with the precision of floats, of which zstd saves a third.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "benchmarks/program.h"
#include "permacache/archive/archive.h"
#include "permacache/storage/lmdb_store.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::benchmarks {
namespace {

using std::chrono::steady_clock;

constexpr const char* kName = "wing/lift";

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::abort();
}

std::string KeyOf(int64_t i) { return "{\"x\": " + std::to_string(i) + "}"; }

std::string ValueOf(int64_t i, size_t size) {
  std::string value(size, '\0');
  for (size_t at = 0; at + sizeof(double) <= size; at += sizeof(double)) {
    const double number = std::sin(static_cast<float>(i) + static_cast<float>(at));
    const double rounded = static_cast<float>(number);
    value.replace(at, sizeof(rounded), reinterpret_cast<const char*>(&rounded), sizeof(rounded));
  }
  return value;
}

void Fill(const std::filesystem::path& cache, int64_t entries, size_t size) {
  const auto store =
      storage::LmdbStore::Open({.environment = {.directory = cache / kName}}).value();
  const int64_t at_once = std::max<int64_t>(1, (int64_t{16} << 20) / static_cast<int64_t>(size));
  for (int64_t begin = 0; begin < entries; begin += at_once) {
    const int64_t count = std::min(at_once, entries - begin);
    std::vector<std::string> keys(count), values(count);
    std::vector<storage::KeyedRecord> records(count);
    for (int64_t i = 0; i < count; ++i) {
      keys[i] = KeyOf(begin + i);
      values[i] = ValueOf(begin + i, size);
      records[i] = {keys[i], {.value = values[i], .created = std::chrono::system_clock::now()}};
    }
    Check(store->PutMany(records, /*synced=*/true));
  }
}

struct Cost {
  double seconds;
  double peak_mib;
  double cpu_seconds;  // of all its threads
};

// In a process of its own.
Cost CostOf(const std::function<void()>& body) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    const steady_clock::time_point begin = steady_clock::now();
    body();
    const double seconds = std::chrono::duration<double>(steady_clock::now() - begin).count();
    if (write(ends[1], &seconds, sizeof(seconds)) != sizeof(seconds)) std::abort();
    _exit(0);
  }
  close(ends[1]);
  Cost cost{};
  const ssize_t got = read(ends[0], &cost.seconds, sizeof(cost.seconds));
  close(ends[0]);
  int status = 0;
  struct rusage usage;
  wait4(child, &status, 0, &usage);
  if (got != sizeof(cost.seconds) || status != 0) {
    std::fprintf(stderr, "a process that measures failed\n");
    std::abort();
  }
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  cost.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  cost.peak_mib = static_cast<double>(usage.ru_maxrss) / 1024;
  return cost;
}

struct Files {
  testing::TemporaryDirectory directory;
  std::filesystem::path cache = directory.path() / "cache";
  std::filesystem::path exported = directory.path() / "exported";
};

// A cache and its export, made when they are first asked for; one at a time.
const Files& FilesOf(int64_t entries, size_t size) {
  static std::pair<int64_t, size_t> what;
  static std::unique_ptr<Files> files;
  if (files == nullptr || what != std::pair(entries, size)) {
    files = nullptr;
    files = std::make_unique<Files>();
    what = {entries, size};
    CostOf([&] { Fill(files->cache, entries, size); });
    CostOf([&] { Check(archive::Export(files->cache, files->exported).status()); });
    std::atexit([] { files = nullptr; });
  }
  return *files;
}

void Report(benchmark::State& state, const Cost& cost, int64_t entries, size_t size) {
  state.SetIterationTime(cost.seconds);
  state.counters["peak_MiB"] = cost.peak_mib;
  state.counters["cpu_s"] = cost.cpu_seconds;
  const double bytes = static_cast<double>(entries) * static_cast<double>(size + KeyOf(0).size());
  state.counters["MB/s"] = bytes / 1e6 / cost.seconds;
}

void Exports(benchmark::State& state) {
  const int64_t entries = state.range(0);
  const size_t size = state.range(1);
  const Files& files = FilesOf(entries, size);
  const std::filesystem::path exported = files.directory.path() / "again";
  for (auto _ : state) {
    Report(state, CostOf([&] { Check(archive::Export(files.cache, exported).status()); }), entries,
           size);
    state.counters["file_MB"] = static_cast<double>(std::filesystem::file_size(exported)) / 1e6;
    std::filesystem::remove(exported);
  }
}

// Into an empty cache, or into one that has all of it.
void Imports(benchmark::State& state, bool is_there) {
  const int64_t entries = state.range(0);
  const size_t size = state.range(1);
  const Files& files = FilesOf(entries, size);
  const std::filesystem::path cache = is_there ? files.cache : files.directory.path() / "imported";
  for (auto _ : state) {
    const auto import = [&] { Check(archive::Import(files.exported, cache).status()); };
    Report(state, CostOf(import), entries, size);
    if (!is_there) std::filesystem::remove_all(cache);
  }
}

void Register(int64_t most) {
  for (const auto& [entries, size] : {std::pair<int64_t, int64_t>(most, 100),
                                      {most, 1000},
                                      {most / 1000, 1'000'000},
                                      {std::max<int64_t>(1, most / 250'000), 250'000'000}}) {
    const auto add = [&, entries = entries, size = size](const char* name, auto function) {
      benchmark::RegisterBenchmark(name, function)
          ->Args({entries, size})
          ->ArgNames({"entries", "bytes"})
          ->UseManualTime()
          ->Iterations(1)
          ->Unit(benchmark::kSecond);
    };
    add("Export", Exports);
    add("Import", [](benchmark::State& state) { Imports(state, false); });
    add("ImportAgain", [](benchmark::State& state) { Imports(state, true); });
  }
}

}  // namespace
}  // namespace permacache::benchmarks

int main(int argc, char** argv) {
  permacache::benchmarks::Register(permacache::benchmarks::TakeMost(&argc, argv));
  return permacache::benchmarks::RunProgram(argc, argv);
}
