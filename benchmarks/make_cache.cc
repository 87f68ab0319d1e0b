// Makes a cache with many entries, to measure the command with:
//
//   bazel run -c opt //benchmarks:make_cache -- DIRECTORY ENTRIES BYTES
//
// They are those of one function, "made/results", and have results of so many bytes.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "permacache/codec/codec.h"
#include "permacache/storage/lmdb_environment.h"
#include "permacache/storage/lmdb_store.h"
#include "permacache/storage/store.h"

namespace {

using permacache::storage::KeyedRecord;
using permacache::storage::LmdbStore;
using permacache::storage::Store;

constexpr int64_t kEntriesAtOnce = 10'000;

absl::Status Fill(Store& store, int64_t entries, size_t bytes) {
  const auto now = std::chrono::system_clock::now();
  for (int64_t begin = 0; begin < entries; begin += kEntriesAtOnce) {
    std::vector<std::string> keys, values;
    for (int64_t i = begin; i < std::min(begin + kEntriesAtOnce, entries); ++i) {
      keys.push_back(absl::StrCat("{\"label\": \"wing ", i % 97, "\", \"x\": ", i, "}"));
      values.push_back(permacache::codec::Encode(std::string(bytes, static_cast<char>(i))));
    }
    std::vector<KeyedRecord> records;
    for (size_t i = 0; i < keys.size(); ++i) {
      records.push_back({.key = keys[i],
                         .record = {.value = values[i],
                                    .created = now,
                                    .compute_time = std::chrono::microseconds(keys[i].size())}});
    }
    if (absl::Status status = store.PutMany(records, true); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  int64_t entries = 0, bytes = 0;
  if (argc != 4 || !absl::SimpleAtoi(argv[2], &entries) || !absl::SimpleAtoi(argv[3], &bytes)) {
    std::cerr << "make_cache DIRECTORY ENTRIES BYTES\n";
    return 2;
  }
  const std::filesystem::path folder = std::filesystem::path(argv[1]) / "made" / "results";
  const auto store = LmdbStore::Open({.environment = {.directory = folder}});
  const absl::Status status =
      store.ok() ? Fill(**store, entries, static_cast<size_t>(bytes)) : store.status();
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
