#include "permacache/storage/json_entry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "permacache/json/json.h"
#include "permacache/testing/random.h"
#include "xxhash.h"

namespace permacache::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Record kRecord = {
    .value = "{\n  \"radius\": 1.5,\n  \"material\": \"glass\"\n}",
    .created = TimePoint(std::chrono::nanoseconds(1700000000123456789)),
    .compute_time = std::chrono::milliseconds(1500),
};

struct Opened {
  absl::StatusOr<bool> found;
  std::string value;
  TimePoint created;
  std::chrono::nanoseconds compute_time;
};

Opened Open(std::string_view bytes, std::string_view key) {
  Opened opened{.found = false, .value = {}, .created = {}, .compute_time = {}};
  opened.found = OpenJsonEntry(bytes, key, [&](const Record& record) {
    opened.value = record.value;
    opened.created = record.created;
    opened.compute_time = record.compute_time;
  });
  return opened;
}

void ExpectSame(std::string_view bytes, std::string_view key, const Record& record) {
  const Opened opened = Open(bytes, key);
  ASSERT_TRUE(opened.found.ok()) << opened.found.status() << bytes;
  EXPECT_TRUE(*opened.found);
  EXPECT_EQ(opened.value, record.value);
  EXPECT_EQ(opened.created, record.created);
  EXPECT_EQ(opened.compute_time, record.compute_time);
}

std::string Replaced(std::string text, std::string_view what, std::string_view by) {
  const size_t place = text.find(what);
  EXPECT_NE(place, text.npos) << what;
  return text.replace(place, what.size(), by);
}

TEST(JsonEntry, IsThatOfTheGoldenFile) {
  std::ifstream file("tests/storage/json_entry.golden");
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(SealJsonEntry("{\"x\": 2}", kRecord), golden);
}

TEST(JsonEntry, GivesBackTheRecordBitForBit) {
  for (const std::string_view value :
       {"", "1", " 1", "1 ", "1\n", "\n1", "[1,\n2]", "[1,\n  2]", "[1,\r\n2]", "{\"a\":\n\n 1}",
        "\"text\"", "not JSON", "\xff", "{\"base64\": \"\"}", "[[[]]]", "true", "[1,]"}) {
    Record record = kRecord;
    record.value = value;
    for (const std::string_view key : {std::string_view("key"), std::string_view("\0\n\"\\", 4),
                                       std::string_view("\xff"), std::string_view()}) {
      const std::string bytes = SealJsonEntry(key, record);
      EXPECT_TRUE(json::IsValid(bytes)) << bytes;
      ExpectSame(bytes, key, record);
    }
  }
}

TEST(JsonEntry, KeepsEveryTime) {
  std::mt19937_64 random = testing::SeededRandom();
  using Limits = std::numeric_limits<int64_t>;
  std::vector<int64_t> counts = {
      0, 1, -1, 999'999'999, -1'000'000'000, Limits::min(), Limits::max()};
  for (int i = 0; i < 1000; ++i) counts.push_back(static_cast<int64_t>(random() >> random() % 64));
  for (const int64_t count : counts) {
    const Record record = {.value = "1",
                           .created = TimePoint(std::chrono::nanoseconds(count)),
                           .compute_time = std::chrono::nanoseconds(count)};
    ExpectSame(SealJsonEntry("key", record), "key", record);
  }
}

TEST(JsonEntry, ShowsValuesThatAreJsonAndTheKeyAsTheyAre) {
  EXPECT_THAT(
      SealJsonEntry("{\"x\": 2}", kRecord),
      HasSubstr("  \"value\": {\n    \"radius\": 1.5,\n    \"material\": \"glass\"\n  },\n"));
  EXPECT_THAT(SealJsonEntry("gr\xc3\xb6\xc3\x9f"
                            "e",
                            kRecord),
              HasSubstr("\"key\": \"gr\xc3\xb6\xc3\x9f"
                        "e\""));
}

TEST(JsonEntry, MayHaveTheLineEndsOfOtherSystems) {
  const std::string bytes = SealJsonEntry("key", kRecord);
  std::string changed;
  for (const char c : bytes) changed += c == '\n' ? std::string("\r\n") : std::string(1, c);
  ExpectSame(changed, "key", kRecord);
}

TEST(JsonEntry, OfAnotherKeyIsNotOpened) {
  const std::string bytes = SealJsonEntry("key", kRecord);
  for (const std::string_view key : {"", "ke", "kez", "keys"}) {
    EXPECT_EQ(Open(bytes, key).found.value(), false);
  }
}

TEST(JsonEntry, IsNeverOpenedWithABitFlipped) {
  for (const std::string_view value : {kRecord.value, std::string_view("\xff\0", 2)}) {
    const std::string sound = SealJsonEntry("key", {.value = value});
    for (size_t bit = 0; bit < 8 * sound.size(); ++bit) {
      std::string bytes = sound;
      bytes[bit / 8] ^= static_cast<char>(1 << bit % 8);
      const absl::Status status = Open(bytes, "key").found.status();
      EXPECT_TRUE(absl::IsDataLoss(status) || absl::IsUnimplemented(status))
          << "bit " << bit << ": " << status;
    }
  }
}

TEST(JsonEntry, IsNeverOpenedWhenCutOrLengthened) {
  const std::string sound = SealJsonEntry("key", kRecord);
  for (size_t size = 0; size < sound.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(Open(sound.substr(0, size), "key").found.status())) << size;
  }
  EXPECT_TRUE(absl::IsDataLoss(Open(sound + "\n", "key").found.status()));
}

TEST(JsonEntry, EditedByHandIsDamaged) {
  const absl::Status status =
      Open(Replaced(SealJsonEntry("key", kRecord), "1.5", "2.5"), "key").found.status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("checksum"));
}

TEST(JsonEntry, TellsANewerVersionFromDamage) {
  const std::string bytes = SealJsonEntry("key", kRecord);
  const auto of_version = [&](std::string_view version) {
    return Open(Replaced(bytes, ": 1,", version), "key").found.status();
  };
  EXPECT_TRUE(absl::IsUnimplemented(of_version(": 2,")));
  EXPECT_TRUE(absl::IsUnimplemented(of_version(": 123456789123456789123456789,")));
  EXPECT_TRUE(absl::IsDataLoss(of_version(": 0,")));
  EXPECT_TRUE(absl::IsDataLoss(of_version(": x,")));
}

// The text with the checksum that belongs to it: what another program, or an enemy, could write.
std::string WithChecksum(std::string text) {
  constexpr size_t kTail = std::string_view(",\n  \"checksum\": \"0123456789abcdef\"\n}\n").size();
  const std::string_view body(text.data(), text.size() - kTail);
  char checksum[17];
  std::snprintf(checksum, sizeof(checksum), "%016llx",
                static_cast<unsigned long long>(XXH3_64bits(body.data(), body.size())));
  return text.replace(text.size() - kTail + 17, 16, checksum);
}

TEST(JsonEntry, WithOtherMembersIsDamagedWhateverItsChecksum) {
  const std::string sealed = SealJsonEntry("key", kRecord);
  ASSERT_EQ(WithChecksum(sealed), sealed);
  for (const auto& [what, by] :
       {std::pair("\"created\"", "\"kreated\""), std::pair("2023-11-14", "2023-13-14"),
        std::pair("2023", "9999"), std::pair("\"2023", "[\"2023"),
        std::pair("\"key\": ", "\"key\": 1"), std::pair("\"value\"", "\"other\""),
        std::pair("1.500000000", "1.5"), std::pair("1.500000000", "null"),
        std::pair("\"key\": \"key\",", "")}) {
    const absl::Status status =
        Open(WithChecksum(Replaced(sealed, what, by)), "key").found.status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << by << status;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("checksum"))) << by;
  }
}

}  // namespace
}  // namespace permacache::storage
