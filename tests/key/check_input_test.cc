// What the fuzzer checks, over random inputs and those that are kept in fuzz_inputs.
#include "tests/key/check_input.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/testing/random.h"

namespace permacache::testing {
namespace {

TEST(CheckInput, FindsNothingInTheInputsThatAreKept) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/key/fuzz_inputs")) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<uint8_t> input{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(CheckInput(input), "") << entry.path();
    ++count;
  }
  EXPECT_GE(count, 10u);
}

TEST(CheckInputProperty, FindsNothingInRandomInputs) {
  std::mt19937_64 random = SeededRandom();
  constexpr uint8_t kTelling[] = {0,    0x22, 0x5c, 0x7f, 0x80, 0xbf, 0xc2, 0xc3, 0xd8,
                                  0xdc, 0xe0, 0xed, 0xf0, 0xf4, 0xfe, 0xff, 0x10, 0x11};
  for (int round = 0; round < 100'000; ++round) {
    std::vector<uint8_t> input(1 + random() % 40);
    for (uint8_t& byte : input) {
      byte = static_cast<uint8_t>(random() % 2 == 0 ? random()
                                                    : kTelling[random() % std::size(kTelling)]);
    }
    input[0] = static_cast<uint8_t>(random());
    ASSERT_EQ(CheckInput(input), "");
  }
}

template <class T>
std::optional<T> Read(const std::string& text) {
  return Decoded(text, std::type_identity<T>());
}

// The checks are worth no more than what reads the texts.
TEST(Decoder, ReadsStrings) {
  EXPECT_EQ(Read<std::string>(R"("a\"\\\n\u00e9\ud83d\ude00\udcff")"),
            "a\"\\\n\xc3\xa9\xf0\x9f\x98\x80\xff");
  EXPECT_EQ(Read<std::u16string>(R"("\ud83d\ude00")"), u"\U0001f600");
  EXPECT_EQ(Read<std::u32string>(R"("\ud83d\ude00")"), U"\U0001f600");
  EXPECT_EQ(Read<std::u32string>("[55357, 97]"), (std::u32string{0xd83d, U'a'}));
  EXPECT_EQ(Read<std::vector<std::string>>(R"(["a", "", "b"])"),
            (std::vector<std::string>{"a", "", "b"}));
}

TEST(Decoder, RefusesWhatIsNoString) {
  for (const char* text : {"", "a", "\"", "\"a", "\"a\"b", "\"\x01\"", "\"\\x\"", "\"\\u12\"",
                           "\"\\u00E9\"", "\"\\ud800\"", "\"\x80\""}) {
    EXPECT_EQ(Read<std::string>(text), std::nullopt) << text;
  }
}

TEST(Decoder, ReadsIntegersOfTheirTypeAlone) {
  EXPECT_EQ(Read<int8_t>("-128"), -128);
  EXPECT_EQ(Read<int8_t>("128"), std::nullopt);
  EXPECT_EQ(Read<uint64_t>("18446744073709551615"), ~uint64_t{0});
  EXPECT_EQ(Read<uint64_t>("-1"), std::nullopt);
  for (const char* text : {"", "-", "01", "-0", "+1", "1 ", "1.0"}) {
    EXPECT_EQ(Read<int64_t>(text), std::nullopt) << text;
  }
}

TEST(Decoder, ReadsFloatsThatLookLikeFloats) {
  EXPECT_EQ(Read<double>("1e-05"), 1e-5);
  EXPECT_EQ(Read<float>("0.1"), 0.1f);
  EXPECT_EQ(Read<double>("-Infinity"), -std::numeric_limits<double>::infinity());
  for (const char* text : {"", "1", "0x1.0", "1.0 ", "inf", "nan"}) {
    EXPECT_EQ(Read<double>(text), std::nullopt) << text;
  }
}

TEST(AreTheSame, TellsZerosApartAndNaNsNot) {
  EXPECT_FALSE(AreTheSame(0.0, -0.0));
  EXPECT_TRUE(AreTheSame(std::nan("1"), std::nan("2")));
  EXPECT_FALSE(AreTheSame(std::nan("1"), 1.0));
}

}  // namespace
}  // namespace permacache::testing
