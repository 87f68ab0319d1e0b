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

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "permacache/codec/codec.h"
#include "permacache/testing/random.h"
#include "tests/codec/outcome.h"
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

TEST(Decode, EveryTruncationIsDamage) {
  const std::string bytes = Encode(FullValue());
  for (size_t size = kFingerprintSize; size < bytes.size(); ++size) {
    ASSERT_EQ(OutcomeOf<Everything>(bytes.substr(0, size)), Outcome::kDamaged) << size;
  }
}

TEST(Decode, BytesTooShortForAFingerprintAreOfAnotherType) {
  const std::string bytes = Encode(FullValue());
  for (size_t size = 0; size < kFingerprintSize; ++size) {
    EXPECT_EQ(OutcomeOf<Everything>(bytes.substr(0, size)), Outcome::kOtherType);
  }
}

TEST(Decode, TrailingBytesAreDamage) {
  EXPECT_EQ(OutcomeOf<Everything>(Encode(FullValue()) + '\0'), Outcome::kDamaged);
  EXPECT_EQ(OutcomeOf<int>(Encode(1) + Encode(1)), Outcome::kDamaged);
}

TEST(Decode, AnotherTypeIsNothing) {
  EXPECT_EQ(OutcomeOf<int32_t>(Encode(uint32_t{1})), Outcome::kOtherType);
  EXPECT_EQ(OutcomeOf<Sphere>(Encode(FullValue())), Outcome::kOtherType);
}

TEST(Decode, ABooleanThatIsNeitherTrueNorFalseIsDamage) {
  std::string bytes = Encode(true);
  bytes.back() = 2;
  EXPECT_EQ(OutcomeOf<bool>(bytes), Outcome::kDamaged);
}

TEST(Decode, AnAlternativeThatIsNotThereIsDamage) {
  using Either = std::variant<int32_t, bool>;
  for (const char index : {'\x02', '\x7f', '\xff'}) {
    std::string bytes = Encode(Either(1));
    bytes[kFingerprintSize] = index;
    EXPECT_EQ(OutcomeOf<Either>(bytes), Outcome::kDamaged);
  }
}

TEST(Decode, ALongDoubleThatIsNotANumberIsDamage) {
  std::string bytes = Encode(12.5L);
  bytes.back() = 'x';
  EXPECT_EQ(OutcomeOf<long double>(bytes), Outcome::kDamaged);
}

// Were a length believed, 2^63 elements would be asked for.
TEST(Decode, LengthsBeyondTheRestAreDamageWithoutAllocating) {
  for (const uint64_t length : {uint64_t{1} << 63, ~uint64_t{0}, uint64_t{1} << 40, uint64_t{5}}) {
    std::string bytes = Encode(std::vector<Sphere>());
    bytes.resize(kFingerprintSize);
    Encoder(&bytes).PutNumber(length);
    bytes += "1234";
    try {
      Decode<std::vector<Sphere>>(bytes);
      ADD_FAILURE() << length;
    } catch (const DecodeError& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr("a length reaches beyond the value"));
    }
  }
}

TEST(Decode, AnySingleFlippedBitIsHarmless) {
  const std::string bytes = Encode(FullValue());
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    const Outcome outcome = Use<Everything>(flipped);
    if (bit < 8 * kFingerprintSize) {
      ASSERT_EQ(outcome, Outcome::kOtherType) << bit;
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
    Use<Everything>(damaged);
  }
}

TEST(Decode, ASharedPointerDoesNotBecomeOneOfAnotherType) {
  std::string bytes = Encode(SharingValue());
  // The last four bytes are the number of the text, which is the second pointer.
  ASSERT_EQ(bytes.substr(bytes.size() - 4), std::string("\2\0\0\0", 4));
  ASSERT_EQ(OutcomeOf<Sharing>(bytes), Outcome::kDecoded);
  bytes[bytes.size() - 4] = 1;
  EXPECT_EQ(OutcomeOf<Sharing>(bytes), Outcome::kDamaged);
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
    Use<Sharing>(damaged);
  }
}

}  // namespace
}  // namespace permacache::codec
