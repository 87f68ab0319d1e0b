// Damaged bytes: they never crash the program, and mostly are noticed. That they always are is the
// task of the checksum around them.
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/codec/codec.h"
#include "permacache/testing/random.h"
#include "tests/codec/types.h"

namespace permacache::codec {
namespace {

using types::Everything;
using types::FullValue;
using types::Sphere;

constexpr size_t kFingerprintSize = 8;

struct Sharing {
  std::shared_ptr<int32_t> number;
  std::shared_ptr<std::string> text;
  std::shared_ptr<std::string> same_text;
};

Sharing SharingValue() {
  Sharing value{std::make_shared<int32_t>(3), std::make_shared<std::string>("text"), nullptr};
  value.same_text = value.text;
  return value;
}

// Touches the whole of what was decoded, for a sanitizer to see.
void Use(const absl::StatusOr<Everything>& decoded) {
  if (decoded.ok()) (void)Encode(*decoded);
}

TEST(Decode, EveryTruncationIsDataLoss) {
  const std::string bytes = Encode(FullValue());
  for (size_t size = kFingerprintSize; size < bytes.size(); ++size) {
    ASSERT_EQ(Decode<Everything>(bytes.substr(0, size)).status().code(),
              absl::StatusCode::kDataLoss)
        << size;
  }
}

TEST(Decode, BytesTooShortForAFingerprintAreOfAnotherType) {
  const std::string bytes = Encode(FullValue());
  for (size_t size = 0; size < kFingerprintSize; ++size) {
    EXPECT_EQ(Decode<Everything>(bytes.substr(0, size)).status().code(),
              absl::StatusCode::kFailedPrecondition);
  }
}

TEST(Decode, TrailingBytesAreDataLoss) {
  EXPECT_EQ(Decode<Everything>(Encode(FullValue()) + '\0').status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(Decode<int>(Encode(1) + Encode(1)).status().code(), absl::StatusCode::kDataLoss);
}

TEST(Decode, AnotherTypeIsAFailedPrecondition) {
  EXPECT_EQ(Decode<int32_t>(Encode(uint32_t{1})).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Decode<Sphere>(Encode(FullValue())).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(Decode, ABooleanThatIsNeitherTrueNorFalseIsDataLoss) {
  std::string bytes = Encode(true);
  bytes.back() = 2;
  EXPECT_EQ(Decode<bool>(bytes).status().code(), absl::StatusCode::kDataLoss);
}

TEST(Decode, AnAlternativeThatIsNotThereIsDataLoss) {
  using Either = std::variant<int32_t, bool>;
  for (const char index : {'\x02', '\x7f', '\xff'}) {
    std::string bytes = Encode(Either(1));
    bytes[kFingerprintSize] = index;
    EXPECT_EQ(Decode<Either>(bytes).status().code(), absl::StatusCode::kDataLoss);
  }
}

TEST(Decode, ALongDoubleThatIsNotANumberIsDataLoss) {
  std::string bytes = Encode(12.5L);
  bytes.back() = 'x';
  EXPECT_EQ(Decode<long double>(bytes).status().code(), absl::StatusCode::kDataLoss);
}

// Were a length believed, 2^63 elements would be asked for.
TEST(Decode, LengthsBeyondTheRestAreDataLossWithoutAllocating) {
  for (const uint64_t length : {uint64_t{1} << 63, ~uint64_t{0}, uint64_t{1} << 40, uint64_t{5}}) {
    std::string bytes = Encode(std::vector<Sphere>());
    bytes.resize(kFingerprintSize);
    Encoder(&bytes).PutNumber(length);
    bytes += "1234";
    const absl::Status status = Decode<std::vector<Sphere>>(bytes).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_NE(status.message().find("a length reaches beyond the value"), status.message().npos)
        << status;
  }
}

TEST(Decode, AnySingleFlippedBitIsHarmless) {
  const std::string bytes = Encode(FullValue());
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    const absl::StatusOr<Everything> decoded = Decode<Everything>(flipped);
    Use(decoded);
    if (bit < 8 * kFingerprintSize) {
      ASSERT_EQ(decoded.status().code(), absl::StatusCode::kFailedPrecondition) << bit;
    }
  }
}

TEST(Decode, RandomDamageIsHarmless) {
  std::mt19937_64 random = testing::SeededRandom();
  const std::string bytes = Encode(FullValue());
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = bytes;
    for (uint64_t i = random() % 4 + 1; i > 0; --i) {
      const size_t at = kFingerprintSize + random() % (bytes.size() - kFingerprintSize);
      damaged[at] = static_cast<char>(random() % 4 == 0 ? random() : random() % 9);
    }
    Use(Decode<Everything>(damaged));
  }
}

TEST(Decode, ASharedPointerDoesNotBecomeOneOfAnotherType) {
  std::string bytes = Encode(SharingValue());
  // The last four bytes are the number of the text, which is the second pointer.
  ASSERT_EQ(bytes.substr(bytes.size() - 4), std::string("\2\0\0\0", 4));
  ASSERT_TRUE(Decode<Sharing>(bytes).ok());
  bytes[bytes.size() - 4] = 1;
  EXPECT_EQ(Decode<Sharing>(bytes).status().code(), absl::StatusCode::kDataLoss);
}

TEST(Decode, RandomDamageOfSharedPointersIsHarmless) {
  std::mt19937_64 random = testing::SeededRandom();
  const std::string bytes = Encode(SharingValue());
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = bytes;
    for (uint64_t i = random() % 8 + 1; i > 0; --i) {
      constexpr char kLikely[] = {0, 1, 2, 3, '\x80'};
      damaged[kFingerprintSize + random() % (bytes.size() - kFingerprintSize)] =
          kLikely[random() % std::size(kLikely)];
    }
    const absl::StatusOr<Sharing> decoded = Decode<Sharing>(damaged);
    if (decoded.ok()) (void)Encode(*decoded);
  }
}

}  // namespace
}  // namespace permacache::codec
