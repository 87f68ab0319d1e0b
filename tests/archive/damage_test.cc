// Exported files that were cut short or changed on their way: an error that says so, and nothing of
// them in the cache.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <string>

#include "permacache/archive/archive.h"
#include "permacache/testing/random.h"
#include "permacache/testing/temporary_directory.h"
#include "tests/archive/cache_content.h"

namespace permacache::archive {
namespace {

using ::permacache::testing::Contents;
using ::permacache::testing::ContentsOf;
using ::permacache::testing::Fill;
using ::permacache::testing::ParentInMemory;
using ::permacache::testing::ReadFile;
using ::permacache::testing::SeededRandom;
using ::permacache::testing::TemporaryDirectory;
using ::permacache::testing::WriteFile;
using ::testing::HasSubstr;

class DamageTest : public ::testing::Test {
 protected:
  DamageTest() {
    Fill(directory_.path() / "from", contents_);
    EXPECT_TRUE(Export(directory_.path() / "from", file_).ok());
    sound_ = ReadFile(file_);
  }

  // Imports these bytes as a file, which must fail and change nothing.
  void ExpectRefused(const std::string& bytes, const std::string& what) {
    WriteFile(file_, bytes);
    const absl::Status status = Import(file_, to_).status();
    ASSERT_TRUE(absl::IsDataLoss(status) || absl::IsInvalidArgument(status) ||
                absl::IsUnimplemented(status))
        << what << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(file_.string())) << what;
    ASSERT_FALSE(std::filesystem::exists(to_)) << what;
  }

  // Looks everything up in these bytes as a pack: a value must be right, or not be found.
  void ExpectNothingWrongIn(const std::string& bytes) {
    WriteFile(file_, bytes);
    const absl::StatusOr<std::shared_ptr<const Pack>> pack = Pack::Open(file_);
    if (!pack.ok()) return;
    for (const auto& [place, entries] : contents_) {
      const Pack::Indexes* indexes = (*pack)->Find(std::get<0>(place), std::get<1>(place));
      if (indexes == nullptr) continue;
      for (const auto& [key, content] : entries) {
        const absl::StatusOr<bool> found =
            (*pack)->Get(*indexes, key, [&, expected = content](const storage::Record& record) {
              EXPECT_EQ(record.value, expected.value);
              EXPECT_EQ(record.created.time_since_epoch().count(), expected.created);
            });
        found_ += found.ok() && *found;
      }
    }
  }

  const Contents contents_ = {
      {{"wing/lift", 0, false},
       {{"{\"x\": 1}", {.value = "one", .created = 7}}, {"{\"x\": 2}", {.value = ""}}}},
      {{"wing/drag", 3, true}, {{"{\"x\": 1}", {.value = std::string(300, 'v')}}}}};
  const TemporaryDirectory directory_{ParentInMemory()};
  const std::filesystem::path file_ = directory_.path() / "exported";
  const std::filesystem::path to_ = directory_.path() / "to";
  std::string sound_;
  int found_ = 0;
};

TEST_F(DamageTest, CutAnywhereItIsRefused) {
  for (size_t size = 0; size < sound_.size(); ++size) {
    ExpectRefused(sound_.substr(0, size), "cut after " + std::to_string(size));
    ExpectNothingWrongIn(sound_.substr(0, size));
  }
  EXPECT_EQ(found_, 0);
}

TEST_F(DamageTest, WithAnyBitChangedItIsRefused) {
  for (size_t bit = 0; bit < 8 * sound_.size(); ++bit) {
    std::string bytes = sound_;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    ExpectRefused(bytes, "bit " + std::to_string(bit));
    if (bit % 3 == 0) ExpectNothingWrongIn(bytes);
  }
  EXPECT_GT(found_, 0);  // in frames that were not changed
}

TEST_F(DamageTest, WithBytesLeftOutOrAddedItIsRefused) {
  std::mt19937_64 random = SeededRandom();
  for (int i = 0; i < 200; ++i) {
    const size_t at = random() % sound_.size(), count = 1 + random() % 50;
    std::string shorter = sound_, longer = sound_;
    ExpectRefused(shorter.erase(at, count), "left out at " + std::to_string(at));
    ExpectRefused(longer.insert(at, count, '\0'), "added at " + std::to_string(at));
  }
  ExpectRefused(sound_ + sound_, "twice");
}

TEST_F(DamageTest, WhatIsNoExportIsToldFromADamagedOne) {
  WriteFile(file_, "some text, which is longer than the end of an exported file is; and so on");
  EXPECT_TRUE(absl::IsInvalidArgument(Import(file_, to_).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Pack::Open(file_).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Import(directory_.path(), to_).status()));
  WriteFile(file_, sound_.substr(0, sound_.size() - 1));
  const absl::Status cut = Import(file_, to_).status();
  EXPECT_TRUE(absl::IsDataLoss(cut));
  EXPECT_THAT(std::string(cut.message()), HasSubstr("copied only in part"));
  std::string newer = sound_;
  newer[newer.size() - 8] = 2;
  WriteFile(file_, newer);
  EXPECT_TRUE(absl::IsUnimplemented(Import(file_, to_).status()));
  EXPECT_TRUE(absl::IsUnimplemented(Pack::Open(file_).status()));
}

TEST_F(DamageTest, NothingIsLostOfWhatTheCacheHas) {
  const Contents there = {{{"wing/lift", 0, false}, {{"{\"x\": 1}", {.value = "mine"}}}}};
  Fill(to_, there);
  std::string bytes = sound_;
  bytes[bytes.size() / 3] = static_cast<char>(bytes[bytes.size() / 3] + 1);
  WriteFile(file_, bytes);
  for (const OnConflict how : {OnConflict::kKeep, OnConflict::kReplace, OnConflict::kFail}) {
    EXPECT_TRUE(absl::IsDataLoss(Import(file_, to_, {.on_conflict = how}).status()));
  }
  EXPECT_TRUE(ContentsOf(to_) == there);
}

}  // namespace
}  // namespace permacache::archive
