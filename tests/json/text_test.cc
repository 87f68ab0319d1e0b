#include "permacache/json/text.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "permacache/testing/random.h"

namespace permacache::json {
namespace {

using namespace std::string_view_literals;

TEST(IsValid, OfWhatIsJson) {
  for (const std::string_view text : {"0"sv,
                                      "-0"sv,
                                      "12"sv,
                                      "-1.50"sv,
                                      "1e5"sv,
                                      "1E+05"sv,
                                      "0.1e-7"sv,
                                      "true"sv,
                                      "false"sv,
                                      "null"sv,
                                      "\"\""sv,
                                      "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\""sv,
                                      "\"\\ud83d\\ude00\""sv,
                                      "\"\xc3\xa9\xf0\x9f\x98\x80\x7f\""sv,
                                      "[]"sv,
                                      "{}"sv,
                                      "[ ]"sv,
                                      "{ }"sv,
                                      "[1,2]"sv,
                                      " [ 1 , \"a\" , [ ] ] "sv,
                                      "{\"a\":1}"sv,
                                      "{ \"a\" : { \"b\" : [ {} ] } , \"\" : null }"sv,
                                      "\t\r\n1\n"sv}) {
    EXPECT_TRUE(IsValid(text)) << text;
  }
}

TEST(IsValid, OfNothingElse) {
  for (const std::string_view text : {""sv,
                                      " "sv,
                                      "01"sv,
                                      "+1"sv,
                                      "1."sv,
                                      ".5"sv,
                                      "1e"sv,
                                      "1e+"sv,
                                      "-"sv,
                                      "--1"sv,
                                      "0x1"sv,
                                      "NaN"sv,
                                      "Infinity"sv,
                                      "nan"sv,
                                      "tru"sv,
                                      "truex"sv,
                                      "True"sv,
                                      "\""sv,
                                      "\"a"sv,
                                      "'a'"sv,
                                      "\"\n\""sv,
                                      "\"\0\""sv,
                                      "\"\\x\""sv,
                                      "\"\\\0\""sv,
                                      "\"\\u12g4\""sv,
                                      "\"\\u12\""sv,
                                      "\"\\ud800\""sv,
                                      "\"\\ud800\\u0041\""sv,
                                      "\"\\udc00\""sv,
                                      "\"\\\""sv,
                                      "\"\xff\""sv,
                                      "\"\xc3\""sv,
                                      "\"\xc0\x80\""sv,
                                      "\"\xed\xa0\x80\""sv,
                                      "\"\xf4\x90\x80\x80\""sv,
                                      "\"\xe0\x80\x80\""sv,
                                      "["sv,
                                      "]"sv,
                                      "[1"sv,
                                      "[1,"sv,
                                      "[1,]"sv,
                                      "[,1]"sv,
                                      "[1 2]"sv,
                                      "[1]]"sv,
                                      "[}"sv,
                                      "{"sv,
                                      "}"sv,
                                      "{]"sv,
                                      "{1:1}"sv,
                                      "{\"a\"}"sv,
                                      "{\"a\":}"sv,
                                      "{\"a\":1,}"sv,
                                      "{\"a\" 1}"sv,
                                      "{\"a\":1 \"b\":2}"sv,
                                      "{,}"sv,
                                      "1 2"sv,
                                      "1,"sv,
                                      "// 1"sv,
                                      "[1:2]"sv,
                                      "[\"a\":1]"sv,
                                      "\xef\xbb\xbf"
                                      "1"sv}) {
    EXPECT_FALSE(IsValid(text)) << text;
  }
}

TEST(IsValid, TakesNoStackForDepth) {
  const size_t depth = 500'000;
  EXPECT_TRUE(IsValid(std::string(depth, '[') + std::string(depth, ']')));
  EXPECT_FALSE(IsValid(std::string(depth, '[')));
  EXPECT_FALSE(IsValid(std::string(depth, '[') + std::string(depth + 1, ']')));
}

TEST(IsUtf8, KnowsItsBounds) {
  for (const std::string_view text :
       {""sv, "a\0"sv, "\xc2\x80"sv, "\xdf\xbf"sv, "\xe0\xa0\x80"sv, "\xed\x9f\xbf"sv,
        "\xee\x80\x80"sv, "\xef\xbf\xbf"sv, "\xf0\x90\x80\x80"sv, "\xf4\x8f\xbf\xbf"sv}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
  }
  for (const std::string_view text :
       {"\x80"sv, "\xc1\xbf"sv, "\xc2"sv,
        "\xc2"
        "a"sv,
        "\xe0\x9f\xbf"sv, "\xed\xa0\x80"sv, "\xe1\x80"sv, "\xf0\x8f\xbf\xbf"sv,
        "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "a\xff"sv}) {
    EXPECT_FALSE(IsUtf8(text)) << text;
  }
}

TEST(Base64, IsThatOfTheRfc) {
  for (const auto& [bytes, text] :
       {std::pair("", ""), std::pair("f", "Zg=="), std::pair("fo", "Zm8="),
        std::pair("foo", "Zm9v"), std::pair("foob", "Zm9vYg=="), std::pair("fooba", "Zm9vYmE="),
        std::pair("foobar", "Zm9vYmFy"), std::pair("\xff\xef\xbe", "/+++")}) {
    EXPECT_EQ(ToBase64(bytes), text);
    EXPECT_EQ(FromBase64(text), bytes);
  }
  for (const std::string_view text : {"Zg="sv, "Zg"sv, "Zh=="sv, "Zm9="sv, "===="sv, "Z==="sv,
                                      "Zg==Zg=="sv, "Zm9v\n"sv, "Zm 9"sv, "Zm-_"sv, "=Zg="sv}) {
    EXPECT_EQ(FromBase64(text), std::nullopt) << text;
  }
}

TEST(Base64, GivesBackAnyBytes) {
  std::mt19937_64 random = testing::SeededRandom();
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 100, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    ASSERT_EQ(FromBase64(ToBase64(bytes)), bytes);
  }
}

}  // namespace
}  // namespace permacache::json
