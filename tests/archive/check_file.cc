#include "tests/archive/check_file.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "permacache/archive/archive.h"
#include "permacache/archive/layout.h"
#include "permacache/memoize/stored_functions.h"
#include "permacache/storage/store.h"
#include "permacache/testing/temporary_directory.h"
#include "tests/archive/cache_content.h"
#include "tests/archive/hostile_file.h"

namespace permacache::testing {
namespace {

namespace fs = std::filesystem;
using archive::Section;

enum Kind : uint8_t { kFile, kFrames, kTar, kMembers, kIndex, kKinds };

const Section kLift = {.function = "wing/lift"};

// Bytes that run out one day; then they are zeros.
class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }
  std::string_view rest() const { return bytes_; }

  uint8_t Byte() {
    const std::string_view byte = Bytes(1);
    return byte.empty() ? 0 : static_cast<uint8_t>(byte[0]);
  }

  std::string_view Bytes(size_t size) {
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view bytes_;
};

// Members of any functions, in which everything is right but what the input says.
std::string TarOfMembers(Input input, int64_t* entries) {
  std::vector<TarFile> members = {
      {.name = std::string(archive::kTitleName), .content = std::string(archive::kTitle)}};
  for (uint64_t number = 1; !input.empty() && number < 8; ++number) {
    const uint8_t what = input.Byte();
    const Section section = {.function = std::string(input.Bytes(input.Byte() % 40)),
                             .version = input.Byte(),
                             .in_files = (what & 1) != 0};
    std::string content = ChunkOf(section, static_cast<storage::FileFormat>(what / 2 % 3));
    for (int records = input.Byte() % 4; records > 0; --records) {
      const std::string_view key = input.Bytes(input.Byte() % 20);
      const std::string value(input.Bytes(input.Byte()));
      content += RecordOf(key, (what & 0x80) == 0 ? value : value + std::string(150'000, 'v'));
      ++*entries;
    }
    const bool is_index = (what & 0x40) != 0;
    TarFile& member = members.emplace_back(
        TarFile{.name = is_index ? NameOfIndex(section, number) : NameOfRecords(section, number),
                .content = std::move(content)});
    if ((what & 0x38) == 0x38) member.name = input.Bytes(input.Byte());
    if ((what & 0x38) == 0x30) member.type = AE_IFLNK;
    if ((what & 0x38) == 0x28) member.stated_size = int64_t{1} << (input.Byte() % 63);
  }
  return TarOf(members);
}

std::string FileOfIndex(Input input) {
  const std::string tar = TarOf(
      {{.name = std::string(archive::kTitleName), .content = std::string(archive::kTitle)},
       {.name = NameOfRecords(kLift, 1), .content = ChunkOf(kLift) + RecordOf("key", "value")}});
  const std::string frames = FramesOf(tar);
  archive::Directory directory;
  directory.sections.push_back({.section = kLift, .entries = 1, .bytes = 8});
  archive::IndexPage page = {};
  page.frame = input.Byte() % 2 == 0 ? frames.size() : input.Byte();
  directory.sections.back().indexes.push_back({page});
  return WithEnd(frames + FramesOf(input.rest().empty() ? "x" : input.rest()), directory);
}

std::string FileOf(std::string_view bytes) {
  Input input(bytes);
  const uint8_t kind = input.Byte() % kKinds;
  int64_t entries = 0;
  switch (kind) {
    case kFrames:
      return WithEnd(std::string(input.rest()));
    case kTar:
      entries = input.Byte();
      return FileOfTar(input.rest().empty() ? "x" : input.rest(), entries);
    case kMembers: {
      const std::string tar = TarOfMembers(input, &entries);
      return FileOfTar(tar, entries);
    }
    case kIndex:
      return FileOfIndex(input);
    default:
      return std::string(input.rest());
  }
}

// One for the whole process, as the fuzzer goes through thousands of files in a second.
const fs::path& Playground() {
  static const TemporaryDirectory* const directory = new TemporaryDirectory(ParentInMemory());
  return directory->path();
}

std::string WhatIsOutside(const fs::path& directory) {
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (name != "file" && name != "cache") return "there is " + entry.path().string();
  }
  if (!fs::exists(directory / "cache")) return {};
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory / "cache")) {
    if (entry.is_symlink()) return "there is a link, " + entry.path().string();
  }
  return {};
}

std::string WhatIsUnsound(const fs::path& cache, int64_t* entries) {
  const auto functions = memoize::FindStoredFunctions(cache).value();
  for (const memoize::StoredFunction& function : functions) {
    const std::vector<uint32_t> versions = memoize::VersionsOf(function).value();
    for (const uint32_t version : versions) {
      absl::Status trouble;
      const auto store = memoize::OpenVersion(function, version).value();
      trouble.Update(store->ForEach(storage::Depth::kValues, [&](const storage::EntryInfo& entry) {
        trouble.Update(entry.status);
        ++*entries;
        return storage::Verdict::kKeep;
      }));
      if (!trouble.ok()) return trouble.ToString();
    }
  }
  return {};
}

std::string CheckPack(const fs::path& file) {
  const auto pack = archive::Pack::Open(file);
  if (!pack.ok()) return pack.status().message().empty() ? "an error says nothing" : "";
  std::string wrong;
  for (const char* function : {"wing/lift", "f", ""}) {
    const archive::Pack::Indexes* indexes = (*pack)->Find(function, 0);
    if (indexes == nullptr) continue;
    for (const char* key : {"key", "a", ""}) {
      const auto found = (*pack)->Get(*indexes, key, [&](const storage::Record& record) {
        if (std::string_view(key) == "key" && record.value.size() > (1 << 20)) wrong = "a value";
      });
      if (!found.ok() && found.status().message().empty()) return "an error says nothing";
    }
  }
  return wrong;
}

std::string CheckImport(const fs::path& file, const fs::path& cache,
                        archive::OnConflict on_conflict) {
  int64_t before = 0, after = 0;
  if (fs::exists(cache)) WhatIsUnsound(cache, &before);
  const auto report = archive::Import(file, cache, {.on_conflict = on_conflict});
  if (!report.ok() && report.status().message().empty()) return "an error says nothing";
  if (fs::exists(cache)) {
    if (std::string wrong = WhatIsUnsound(cache, &after); !wrong.empty()) return wrong;
  }
  if (after < before) return "entries were lost";
  if (report.ok() && report->added > 0 && after == before) return "nothing was added";
  return {};
}

}  // namespace

std::string CheckFile(std::span<const uint8_t> input) {
  const std::string_view bytes(reinterpret_cast<const char*>(input.data()), input.size());
  const fs::path directory = Playground(), file = directory / "file", cache = directory / "cache";
  WriteFile(file, FileOf(bytes));
  const auto how = static_cast<archive::OnConflict>(input.size() % 3);
  std::string wrong = CheckImport(file, cache, how);
  if (wrong.empty() && fs::exists(cache)) wrong = CheckImport(file, cache, how);
  if (wrong.empty()) wrong = WhatIsOutside(directory);
  if (wrong.empty()) wrong = CheckPack(file);
  fs::remove_all(cache);
  return wrong;
}

std::vector<std::string> Seeds() {
  const TemporaryDirectory directory(ParentInMemory());
  const fs::path file = directory.path() / "file";
  Fill(directory.path() / "cache", {{{"f", 0, false}, {{"a", {.value = "1"}}, {"key", {}}}},
                                    {{"f", 0, true}, {{"a", {.value = std::string(200, 'v')}}}}});
  if (!archive::Export(directory.path() / "cache", file).ok()) std::abort();
  const std::string sound = ReadFile(file);
  const auto of = [](Kind kind, const std::string& rest) { return static_cast<char>(kind) + rest; };
  const std::string tar =
      TarOf({{.name = std::string(archive::kTitleName), .content = std::string(archive::kTitle)},
             {.name = NameOfRecords(kLift, 1),
              .content = ChunkOf(kLift) + RecordOf("a", "1") + RecordOf("key", "2")}});
  std::string page;
  archive::AppendTo(page,
                    {.digest = storage::DigestOfKey("key"), .frame = 0, .within_frame = 1500});
  return {
      of(kFile, sound),
      of(kFrames, FramesOf(tar)),
      of(kTar, "\x02" + tar),
      of(kTar, "\x01" + TarOf({{.name = "../out", .content = "x"}})),
      of(kMembers, std::string("\x00\x09wing/lift\x00\x01\x01"
                               "a\x01"
                               "b",
                               17)),
      of(kMembers, std::string("\x01\x02..\x00\x01\x01"
                               "a\x01"
                               "b",
                               10)),
      of(kMembers, std::string("\x80\x01"
                               "f\x00\x02\x01"
                               "a\x01"
                               "b\x03key\x01"
                               "c",
                               15)),
      of(kIndex, std::string("\x00", 1) + page),
      of(kIndex, std::string("\x01\x05", 2) + page),
  };
}

}  // namespace permacache::testing
