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

TEST(Envelope, GivesBackItsParts) {
  const TimePoint created = TimePoint(std::chrono::days(20'000)) + std::chrono::hours(5);
  const Envelope sealed{.key = "key",
                        .created = created,
                        .compute_time = std::chrono::seconds(7),
                        .last_used = created + std::chrono::days(3),
                        .in_file = true,
                        .compression = Compression::kZstd,
                        .value_size = 12345,
                        .stored = "a reference"};
  const std::string bytes = SealEnvelope(sealed);
  const absl::StatusOr<Envelope> parsed = ParseEnvelope(bytes);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->key, "key");
  EXPECT_EQ(parsed->created, created);
  EXPECT_EQ(parsed->compute_time, std::chrono::seconds(7));
  EXPECT_EQ(parsed->last_used, TimePoint(std::chrono::days(20'003)));
  EXPECT_TRUE(parsed->in_file);
  EXPECT_EQ(parsed->compression, Compression::kZstd);
  EXPECT_EQ(parsed->value_size, 12345u);
  EXPECT_EQ(parsed->stored, "a reference");

  const size_t head = EnvelopeHeadSize(bytes, bytes.size()).value();
  const absl::StatusOr<Envelope> begin =
      ParseEnvelopeHead(std::string_view(bytes).substr(0, head), bytes.size());
  ASSERT_TRUE(begin.ok()) << begin.status();
  EXPECT_EQ(begin->key, "key");
  EXPECT_EQ(begin->last_used, parsed->last_used);
  EXPECT_EQ(begin->stored, "");
  EXPECT_TRUE(absl::IsDataLoss(
      ParseEnvelopeHead(std::string_view(bytes).substr(0, head - 1), bytes.size()).status()));
  EXPECT_TRUE(absl::IsDataLoss(EnvelopeHeadSize(bytes, bytes.size() + 1).status()));
}

TEST(Envelope, WithItsValueInAFileIsNotOpenedWithoutIt) {
  const std::string bytes = SealEnvelope({.key = "key", .in_file = true, .stored = "reference"});
  EXPECT_TRUE(absl::IsDataLoss(Open(bytes, "key").found.status()));
}

TEST(Envelope, WasLastUsedWhenItWasCreatedUnlessItSaysOtherwise) {
  for (const int64_t seconds : {int64_t{-10'000'000}, int64_t{0}, int64_t{1'700'000'000}}) {
    const TimePoint created{std::chrono::seconds(seconds)};
    for (const auto later : {-std::chrono::hours(100), std::chrono::hours(0)}) {
      const std::string bytes = SealEnvelope(
          {.key = "key", .created = created, .last_used = created + later, .stored = {}});
      EXPECT_EQ(ParseEnvelope(bytes)->last_used, created);
    }
  }
}

TEST(Envelope, OfAnUnknownCompressionIsUnimplemented) {
  const std::string bytes =
      SealEnvelope({.key = "key", .compression = static_cast<Compression>(77), .stored = "?"});
  EXPECT_TRUE(absl::IsUnimplemented(Open(bytes, "key").found.status()));
}

// A length that zstd cannot reach shall not cost its memory.
TEST(Envelope, WithAnImpossibleLengthIsDataLoss) {
  const std::string bytes = SealEnvelope({.key = "key",
                                          .compression = Compression::kZstd,
                                          .value_size = uint64_t{1} << 60,
                                          .stored = "short"});
  const absl::Status status = Open(bytes, "key").found.status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("impossible length"));
}

TEST(Envelope, TellsANewerVersionFromDamage) {
  EXPECT_TRUE(absl::IsUnimplemented(Open(WithByte(kVersion, 2), "key").found.status()));
}

}  // namespace
}  // namespace permacache::storage
