#include "tests/archive/cache_content.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "permacache/archive/frames.h"
#include "permacache/catalog/stored_functions.h"

namespace permacache::testing {
namespace {

using catalog::StoredFunction;
using std::chrono::nanoseconds;
using storage::FileFormat;
using storage::KeyedRecord;
using storage::Store;

std::string RandomValue(std::mt19937_64& random, size_t size) {
  std::string value(size, '\0');
  // Such as compresses, and such as does not.
  const uint64_t mask = random() % 2 == 0 ? 0xff : 0x03;
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    const uint64_t bits = random() & (mask * 0x0101010101010101);
    std::memcpy(value.data() + at, &bits, std::min(sizeof(bits), size - at));
  }
  return value;
}

size_t RandomSize(std::mt19937_64& random) {
  const size_t sizes[] = {0, 1, 8, 100, 5'000, 100'000, 114'000, 131'072, 400'000};
  return sizes[std::min<size_t>(random() % 40, random() % std::size(sizes))];
}

std::string RandomKey(std::mt19937_64& random, int i) {
  std::string key = "{\"x\": " + std::to_string(i) + "}";
  if (random() % 20 == 0) key += RandomValue(random, random() % 1000);
  return key;
}

}  // namespace

Contents ContentsOf(const std::filesystem::path& cache) {
  Contents contents;
  const std::vector<StoredFunction> functions = catalog::FindStoredFunctions(cache).value();
  for (const StoredFunction& function : functions) {
    const std::vector<uint32_t> versions = catalog::VersionsOf(function).value();
    for (const uint32_t version : versions) {
      const std::unique_ptr<Store> store = catalog::OpenVersion(function, version).value();
      const absl::Status walked =
          store->ForEach(storage::Depth::kValues, [&](const storage::EntryInfo& entry) {
            EXPECT_TRUE(entry.status.ok()) << entry.status;
            contents[{function.name, version, function.in_files}][std::string(entry.key)] = {
                .value = std::string(entry.value),
                .created = entry.created.time_since_epoch().count(),
                .compute_time = entry.compute_time.count(),
                .format = entry.format};
            return storage::Verdict::kKeep;
          });
      EXPECT_TRUE(walked.ok()) << walked;
    }
  }
  return contents;
}

void Fill(const std::filesystem::path& cache, const Contents& contents) {
  for (const auto& [place, entries] : contents) {
    const auto& [name, version, in_files] = place;
    const StoredFunction function = {.name = name, .folder = cache / name, .in_files = in_files};
    for (const FileFormat format : {FileFormat::kBinary, FileFormat::kZstd, FileFormat::kJson}) {
      std::vector<KeyedRecord> records;
      for (const auto& [key, content] : entries) {
        if (content.format != format) continue;
        records.push_back({key,
                           {.value = content.value,
                            .created = storage::TimePoint(nanoseconds(content.created)),
                            .compute_time = nanoseconds(content.compute_time)}});
      }
      if (records.empty()) continue;
      const std::unique_ptr<Store> store =
          catalog::OpenVersion(function, version, {.format = format}).value();
      const absl::Status put = store->PutMany(records, /*synced=*/true);
      ASSERT_TRUE(put.ok()) << put;
    }
  }
}

Contents RandomContents(std::mt19937_64& random, int entries, bool with_large) {
  const Place places[] = {{"wing/lift", 0, false},       {"wing/lift", 7, false},
                          {"wing/lift", 0, true},        {"wing/lift/.out_files", 0, false},
                          {"a b\xc3\xa9%/c:d", 3, true}, {"wing", 0, false}};
  Contents contents;
  for (int i = 0; i < entries; ++i) {
    const Place& place = places[random() % std::size(places)];
    const bool in_files = std::get<2>(place);
    Content content = {.value = RandomValue(random, RandomSize(random)),
                       .created = static_cast<int64_t>(random() % 1'700'000'000'000'000'000),
                       .compute_time = static_cast<int64_t>(random() % 1'000'000'000'000)};
    // Only what gets smaller is stored compressed.
    const uint64_t kind = random() % 3;
    if (kind == 1) content.value.assign(200 + random() % 1000, 'z');
    content.format = kind == 1               ? FileFormat::kZstd
                     : kind == 2 && in_files ? FileFormat::kJson
                                             : FileFormat::kBinary;
    contents[place][RandomKey(random, i)] = std::move(content);
  }
  if (with_large) {
    contents[places[0]]["{\"large\": 1}"] = {.value = RandomValue(random, 5'000'000)};
    contents[places[0]]["{\"large\": 2}"] = {.value = RandomValue(random, 9'000'001), .created = 1};
    contents[places[2]]["{\"large\": 3}"] = {.value = RandomValue(random, 8'500'000)};
  }
  return contents;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string WithEnd(const std::string& frames, archive::Directory directory) {
  archive::Digester digester;
  digester.Add(frames);
  directory.frames_size = frames.size();
  directory.digest = digester.Digest();
  return frames + archive::ToBytes(directory).value();
}

}  // namespace permacache::testing
