#include "permacache/key/array_text.h"

#include <algorithm>
#include <array>
#include <bit>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/key/key.h"
#include "permacache/testing/random.h"

namespace permacache::key {
namespace {

template <class T>
std::vector<T> CountUp(size_t length) {
  std::vector<T> numbers(length);
  std::iota(numbers.begin(), numbers.end(), T{0});
  return numbers;
}

template <class T>
std::vector<T> Swapped(std::vector<T> numbers) {
  std::span<std::byte> bytes = std::as_writable_bytes(std::span(numbers));
  for (; !bytes.empty(); bytes = bytes.subspan(kWordSize<T>)) {
    std::ranges::reverse(bytes.first(kWordSize<T>));
  }
  return numbers;
}

template <class T>
class ByteOrder : public ::testing::Test {};

using NumberTypes = ::testing::Types<int8_t, uint8_t, int16_t, uint16_t, int32_t, uint32_t, int64_t,
                                     uint64_t, Int128, UInt128, float, double, std::complex<float>,
                                     std::complex<double>, char, char8_t, std::byte>;
TYPED_TEST_SUITE(ByteOrder, NumberTypes);

// What a machine of the other byte order has in memory, hashed as that machine would.
TYPED_TEST(ByteOrder, IsTheSameOnAMachineOfTheOtherByteOrder) {
  constexpr std::endian kOther =
      std::endian::native == std::endian::little ? std::endian::big : std::endian::little;
  std::mt19937_64 random = testing::SeededRandom();
  std::vector<TypeParam> numbers(100);
  for (TypeParam& number : numbers) number = static_cast<TypeParam>(random() % 100'000);
  const std::vector<TypeParam> swapped = Swapped(numbers);
  const std::array<size_t, 1> shape{numbers.size()};
  EXPECT_EQ(DigestOfArray<kOther>(ArrayView(swapped.data(), shape)),
            DigestOfArray(ArrayView(numbers.data(), shape)));
  EXPECT_EQ(DigestOfScatteredNumbers<kOther>(swapped), DigestOfScatteredNumbers(numbers));
  EXPECT_EQ(Sha256OfArray<kOther>(ArrayView(swapped.data(), shape)),
            Sha256OfArray(ArrayView(numbers.data(), shape)));
}

TEST(DigestOfArray, IsOfTheLittleEndFirst) {
  const std::vector<uint16_t> numbers{0x0201, 0x0403};
  const std::array<uint8_t, 4> bytes{1, 2, 3, 4};
  EXPECT_EQ(DigestOfArray(ArrayView(numbers.data(), {2})),
            hash::DigestOfContent(std::as_bytes(std::span(bytes))));
}

TEST(DataType, IsNumpysKindAndNumberOfBytes) {
  EXPECT_EQ(DataType<int8_t>(), "i1");
  EXPECT_EQ(DataType<uint8_t>(), "u1");
  EXPECT_EQ(DataType<int16_t>(), "i2");
  EXPECT_EQ(DataType<uint32_t>(), "u4");
  EXPECT_EQ(DataType<int64_t>(), "i8");
  EXPECT_EQ(DataType<float>(), "f4");
  EXPECT_EQ(DataType<double>(), "f8");
  EXPECT_EQ(DataType<std::byte>(), "V1");
}

// Whichever of long and long long an int64_t is.
TEST(DataType, IsTheSameForIntegersOfOneWidth) {
  EXPECT_EQ(DataType<long long>(), "i8");
  EXPECT_EQ(DataType<unsigned long long>(), "u8");
  EXPECT_EQ(DataType<long>(), sizeof(long) == 8 ? "i8" : "i4");
}

TEST(Arrays, AreReadableUpToTheLongestReadable) {
  EXPECT_EQ(kLongestReadableArray, 64u);
  const std::string longest = KeyText(CountUp<int32_t>(64));
  EXPECT_TRUE(longest.starts_with("[0, 1, 2, ")) << longest;
  EXPECT_TRUE(longest.ends_with(", 62, 63]")) << longest;
}

TEST(Arrays, BeyondTheLongestReadableAreTypeShapeAndDigest) {
  EXPECT_EQ(KeyText(CountUp<int32_t>(65)),
            R"({".type": "array", "blake3": )"
            R"("09a1563ca879340b625658d782f0489b273f5f9d1a98809effa4ee3005d362af", )"
            R"("dtype": "i4", "shape": [65]})");
  EXPECT_EQ(KeyText(CountUp<double>(1000)),
            R"({".type": "array", "blake3": )"
            R"("eddaa35fbb72ea2559f7b6a119bd7fc3b733103c6ff09f7bfa9b546cc448afcf", )"
            R"("dtype": "f8", "shape": [1000]})");
}

TEST(Arrays, OfDifferentTypesDifferEvenWithEqualBytes) {
  const std::vector<uint32_t> integers(100, 0);
  const std::vector<float> floats(100, 0);
  EXPECT_EQ(DigestOfArray(ArrayView(integers.data(), {100})),
            DigestOfArray(ArrayView(floats.data(), {100})));
  EXPECT_NE(KeyText(integers), KeyText(floats));
  EXPECT_NE(KeyText(std::vector<int32_t>(100, 0)), KeyText(integers));
  EXPECT_NE(KeyText(std::vector<std::byte>(100)), KeyText(std::vector<uint8_t>(100)));
}

TEST(Arrays, OfDifferentLengthsDiffer) {
  EXPECT_NE(KeyText(std::vector<uint8_t>(65)), KeyText(std::vector<uint8_t>(66)));
}

TEST(Arrays, DifferIfOneNumberDoes) {
  std::vector<double> numbers = CountUp<double>(200);
  const std::string text = KeyText(numbers);
  for (double& number : numbers) {
    const double before = number;
    number += 0.5;
    EXPECT_NE(KeyText(numbers), text);
    number = before;
  }
}

TEST(Arrays, HaveTheSameTextInEveryContainerThatIsContiguous) {
  std::array<int64_t, 100> array{};
  std::iota(array.begin(), array.end(), int64_t{0});
  const std::vector<int64_t> vector = CountUp<int64_t>(100);
  EXPECT_EQ(KeyText(array), KeyText(vector));
  EXPECT_EQ(KeyText(std::span<const int64_t>(vector)), KeyText(vector));
  EXPECT_EQ(KeyText(std::span<const int64_t, 100>(array)), KeyText(vector));
}

TEST(Arrays, OfLongDoublesAreWrittenOut) {
  const std::string text = KeyText(std::vector<long double>(100, 0.5L));
  EXPECT_TRUE(text.starts_with("[0.5, 0.5, ")) << text;
}

TEST(Arrays, OfBoolsAreBytesWhereverTheyAreStored) {
  EXPECT_EQ(KeyText(std::vector<bool>{true, false}), "[true, false]");
  const std::string text = KeyText(std::array<bool, 100>{true});
  EXPECT_TRUE(text.ends_with(R"("dtype": "b1", "shape": [100]})")) << text;
  std::vector<bool> bits(100);
  bits[0] = true;
  EXPECT_EQ(KeyText(bits), text);
}

TEST(Arrays, NestedAreDigestedEach) {
  const std::vector<std::vector<uint8_t>> rows{std::vector<uint8_t>(65), std::vector<uint8_t>(2)};
  EXPECT_EQ(KeyText(rows), "[" + KeyText(rows[0]) + ", [0, 0]]");
}

}  // namespace
}  // namespace permacache::key
