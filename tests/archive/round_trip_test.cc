// What is exported and imported is the same, bit for bit; and what an import says about it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>

#include "permacache/archive/archive.h"
#include "permacache/testing/random.h"
#include "permacache/testing/temporary_directory.h"
#include "tests/archive/cache_content.h"

namespace permacache::archive {
namespace {

using ::permacache::testing::Content;
using ::permacache::testing::Contents;
using ::permacache::testing::ContentsOf;
using ::permacache::testing::Fill;
using ::permacache::testing::ParentInMemory;
using ::permacache::testing::Place;
using ::permacache::testing::RandomContents;
using ::permacache::testing::ReadFile;
using ::permacache::testing::SeededRandom;
using ::permacache::testing::TemporaryDirectory;
using ::permacache::testing::WriteFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Place kLift = {"wing/lift", 0, false};

int64_t CountOf(const Contents& contents) {
  int64_t count = 0;
  for (const auto& [place, entries] : contents) count += static_cast<int64_t>(entries.size());
  return count;
}

class RoundTripTest : public ::testing::Test {
 protected:
  ImportReport ImportInto(const std::filesystem::path& cache,
                          OnConflict on_conflict = OnConflict::kKeep) const {
    const absl::StatusOr<ImportReport> report = Import(file_, cache, {.on_conflict = on_conflict});
    EXPECT_TRUE(report.ok()) << report.status();
    return report.value_or(ImportReport());
  }

  ExportReport ExportAll(const ExportOptions& options = {}) const {
    const absl::StatusOr<ExportReport> report = Export(from_, file_, options);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.value_or(ExportReport());
  }

  const TemporaryDirectory directory_{ParentInMemory()};
  const std::filesystem::path from_ = directory_.path() / "from";
  const std::filesystem::path to_ = directory_.path() / "to";
  const std::filesystem::path file_ = directory_.path() / "exported";
};

TEST_F(RoundTripTest, GivesBackEveryEntryBitForBit) {
  std::mt19937_64 random = SeededRandom();
  for (int round = 0; round < 4; ++round) {
    const TemporaryDirectory directory(ParentInMemory());
    const auto from = directory.path() / "from", to = directory.path() / "to";
    const auto file = directory.path() / "exported";
    const Contents contents = RandomContents(random, 80 * round, /*with_large=*/round == 3);
    std::filesystem::create_directory(from);
    Fill(from, contents);
    ASSERT_TRUE(ContentsOf(from) == contents);
    const absl::StatusOr<ExportReport> exported = Export(from, file);
    ASSERT_TRUE(exported.ok()) << exported.status();
    EXPECT_EQ(exported->entries, CountOf(contents));
    const absl::StatusOr<ImportReport> imported = Import(file, to);
    ASSERT_TRUE(imported.ok()) << imported.status();
    EXPECT_EQ(imported->added, CountOf(contents));
    EXPECT_TRUE(ContentsOf(to) == contents);
    EXPECT_EQ(imported->bytes, exported->bytes);
  }
}

TEST_F(RoundTripTest, AFilledCacheGetsWhatItDoesNotHave) {
  std::mt19937_64 random = SeededRandom();
  Contents exported = RandomContents(random, 120);
  Contents there = RandomContents(random, 120);
  // Some with the same value: those keep the times that they had.
  for (const auto& [place, entries] : exported) {
    for (const auto& [key, content] : entries) {
      if (random() % 3 == 0) there[place][key] = {.value = content.value, .created = 5};
    }
  }
  Fill(from_, exported);
  Fill(to_, there);
  ExportAll();
  ImportReport expected = {.entries = CountOf(exported)};
  Contents merged = there;
  for (const auto& [place, entries] : exported) {
    for (const auto& [key, content] : entries) {
      const auto found = merged[place].find(key);
      if (found == merged[place].end()) {
        ++expected.added;
        merged[place][key] = content;
      } else {
        ++(found->second.value == content.value ? expected.equal : expected.kept);
      }
    }
  }
  const ImportReport report = ImportInto(to_);
  EXPECT_EQ(report.entries, expected.entries);
  EXPECT_EQ(report.added, expected.added);
  EXPECT_EQ(report.equal, expected.equal);
  EXPECT_EQ(report.kept, expected.kept);
  EXPECT_EQ(report.replaced, 0);
  EXPECT_TRUE(ContentsOf(to_) == merged);
}

TEST_F(RoundTripTest, ImportingAgainFindsEverythingEqual) {
  std::mt19937_64 random = SeededRandom();
  const Contents contents = RandomContents(random, 120, /*with_large=*/true);
  Fill(from_, contents);
  ExportAll();
  ImportInto(to_);
  for (const OnConflict how : {OnConflict::kKeep, OnConflict::kReplace, OnConflict::kFail}) {
    const ImportReport report = ImportInto(to_, how);
    EXPECT_EQ(report.equal, CountOf(contents));
    EXPECT_EQ(report.added, 0);
  }
  EXPECT_TRUE(ContentsOf(to_) == contents);
}

TEST_F(RoundTripTest, AConflictIsKeptReplacedOrARefusalThatChangesNothing) {
  Fill(from_, {{kLift, {{"a", {.value = "new"}}, {"b", {.value = "more", .created = 3}}}}});
  ExportAll();
  const Contents there = {{kLift, {{"a", {.value = "old"}}}}};

  Fill(to_, there);
  const absl::Status refused = Import(file_, to_, {.on_conflict = OnConflict::kFail}).status();
  EXPECT_TRUE(absl::IsAlreadyExists(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("wing/lift, version 0: a"));
  EXPECT_TRUE(ContentsOf(to_) == there);

  ImportReport report = ImportInto(to_, OnConflict::kKeep);
  EXPECT_EQ(report.kept, 1);
  EXPECT_EQ(report.added, 1);
  EXPECT_THAT(report.conflicts, ElementsAre("wing/lift, version 0: a"));
  EXPECT_EQ(ContentsOf(to_)[kLift]["a"].value, "old");
  EXPECT_EQ(ContentsOf(to_)[kLift]["b"].created, 3);

  report = ImportInto(to_, OnConflict::kReplace);
  EXPECT_EQ(report.replaced, 1);
  EXPECT_EQ(report.equal, 1);
  EXPECT_TRUE(ContentsOf(to_) == ContentsOf(from_));
}

TEST_F(RoundTripTest, WhatTheCacheCannotReadIsMended) {
  const Place files = {"f", 0, true};
  const Contents contents = {{files, {{"a", {.value = std::string(1000, 'v')}}}}};
  Fill(from_, contents);
  ExportAll();
  Fill(to_, contents);
  const auto entry = std::filesystem::directory_iterator(to_ / "f" / "v0")->path();
  std::string bytes = ReadFile(entry);
  bytes[500] ^= 1;
  WriteFile(entry, bytes);
  EXPECT_EQ(ImportInto(to_).added, 1);
  EXPECT_TRUE(ContentsOf(to_) == contents);
}

TEST_F(RoundTripTest, ExportTellsWhatIsDamagedAndLeavesItOut) {
  const Place files = {"f", 0, true};
  Fill(from_, {{files, {{"a", {.value = std::string(1000, 'v')}}, {"b", {.value = "sound"}}}},
               {kLift, {{"c", {.value = "sound"}}}}});
  const auto entry = std::filesystem::directory_iterator(from_ / "f" / "v0");
  std::filesystem::path damaged;
  for (const auto& each : entry) {
    if (each.file_size() > 1000) damaged = each.path();
  }
  std::string bytes = ReadFile(damaged);
  bytes[500] ^= 1;
  WriteFile(damaged, bytes);
  const ExportReport report = ExportAll();
  EXPECT_EQ(report.entries, 2);
  EXPECT_EQ(report.damaged, 1);
  EXPECT_THAT(report.problems, ElementsAre(HasSubstr(damaged.filename().string())));
  EXPECT_EQ(ImportInto(to_).added, 2);
}

TEST_F(RoundTripTest, SelectedEntriesAreExported) {
  Contents contents = {{kLift, {{"a", {.value = "1"}}, {"b", {.value = "22"}}}},
                       {{"other", 4, false}, {{"a", {.value = "333"}}}}};
  Fill(from_, contents);
  const ExportReport report = ExportAll({.select = [](const ExportedEntry& entry) {
    return (entry.function == "wing/lift" && entry.info.key == "b") ||
           (entry.version == 4 && entry.info.value == "333");
  }});
  EXPECT_EQ(report.entries, 2);
  EXPECT_EQ(report.bytes, 1 + 2 + 1 + 3);
  ImportInto(to_);
  contents[kLift].erase("a");
  EXPECT_TRUE(ContentsOf(to_) == contents);
}

TEST_F(RoundTripTest, WhatIsKnownOfThisMachinesFilesIsNotExported) {
  Fill(from_, {{{".file_contents", 0, false}, {{"/etc/hosts", {.value = "digest"}}}},
               {kLift, {{"a", {.value = "1"}}}}});
  EXPECT_EQ(ExportAll().entries, 1);
}

TEST_F(RoundTripTest, AnExportIsNoUseOfEntriesAndNeitherIsAComparison) {
  Fill(from_, {{kLift, {{"a", {.value = "1", .created = 1}}}},
               {{"f", 0, true}, {{"a", {.value = "1", .created = 1}}}}});
  const auto last_write = [](const std::filesystem::path& file) {
    struct stat info;
    EXPECT_EQ(stat(file.c_str(), &info), 0);
    return std::pair(info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
  };
  const auto before = last_write(from_ / "wing" / "lift" / "data.mdb");
  ExportAll();
  EXPECT_EQ(Import(file_, from_).value().equal, 2);
  EXPECT_EQ(last_write(from_ / "wing" / "lift" / "data.mdb"), before);
}

TEST_F(RoundTripTest, AnotherFileIsOnlyReplacedIfThatIsAskedFor) {
  Fill(from_, {{kLift, {{"a", {.value = "1"}}}}});
  WriteFile(file_, "precious");
  EXPECT_TRUE(absl::IsAlreadyExists(Export(from_, file_).status()));
  EXPECT_EQ(ReadFile(file_), "precious");
  ExportAll({.overwrite = true});
  EXPECT_EQ(ImportInto(to_).added, 1);
  EXPECT_EQ(std::filesystem::status(file_).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(RoundTripTest, WithoutACacheThereIsNoFile) {
  EXPECT_TRUE(absl::IsNotFound(Export(directory_.path() / "nowhere", file_).status()));
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
  EXPECT_TRUE(absl::IsNotFound(Import(file_, to_).status()));
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(RoundTripTest, AnEmptyCacheIsAnEmptyFile) {
  std::filesystem::create_directory(from_);
  EXPECT_EQ(ExportAll().entries, 0);
  EXPECT_EQ(ImportInto(to_).entries, 0);
  EXPECT_THAT(ContentsOf(to_), IsEmpty());
}

TEST_F(RoundTripTest, ACancelledExportLeavesNoFile) {
  std::mt19937_64 random = SeededRandom();
  Fill(from_, RandomContents(random, 50));
  std::atomic<bool> cancelled = false;
  int seen = 0;
  const absl::Status status = Export(from_, file_,
                                     {.select =
                                          [&](const ExportedEntry&) {
                                            cancelled = ++seen == 20;
                                            return true;
                                          },
                                      .cancelled = &cancelled})
                                  .status();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_EQ(seen, 20);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_.path()), {}), 1);
}

TEST_F(RoundTripTest, ACancelledImportIsFinishedByAnother) {
  std::mt19937_64 random = SeededRandom();
  const Contents contents = RandomContents(random, 100);
  Fill(from_, contents);
  ExportAll();
  std::atomic<bool> cancelled = true;
  EXPECT_TRUE(absl::IsCancelled(Import(file_, to_, {.cancelled = &cancelled}).status()));
  cancelled = false;
  EXPECT_TRUE(Import(file_, to_, {.cancelled = &cancelled}).ok());
  EXPECT_TRUE(ContentsOf(to_) == contents);
}

TEST_F(RoundTripTest, ProgressGoesUpToItsEnd) {
  std::mt19937_64 random = SeededRandom();
  Fill(from_, RandomContents(random, 20, /*with_large=*/true));
  int64_t done = 0, total = 0;
  int calls = 0;
  const auto progress = [&](int64_t now_done, int64_t now_total) {
    EXPECT_GE(now_done, done);
    EXPECT_LE(now_done, now_total);
    done = now_done;
    total = now_total;
    ++calls;
  };
  ExportAll({.progress = progress});
  EXPECT_EQ(done, total);
  EXPECT_GT(calls, 2);
  for (const OnConflict how : {OnConflict::kKeep, OnConflict::kFail}) {
    calls = 0;
    done = 0;
    ASSERT_TRUE(Import(file_, to_, {.on_conflict = how, .progress = progress}).ok());
    EXPECT_EQ(done, total);
    EXPECT_GT(calls, 2);
  }
}

}  // namespace
}  // namespace permacache::archive
