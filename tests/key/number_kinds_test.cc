// Numbers other than the plain ones: 128 bits, complex, bits.
#include <bitset>
#include <complex>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/numeric/int128.h"
#include "gtest/gtest.h"
#include "permacache/key/key.h"

namespace permacache {
namespace {

using key::Int128;
using key::UInt128;

constexpr char kLeast128[] = "-170141183460469231731687303715884105728";
constexpr char kGreatest128[] = "170141183460469231731687303715884105727";
constexpr char kGreatestUnsigned128[] = "340282366920938463463374607431768211455";

TEST(WideInteger, OfTheCompilerIsADecimalNumber) {
  const Int128 least = Int128{1} << 126;
  EXPECT_EQ(KeyText(-least - least), kLeast128);
  EXPECT_EQ(KeyText(least - 1 + least), kGreatest128);
  EXPECT_EQ(KeyText(~UInt128{0}), kGreatestUnsigned128);
  EXPECT_EQ(KeyText(Int128{0}), "0");
  EXPECT_EQ(KeyText(Int128{-1}), "-1");
}

TEST(WideInteger, OfAClassIsADecimalNumber) {
  EXPECT_EQ(KeyText(absl::Int128Min()), kLeast128);
  EXPECT_EQ(KeyText(absl::Int128Max()), kGreatest128);
  EXPECT_EQ(KeyText(absl::Uint128Max()), kGreatestUnsigned128);
  EXPECT_EQ(KeyText(absl::int128(-7)), "-7");
  EXPECT_EQ(KeyText(absl::uint128(0)), "0");
}

// Written 18 digits at a time.
TEST(WideInteger, KeepsTheZerosInItsMiddle) {
  const Int128 million_million_million = 1'000'000'000'000'000'000;
  EXPECT_EQ(KeyText(million_million_million), "1000000000000000000");
  EXPECT_EQ(KeyText(million_million_million - 1), "999999999999999999");
  EXPECT_EQ(KeyText(-million_million_million * 10 - 3), "-10000000000000000003");
  EXPECT_EQ(KeyText(million_million_million * million_million_million),
            "1000000000000000000000000000000000000");
}

TEST(WideInteger, ReadsAsANarrowerOne) {
  for (const int64_t number : {std::numeric_limits<int64_t>::min(), int64_t{-1}, int64_t{0},
                               int64_t{10}, std::numeric_limits<int64_t>::max()}) {
    EXPECT_EQ(KeyText(Int128{number}), std::to_string(number));
    EXPECT_EQ(KeyText(absl::int128(number)), std::to_string(number));
  }
}

TEST(WideInteger, InArraysIsANumber) {
  EXPECT_EQ(KeyText(std::vector<Int128>{1, -2}), "[1, -2]");
  const std::string text = KeyText(std::vector<UInt128>(65));
  EXPECT_TRUE(text.ends_with(R"("dtype": "u16", "shape": [65]})")) << text;
  EXPECT_TRUE(KeyText(std::vector<Int128>(65)).ends_with(R"("dtype": "i16", "shape": [65]})"));
  EXPECT_EQ(KeyText(std::vector<absl::int128>{1}), "[1]");
}

TEST(Complex, HasBothParts) {
  EXPECT_EQ(KeyText(std::complex(1.0, -0.5)), R"({".type": "complex", "imag": -0.5, "real": 1.0})");
  EXPECT_EQ(KeyText(std::complex(0.1f, 0.0f)), R"({".type": "complex", "imag": 0.0, "real": 0.1})");
  EXPECT_EQ(KeyText(std::complex(2.0L, 0.0L)), R"({".type": "complex", "imag": 0.0, "real": 2.0})");
}

TEST(Complex, InLongArraysIsDigested) {
  std::vector<std::complex<float>> numbers(65);
  const std::string text = KeyText(numbers);
  EXPECT_TRUE(text.ends_with(R"("dtype": "c8", "shape": [65]})")) << text;
  numbers[64].imag(1);
  EXPECT_NE(KeyText(numbers), text);
}

class Integral {  // two parts, as std::complex
 public:
  using value_type = int;
  Integral(int real, int imag) : real_(real), imag_(imag) {}
  int real() const { return real_; }
  int imag() const { return imag_; }

 private:
  int real_;
  int imag_;
};

class Phasor {  // as it looks; but there is more to it
 public:
  using value_type = double;
  Phasor(double real, double imag, double frequency = 50);
  double real() const;
  double imag() const;
  double frequency_;
};

TEST(Complex, IsAnyClassOfTwoPartsAndNoMore) {
  EXPECT_EQ(KeyText(Integral(1, 2)), R"({".type": "complex", "imag": 2, "real": 1})");
  EXPECT_EQ(key::kKind<Phasor>, key::Kind::kNone);
}

TEST(Bitset, IsAStringOfItsBitsTheLastFirst) {
  EXPECT_EQ(KeyText(std::bitset<5>(6)), R"("00110")");
  EXPECT_EQ(KeyText(std::bitset<0>()), R"("")");
  EXPECT_EQ(KeyText(std::bitset<70>(1)), '"' + std::string(69, '0') + "1\"");
}

class DynamicBits {  // as that of Boost
 public:
  using block_type = uint64_t;
  explicit DynamicBits(std::vector<bool> bits) : bits_(std::move(bits)) {}
  size_t size() const { return bits_.size(); }
  bool test(size_t i) const { return bits_[i]; }
  void flip(size_t i) { bits_[i] = !bits_[i]; }

 private:
  std::vector<bool> bits_;
};

TEST(Bitset, OfARuntimeSizeIsToo) {
  EXPECT_EQ(KeyText(DynamicBits({true, false, false})), R"("001")");
}

}  // namespace
}  // namespace permacache
