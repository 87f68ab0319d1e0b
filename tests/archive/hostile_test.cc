// Files that somebody has made with care, so that their digests are right: names that leave the
// cache, links, sizes beyond measure, members of others.
#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "permacache/archive/archive.h"
#include "permacache/archive/frames.h"
#include "permacache/archive/layout.h"
#include "permacache/storage/envelope.h"
#include "permacache/testing/temporary_directory.h"
#include "tests/archive/cache_content.h"
#include "tests/archive/hostile_file.h"

namespace permacache::archive {
namespace {

using ::permacache::testing::ChunkOf;
using ::permacache::testing::ContentsOf;
using ::permacache::testing::FileOfTar;
using ::permacache::testing::ParentInMemory;
using ::permacache::testing::RecordOf;
using ::permacache::testing::TarOf;
using ::permacache::testing::TemporaryDirectory;
using ::permacache::testing::WriteFile;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using Member = ::permacache::testing::TarFile;

const Section kLift = {.function = "wing/lift"};

std::string TarWith(const std::vector<Member>& members) {
  std::vector<Member> all = {{.name = std::string(kTitleName), .content = std::string(kTitle)}};
  all.insert(all.end(), members.begin(), members.end());
  return TarOf(all);
}

// A member with these records, as an export has it.
Member RecordsOf(const Section& section, uint64_t number, const std::string& records) {
  return {.name = NameOfRecords(section, number), .content = ChunkOf(section) + records};
}

class HostileTest : public ::testing::Test {
 protected:
  absl::Status ImportTar(const std::string& tar, int64_t entries) {
    WriteFile(file_, FileOfTar(tar, entries));
    return Import(file_, to_).status();
  }

  // The import fails, and nothing is there but the cache and the file.
  void ExpectRefused(const std::string& tar, int64_t entries, const std::string& why) {
    const absl::Status status = ImportTar(tar, entries);
    EXPECT_TRUE(absl::IsInvalidArgument(status) || absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
    ExpectNothingStored();
  }

  void ExpectNothingStored() const {
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
      EXPECT_THAT(entry.path(), AnyOf(file_, to_));
    }
    EXPECT_TRUE(!std::filesystem::exists(to_) || std::filesystem::is_empty(to_));
  }

  const TemporaryDirectory directory_{ParentInMemory()};
  const std::filesystem::path file_ = directory_.path() / "exported";
  const std::filesystem::path to_ = directory_.path() / "to";
};

TEST_F(HostileTest, WhatThisTestMakesIsImportedIfItIsSound) {
  const std::string tar = TarWith({RecordsOf(kLift, 1, RecordOf("a", "1") + RecordOf("b", "2")),
                                   RecordsOf(kLift, 2, RecordOf("c", "3"))});
  ASSERT_TRUE(ImportTar(tar, 3).ok());
  EXPECT_EQ((ContentsOf(to_)[{"wing/lift", 0, false}].size()), 3u);
}

TEST_F(HostileTest, NamesThatLeaveTheCacheAreRefused) {
  for (const char* name :
       {"..", "../out", "a/../../out", "/tmp/out", "a//b", "a/", ".", "a/./b", "", ".file_contents",
        "a/.values", ".out_files", "a/.out_files/.out_files", "a/.out_files/b", "a\nb",
        "stats.json", "data.mdb", "a/.turns0", ".paths"}) {
    for (const bool in_files : {false, true}) {
      const Section section = {.function = name, .in_files = in_files};
      SCOPED_TRACE(name);
      ExpectRefused(TarWith({RecordsOf(section, 1, RecordOf("a", "1"))}), 1, "permacache");
    }
  }
  const Section zero = {.function = std::string("a\0b", 3)};
  ExpectRefused(TarWith({RecordsOf(zero, 1, RecordOf("a", "1"))}), 1, "control character");
  const Section long_part = {.function = std::string(300, 'a')};
  ExpectRefused(TarWith({RecordsOf(long_part, 1, RecordOf("a", "1"))}), 1, "255 bytes");
  const Section too_long = {.function = std::string(5000, 'a')};
  ExpectRefused(TarWith({RecordsOf(too_long, 1, RecordOf("a", "1"))}), 1, "damaged");
}

TEST_F(HostileTest, AFileInTheWayOfAFunctionIsLeftAlone) {
  std::filesystem::create_directory(to_);
  WriteFile(to_ / "wing", "precious");
  const absl::Status status = ImportTar(TarWith({RecordsOf(kLift, 1, RecordOf("a", "1"))}), 1);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(testing::ReadFile(to_ / "wing"), "precious");
}

TEST_F(HostileTest, MembersThatAreNoFilesAreRefused) {
  const Member records = RecordsOf(kLift, 1, RecordOf("a", "1"));
  for (const auto& [type, why] :
       {std::pair(AE_IFLNK, "plain file"), std::pair(AE_IFDIR, "plain file"),
        std::pair(AE_IFIFO, "plain file"), std::pair(AE_IFCHR, "plain file")}) {
    Member other = records;
    other.type = type;
    other.content.clear();
    ExpectRefused(TarWith({other}), 1, why);
  }
  Member hard_link = records;
  hard_link.content.clear();
  hard_link.hard_link = "/etc/passwd";
  ExpectRefused(TarWith({hard_link}), 1, "plain file");
}

TEST_F(HostileTest, MembersOfOthersAreRefused) {
  const Member records = RecordsOf(kLift, 1, RecordOf("a", "1"));
  ExpectRefused(TarWith({{.name = "../../etc/passwd", .content = "root"}}), 0, "passwd");
  ExpectRefused(TarWith({{.name = "results/wing/lift/v0/00000001.records", .content = "other"}}), 0,
                "magic");
  // Under a name that is not theirs, or in another order.
  ExpectRefused(TarWith({{.name = "../../out", .content = records.content}}), 1, "should be");
  ExpectRefused(TarWith({RecordsOf(kLift, 2, RecordOf("a", "1"))}), 1, "should be");
  ExpectRefused(TarOf({records}), 1, "does not begin so");
  ExpectRefused(TarOf({}), 0, "");
}

TEST_F(HostileTest, SizesBeyondMeasureAreRefused) {
  // Of a record, in its member.
  std::string record = RecordOf("a", "1");
  for (const size_t field : {24, 32}) {
    for (const uint64_t size : {uint64_t{2}, uint64_t{1} << 40, ~uint64_t{0} - 100}) {
      std::string changed = record;
      for (size_t i = 0; i < 8; ++i) changed[field + i] = static_cast<char>(size >> (8 * i));
      ExpectRefused(TarWith({RecordsOf(kLift, 1, changed)}), 1, "");
    }
  }
  // Of a member, in the archive: with a size that tar can state.
  for (const int64_t size : {int64_t{1} << 20, int64_t{1} << 40, int64_t{1} << 62}) {
    Member large = RecordsOf(kLift, 1, record);
    large.stated_size = size;
    ExpectRefused(TarWith({large}), 1, "");
  }
}

TEST_F(HostileTest, ALargeMemberMustBeOneRecord) {
  const std::string large = RecordOf("a", std::string(100'000, 'a'));
  ExpectRefused(TarWith({RecordsOf(kLift, 1, large + large)}), 2, "");
  EXPECT_TRUE(
      ImportTar(TarWith({RecordsOf(kLift, 1, RecordOf("a", std::string(200'000, 'a')))}), 1).ok());
}

TEST_F(HostileTest, RecordsAreCheckedOneByOneAndNoneIsStoredUnchecked) {
  const std::string sound = RecordOf("a", "value");
  for (size_t bit = 0; bit < 8 * sound.size(); ++bit) {
    std::string record = sound;
    record[bit / 8] = static_cast<char>(record[bit / 8] ^ (1 << bit % 8));
    const absl::Status status = ImportTar(TarWith({RecordsOf(kLift, 1, record)}), 1);
    EXPECT_FALSE(status.ok()) << bit;
    ExpectNothingStored();
  }
  // A member before it may have been imported; its records are sound.
  std::string damaged = sound;
  damaged[50] = static_cast<char>(damaged[50] + 1);
  for (const OnConflict how : {OnConflict::kKeep, OnConflict::kFail}) {
    WriteFile(file_, FileOfTar(TarWith({RecordsOf(kLift, 1, RecordOf("sound", "v")),
                                        RecordsOf(kLift, 2, damaged)}),
                               2));
    EXPECT_TRUE(absl::IsDataLoss(Import(file_, to_, {.on_conflict = how}).status()));
    for (const auto& [place, entries] : ContentsOf(to_)) EXPECT_FALSE(entries.contains("a"));
    EXPECT_TRUE(how != OnConflict::kFail || ContentsOf(to_).empty());
    std::filesystem::remove_all(to_);
  }
}

TEST_F(HostileTest, RecordsThatAreReferencesOrCompressedAreRefused) {
  storage::Envelope envelope = {.key = "a", .value_size = 5, .stored = "value"};
  EXPECT_TRUE(ImportTar(TarWith({RecordsOf(kLift, 1, SealEnvelope(envelope))}), 1).ok());
  std::filesystem::remove_all(to_);
  envelope.in_file = true;
  ExpectRefused(TarWith({RecordsOf(kLift, 1, SealEnvelope(envelope))}), 1, "packed");
  envelope.in_file = false;
  envelope.value_size = uint64_t{1} << 50;
  ExpectRefused(TarWith({RecordsOf(kLift, 1, SealEnvelope(envelope))}), 1, "packed");
  envelope.value_size = 5;
  envelope.compression = storage::Compression::kZstd;
  ExpectRefused(TarWith({RecordsOf(kLift, 1, SealEnvelope(envelope))}), 1, "packed");
}

TEST_F(HostileTest, WhatIsSaidOfTheNumberOfRecordsMustBeRight) {
  const std::string tar = TarWith({RecordsOf(kLift, 1, RecordOf("a", "1"))});
  const absl::Status status = ImportTar(tar, 2);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

// The tar archive is damaged in every way, and everything around it is right.
TEST_F(HostileTest, WithAnyBitOfTheTarChangedNothingWrongIsStored) {
  const std::string tar = TarWith({RecordsOf(kLift, 1, RecordOf("key", "value"))});
  for (size_t bit = 0; bit < 8 * tar.size(); bit += 11) {
    std::string changed = tar;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    if (!ImportTar(changed, 1).ok()) {
      ExpectNothingStored();
      continue;
    }
    const testing::Contents contents = ContentsOf(to_);  // what was changed does not matter
    ASSERT_EQ(contents.size(), 1u) << bit;
    EXPECT_EQ((contents.at({"wing/lift", 0, false}).at("key").value), "value");
    std::filesystem::remove_all(to_);
  }
}

TEST_F(HostileTest, FramesThatStateMoreThanTheyHoldAreRefused) {
  // A frame whose header states 100 GB, as zstd writes it; and one that states nothing.
  const std::string large = std::string("\x28\xb5\x2f\xfd\xe0", 5) +
                            std::string("\x00\x00\x00\x00\x19\x00\x00\x00", 8) +
                            std::string("\x01\x00\x00", 3);
  const std::string unstated("\x28\xb5\x2f\xfd\x00\x58\x01\x00\x00", 9);
  for (const std::string& frames : {large, unstated, std::string("no frame"), std::string()}) {
    WriteFile(file_, testing::WithEnd(frames));
    const absl::Status status = Import(file_, to_).status();
    EXPECT_TRUE(absl::IsDataLoss(status) || absl::IsInvalidArgument(status)) << status;
    ExpectNothingStored();
  }
}

TEST_F(HostileTest, APackWhoseIndexLeadsAstrayFindsNothingWrong) {
  const std::string tar = TarWith({RecordsOf(kLift, 1, RecordOf("key", "value"))});
  std::string frames = testing::FramesOf(tar);
  const uint64_t records = 0;
  for (const uint64_t frame : {records, uint64_t{1}, uint64_t{frames.size()},
                               std::numeric_limits<uint64_t>::max() >> 17}) {
    for (const uint32_t within : {0u, 1u, 1024u, 2000u, 131'071u}) {
      std::string page;
      AppendTo(page,
               {.digest = storage::DigestOfKey("key"), .frame = frame, .within_frame = within});
      const uint64_t index = frames.size();
      for (const uint64_t page_at :
           {index, uint64_t{0}, index + 5, std::numeric_limits<uint64_t>::max()}) {
        Directory directory;
        directory.sections.push_back({.section = kLift,
                                      .entries = 1,
                                      .bytes = 8,
                                      .indexes = {{{.first = {}, .frame = page_at}}}});
        WriteFile(file_, testing::WithEnd(frames + testing::FramesOf(page), directory));
        const auto pack = Pack::Open(file_);
        ASSERT_TRUE(pack.ok()) << pack.status();
        const auto found =
            (*pack)->Get(*(*pack)->Find("wing/lift", 0), "key",
                         [&](const storage::Record& record) { EXPECT_EQ(record.value, "value"); });
        EXPECT_TRUE(found.ok() || absl::IsDataLoss(found.status())) << found.status();
      }
    }
  }
}

}  // namespace
}  // namespace permacache::archive
