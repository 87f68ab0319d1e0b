#include "permacache/key/scalar_text.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/testing/random.h"

namespace permacache::key {
namespace {

template <class Float>
std::string FloatText(Float value) {
  std::string text;
  AppendFloat(text, value);
  return text;
}

std::string StringText(std::string_view value) {
  std::string text;
  AppendString(text, value);
  return text;
}

template <class Integer>
std::string IntegerText(Integer value) {
  std::string text;
  AppendInteger(text, value);
  return text;
}

// The lines of a table: hexadecimal digits, a tab, the text that Python writes.
std::vector<std::pair<std::string, std::string>> PythonsTable(const std::string& name) {
  std::vector<std::pair<std::string, std::string>> table;
  std::ifstream file("tests/key/" + name);
  for (std::string line; std::getline(file, line);) {
    const size_t tab = line.find('\t');
    table.emplace_back(line.substr(0, tab), line.substr(tab + 1));
  }
  return table;
}

std::string BytesOfHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// Any bits, so that all exponents are equally likely.
template <class Float>
Float AnyFloat(std::mt19937_64& random) {
  using Bits = std::conditional_t<sizeof(Float) == 4, uint32_t, uint64_t>;
  return std::bit_cast<Float>(static_cast<Bits>(random()));
}

TEST(AppendInteger, WritesTheExtremesOfEachWidth) {
  EXPECT_EQ(IntegerText(std::numeric_limits<int8_t>::min()), "-128");
  EXPECT_EQ(IntegerText(std::numeric_limits<uint8_t>::max()), "255");
  EXPECT_EQ(IntegerText(std::numeric_limits<int32_t>::min()), "-2147483648");
  EXPECT_EQ(IntegerText(std::numeric_limits<int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(IntegerText(std::numeric_limits<uint64_t>::max()), "18446744073709551615");
}

TEST(AppendInteger, AppendsToWhatIsThere) {
  std::string text = "[";
  AppendInteger(text, 0);
  EXPECT_EQ(text, "[0");
}

TEST(AppendFloat, WritesDoublesAsPython) {
  const auto table = PythonsTable("python_floats.golden");
  ASSERT_GT(table.size(), 900u);
  for (const auto& [bits, expected] : table) {
    EXPECT_EQ(FloatText(std::bit_cast<double>(std::stoull(bits, nullptr, 16))), expected) << bits;
  }
}

TEST(AppendFloat, IsPositionalFrom1eMinus4ToBelow1e16) {
  EXPECT_EQ(FloatText(1e-4), "0.0001");
  EXPECT_EQ(FloatText(std::nextafter(1e-4, 0)), "9.999999999999999e-05");
  EXPECT_EQ(FloatText(1e-5), "1e-05");
  EXPECT_EQ(FloatText(1e15), "1000000000000000.0");
  EXPECT_EQ(FloatText(std::nextafter(1e16, 0)), "9999999999999998.0");
  EXPECT_EQ(FloatText(1e16), "1e+16");
}

TEST(AppendFloat, TellsTheSignOfZero) {
  EXPECT_EQ(FloatText(0.0), "0.0");
  EXPECT_EQ(FloatText(-0.0), "-0.0");
}

TEST(AppendFloat, WritesEachNanAlike) {
  EXPECT_EQ(FloatText(std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(FloatText(-std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(FloatText(std::bit_cast<double>(uint64_t{0x7ff8000000000123})), "NaN");
  EXPECT_EQ(FloatText(std::numeric_limits<float>::quiet_NaN()), "NaN");
  EXPECT_EQ(FloatText(std::numeric_limits<long double>::quiet_NaN()), "NaN");
}

TEST(AppendFloat, WritesFloatsWithTheFewestDigitsOfTheirOwnWidth) {
  EXPECT_EQ(FloatText(0.1f), "0.1");
  EXPECT_EQ(FloatText(16777216.0f), "16777216.0");
  EXPECT_EQ(FloatText(3.4028235e38f), "3.4028235e+38");
  EXPECT_EQ(FloatText(1e-45f), "1e-45");
  EXPECT_EQ(FloatText(-std::numeric_limits<float>::infinity()), "-Infinity");
}

TEST(AppendFloat, WritesLongDoublesWithTheirOwnDigits) {
  EXPECT_EQ(FloatText(0.5L), "0.5");
  EXPECT_EQ(FloatText(-1e20L), "-1e+20");
  EXPECT_EQ(FloatText(0.1L), "0.1");
}

TEST(AppendFloat, FloatsReadBackAsTheSame) {
  std::mt19937_64 random = testing::SeededRandom();
  for (int i = 0; i < 100'000; ++i) {
    const float value = AnyFloat<float>(random);
    if (std::isnan(value)) continue;
    const std::string text = FloatText(value);
    if (std::isinf(value)) continue;
    ASSERT_EQ(std::bit_cast<uint32_t>(std::strtof(text.c_str(), nullptr)),
              std::bit_cast<uint32_t>(value))
        << text;
    ASSERT_NE(text.find_first_of(".e"), std::string::npos) << text;
  }
}

TEST(AppendFloat, DoublesReadBackAsTheSame) {
  std::mt19937_64 random = testing::SeededRandom();
  for (int i = 0; i < 100'000; ++i) {
    const double value = AnyFloat<double>(random);
    if (!std::isfinite(value)) continue;
    const std::string text = FloatText(value);
    ASSERT_EQ(std::bit_cast<uint64_t>(std::strtod(text.c_str(), nullptr)),
              std::bit_cast<uint64_t>(value))
        << text;
  }
}

// Those have a way of their own.
TEST(AppendFloat, DoublesOfFewDecimalsHaveTheFewestDigits) {
  std::mt19937_64 random = testing::SeededRandom();
  for (int i = 0; i < 200'000; ++i) {
    const double scale = std::pow(10, random() % 6);
    const auto digits = static_cast<double>(random() % (uint64_t{1} << random() % 54));
    double value = digits / scale;
    if (random() % 4 == 0) value = std::nextafter(value, random() % 2 == 0 ? 0 : 1e300);
    if (value < 1e-4 || value >= 1e16) continue;
    char fixed[64];
    const auto [end, error] =
        std::to_chars(fixed, std::end(fixed), value, std::chars_format::fixed);
    std::string expected(fixed, end);
    if (expected.find('.') == std::string::npos) expected += ".0";
    ASSERT_EQ(FloatText(value), expected);
    ASSERT_EQ(FloatText(-value), "-" + expected);
  }
}

TEST(AppendString, EscapesAsPythonWithSurrogateescape) {
  const auto table = PythonsTable("python_strings.golden");
  ASSERT_GT(table.size(), 300u);
  for (const auto& [hex, expected] : table) EXPECT_EQ(StringText(BytesOfHex(hex)), expected) << hex;
}

TEST(AppendString, EscapesQuotesBackslashesAndControls) {
  EXPECT_EQ(StringText("a\"b\\c/\b\f\n\r\t\x1f\x7f"), R"("a\"b\\c/\b\f\n\r\t\u001f\u007f")");
  EXPECT_EQ(StringText(std::string_view("\0", 1)), R"("\u0000")");
}

TEST(AppendString, EscapesBeyondAsciiAsUtf16CodeUnits) {
  EXPECT_EQ(StringText("\xc3\xa9"), R"("\u00e9")");
  EXPECT_EQ(StringText("\xf0\x9f\x98\x80"), R"("\ud83d\ude00")");
}

TEST(AppendString, EscapesBytesThatAreNotUtf8AsLoneSurrogates) {
  EXPECT_EQ(StringText("\x80"), R"("\udc80")");
  EXPECT_EQ(StringText("a\xe2\x82"), R"("a\udce2\udc82")");
  EXPECT_EQ(StringText("\xfc\x80\x80\x80"), R"("\udcfc\udc80\udc80\udc80")");
}

// Few different bytes and short strings, so that what can be confused comes up.
std::string AnyBytes(std::mt19937_64& random) {
  constexpr std::string_view kBytes =
      "a\\u\"\x7f\x80\x90\x9f\xa0\xbf\xc0\xc3\xdf\xe0\xed\xef\xf0\xf1\xf4\xf5\xf8\xf9\xfc\xff";
  std::string bytes(random() % 6, '\0');
  for (char& byte : bytes) {
    byte = random() % 8 == 0 ? static_cast<char>(random()) : kBytes[random() % kBytes.size()];
  }
  return bytes;
}

TEST(AppendString, DifferentBytesHaveDifferentTexts) {
  std::mt19937_64 random = testing::SeededRandom();
  std::map<std::string, std::string> bytes_of_text;
  for (int i = 0; i < 200'000; ++i) {
    const std::string bytes = AnyBytes(random);
    const std::string text = StringText(bytes);
    const auto [known, is_new] = bytes_of_text.emplace(text, bytes);
    ASSERT_EQ(known->second, bytes) << text;
  }
}

TEST(AppendString, DifferentSequencesWithALeadAndThreeContinuationsHaveDifferentTexts) {
  std::map<std::string, std::string> bytes_of_text;
  for (int lead = 0x80; lead < 0x100; ++lead) {
    for (int second = 0x70; second < 0xd0; second += 4) {
      const std::string bytes{static_cast<char>(lead), static_cast<char>(second), '\x80', '\x80'};
      const auto [known, is_new] = bytes_of_text.emplace(StringText(bytes), bytes);
      ASSERT_TRUE(is_new) << known->first;
    }
  }
}

TEST(AppendString, WritesAsciiAlone) {
  std::mt19937_64 random = testing::SeededRandom();
  for (int i = 0; i < 10'000; ++i) {
    for (const char c : StringText(AnyBytes(random))) {
      ASSERT_GE(c, 0x20);
      ASSERT_LT(c, 0x7f);
    }
  }
}

}  // namespace
}  // namespace permacache::key
