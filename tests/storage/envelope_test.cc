#include "permacache/storage/envelope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "permacache/hash/hash.h"

namespace permacache::storage {
namespace {

using ::testing::HasSubstr;

// The places of FORMAT.md.
constexpr size_t kVersion = 4;
constexpr size_t kCompression = 5;
constexpr size_t kKeySize = 24;
constexpr size_t kStoredSize = 32;

const Record kRecord = {
    .value = "the value of this key",
    .created = TimePoint(std::chrono::nanoseconds(1700000000123456789)),
    .compute_time = std::chrono::milliseconds(1500),
};

struct Opened {
  absl::StatusOr<bool> found;
  std::string value;
};

Opened Open(std::string_view bytes, std::string_view key) {
  Opened opened{false, ""};
  opened.found =
      OpenEnvelope(bytes, key, [&](const Record& record) { opened.value = record.value; });
  return opened;
}

std::string Hex(std::string_view bytes) {
  return hash::Hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

TEST(Envelope, GivesBackTheRecord) {
  for (const Compression compression : {Compression::kNone, Compression::kZstd}) {
    const std::string bytes = SealEnvelope("key", kRecord, compression);
    int visits = 0;
    const absl::StatusOr<bool> found = OpenEnvelope(bytes, "key", [&](const Record& record) {
      ++visits;
      EXPECT_EQ(record.value, kRecord.value);
      EXPECT_EQ(record.created, kRecord.created);
      EXPECT_EQ(record.compute_time, kRecord.compute_time);
    });
    EXPECT_EQ(found.value(), true);
    EXPECT_EQ(visits, 1);
  }
}

TEST(Envelope, OfAnotherKeyIsNotOpened) {
  const std::string bytes = SealEnvelope("key", kRecord, Compression::kNone);
  for (const std::string_view key : {"", "ke", "kez", "keys"}) {
    const Opened opened = Open(bytes, key);
    EXPECT_EQ(opened.found.value(), false);
    EXPECT_EQ(opened.value, "");
  }
}

TEST(Envelope, HasTheBytesOfTheFormat) {
  std::ifstream golden("tests/storage/envelope.golden");
  std::string line;
  ASSERT_TRUE(std::getline(golden, line));
  EXPECT_EQ(Hex(SealEnvelope("{\"x\": 2}", kRecord, Compression::kNone)), line);
}

TEST(Envelope, CompressesWhatGetsSmallerAndLeavesTheRest) {
  const std::string zeros(100000, '\0');
  const std::string compressed = SealEnvelope("key", {.value = zeros}, Compression::kZstd);
  EXPECT_LT(compressed.size(), size_t{1000});
  EXPECT_EQ(compressed[kCompression], static_cast<char>(Compression::kZstd));
  EXPECT_TRUE(Open(compressed, "key").value == zeros);

  const std::string left = SealEnvelope("key", {.value = "abc"}, Compression::kZstd);
  EXPECT_EQ(left, SealEnvelope("key", {.value = "abc"}, Compression::kNone));
}

TEST(Envelope, IsNeverOpenedWithABitFlipped) {
  const std::string zeros(1000, '\0');
  for (const Compression compression : {Compression::kNone, Compression::kZstd}) {
    const std::string sound = SealEnvelope("key", {.value = zeros}, compression);
    for (size_t bit = 0; bit < 8 * sound.size(); ++bit) {
      std::string bytes = sound;
      bytes[bit / 8] ^= static_cast<char>(1 << bit % 8);
      const absl::Status status = Open(bytes, "key").found.status();
      EXPECT_TRUE(absl::IsDataLoss(status) || absl::IsUnimplemented(status))
          << "bit " << bit << ": " << status;
    }
  }
}

TEST(Envelope, IsNeverOpenedWhenCutOrLengthened) {
  const std::string sound = SealEnvelope("key", kRecord, Compression::kNone);
  for (size_t size = 0; size < sound.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(Open(sound.substr(0, size), "key").found.status())) << size;
  }
  EXPECT_TRUE(absl::IsDataLoss(Open(sound + '\0', "key").found.status()));
}

std::string WithByte(size_t place, char value) {
  std::string bytes = SealEnvelope("key", kRecord, Compression::kNone);
  bytes[place] = value;
  return bytes;
}

TEST(Envelope, SaysWhatIsWrong) {
  const auto message = [](std::string_view bytes) {
    return std::string(Open(bytes, "key").found.status().message());
  };
  EXPECT_THAT(message("short"), HasSubstr("shorter than its header"));
  EXPECT_THAT(message(WithByte(0, 'X')), HasSubstr("magic"));
  EXPECT_THAT(message(WithByte(kVersion, 9)), HasSubstr("newer permacache"));
  EXPECT_THAT(message(WithByte(kKeySize + 5, 1)), HasSubstr("lengths"));
  EXPECT_THAT(message(WithByte(kStoredSize, 0)), HasSubstr("lengths"));
  EXPECT_THAT(message(WithByte(60, 'X')), HasSubstr("checksum"));
}

TEST(Envelope, TellsANewerVersionFromDamage) {
  EXPECT_TRUE(absl::IsUnimplemented(Open(WithByte(kVersion, 2), "key").found.status()));
}

}  // namespace
}  // namespace permacache::storage
