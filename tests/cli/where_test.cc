// The predicate of --where.
#include "permacache/cli/where.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "permacache/testing/random.h"

namespace permacache::cli {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kKey =
    R"({"x": 2, "half": 0.5, "on": true, "off": false, "none": null, "text": "left wing",)"
    R"( "y": {"label": "wing", "n": [10, 20, {"z": -3}]}, "odd name": {"a.b": 1},)"
    R"( "huge": 9223372036854775807, "greater": 9223372036854775808, "true": 7, "quote": "it's"})";

bool Matches(std::string_view predicate, std::string_view key = kKey) {
  const absl::StatusOr<Where> where = Where::Parse(predicate);
  EXPECT_TRUE(where.ok()) << predicate << ": " << where.status();
  return where.ok() && where->Matches(key);
}

std::string TroubleOf(std::string_view predicate) {
  const absl::StatusOr<Where> where = Where::Parse(predicate);
  EXPECT_EQ(where.status().code(), absl::StatusCode::kInvalidArgument) << predicate;
  return std::string(where.status().message());
}

TEST(Where, ComparesNumbersByWhatTheyAre) {
  EXPECT_TRUE(Matches("x == 2"));
  EXPECT_TRUE(Matches("x == 2.0"));
  EXPECT_TRUE(Matches("2 == x"));
  EXPECT_FALSE(Matches("x == 3"));
  EXPECT_TRUE(Matches("x != 3"));
  EXPECT_TRUE(Matches("x > 1.5 && x >= 2 && x < 3 && x <= 2"));
  EXPECT_FALSE(Matches("x > 2 || x < 2"));
  EXPECT_TRUE(Matches("half<x"));
  EXPECT_TRUE(Matches("half == 5e-1"));
  EXPECT_TRUE(Matches("y.n[2].z == -3"));
}

TEST(Where, TellsLargeIntegersApart) {
  EXPECT_TRUE(Matches("huge == 9223372036854775807"));
  EXPECT_FALSE(Matches("huge == 9223372036854775806"));
  EXPECT_FALSE(Matches("huge == greater"));
  EXPECT_TRUE(Matches("huge < greater"));
}

TEST(Where, ComparesStringsByTheirBytes) {
  EXPECT_TRUE(Matches(R"(text == "left wing")"));
  EXPECT_TRUE(Matches("text == 'left wing'"));
  EXPECT_TRUE(Matches("text > 'left'"));
  EXPECT_TRUE(Matches(R"(quote == "it's" && quote == 'it\'s')"));
  EXPECT_TRUE(Matches(R"('\\"' == "\\\"")"));
  EXPECT_FALSE(Matches("text == 2"));
  EXPECT_TRUE(Matches("text != 2"));
  EXPECT_FALSE(Matches("text < 2 || text >= 2"));
}

TEST(Where, AsksWhatIsContained) {
  EXPECT_TRUE(Matches("text ~ 'wing'"));
  EXPECT_FALSE(Matches("text ~ 'Wing'"));
  EXPECT_TRUE(Matches("y.n ~ 20"));
  EXPECT_FALSE(Matches("y.n ~ 30"));
  EXPECT_TRUE(Matches("y ~ 'label'"));
  EXPECT_FALSE(Matches("x ~ 2"));
}

TEST(Where, FollowsPaths) {
  EXPECT_TRUE(Matches("y.label == 'wing'"));
  EXPECT_TRUE(Matches("y['label'] == 'wing'"));
  EXPECT_TRUE(Matches("y.n[0] == 10 && y.n[ 1 ] == 20"));
  EXPECT_TRUE(Matches("[\"odd name\"]['a.b'] == 1"));
  EXPECT_TRUE(Matches("['true'] == 7"));
  EXPECT_TRUE(Matches("x == x"));
}

TEST(Where, WhatIsNotThereMatchesNoComparison) {
  for (const char* path : {"missing", "y.missing", "x.y", "y.n[3]", "y.n.z", "y[0]", "text[0]"}) {
    EXPECT_FALSE(Matches(std::string(path) + " == 2")) << path;
    EXPECT_FALSE(Matches(std::string(path) + " != 2")) << path;
    EXPECT_FALSE(Matches(path)) << path;
    EXPECT_TRUE(Matches(std::string("!") + path)) << path;
  }
}

TEST(Where, WhatStandsAloneIsTrueUnlessFalseOrNull) {
  EXPECT_TRUE(Matches("on"));
  EXPECT_TRUE(Matches("x"));
  EXPECT_FALSE(Matches("off"));
  EXPECT_FALSE(Matches("none"));
  EXPECT_TRUE(Matches("none == null"));
  EXPECT_TRUE(Matches("on == true && off == false"));
}

TEST(Where, BindsNotThenAndThenOr) {
  EXPECT_TRUE(Matches("x == 2 || off && off"));
  EXPECT_FALSE(Matches("(x == 2 || off) && off"));
  EXPECT_TRUE(Matches("!off && on"));
  EXPECT_FALSE(Matches("!(on || off)"));
  EXPECT_TRUE(Matches("!!on"));
  EXPECT_TRUE(Matches("! x == 3"));
}

TEST(Where, MatchesNoKeyThatIsNone) {
  for (const char* key :
       {"", "{", "x == 2", "{\"x\": nan}", "{\"x\": 1e999}", "{\"x\": \"\xff\"}"}) {
    EXPECT_FALSE(Matches("!missing", key)) << key;
  }
}

TEST(Where, KnowsTheNumbersThatJsonLacks) {
  constexpr std::string_view kSpecial =
      R"({"nan": NaN, "most": Infinity, "least": -Infinity, "text": "NaN, \"Infinity"})";
  EXPECT_TRUE(Matches("nan == null && nan != 2", kSpecial));
  EXPECT_FALSE(Matches("nan == 2 || nan < 2 || nan > 2", kSpecial));
  EXPECT_TRUE(Matches("most > 1e308 && least < -1e308", kSpecial));
  EXPECT_TRUE(Matches("text == 'NaN, \"Infinity'", kSpecial));
}

TEST(Where, SaysAtWhichColumnWhatWasExpected) {
  EXPECT_EQ(TroubleOf("x = 2"),
            "column 3: expected an operator, such as == or &&, found = (write == to compare)\n"
            "    x = 2\n"
            "      ^");
  EXPECT_THAT(TroubleOf(""), HasSubstr("column 1: expected the name of an argument or a value"));
  EXPECT_THAT(TroubleOf("x =="),
              HasSubstr("column 5: expected the name of an argument or a value"));
  EXPECT_THAT(TroubleOf("(x"),
              HasSubstr("column 3: expected a closing parenthesis, found the end"));
  EXPECT_THAT(TroubleOf("x y"), HasSubstr("column 3: expected an operator"));
  EXPECT_THAT(TroubleOf("x. == 2"), HasSubstr("column 4: expected a name, found =="));
  EXPECT_THAT(TroubleOf("x[y]"), HasSubstr("column 3: expected an index or a \"name\", found y"));
  EXPECT_THAT(TroubleOf("x[-1]"), HasSubstr("column 3: expected an index"));
  EXPECT_THAT(TroubleOf("x[1 == 2"), HasSubstr("column 5: expected a closing bracket"));
  EXPECT_THAT(TroubleOf("x == 12ab"), HasSubstr("found 12ab, which is no number"));
  EXPECT_THAT(TroubleOf("x == 'wing"), HasSubstr("found a string that does not end"));
  EXPECT_THAT(TroubleOf("x == '\\q'"), HasSubstr("found a string that JSON does not know"));
  EXPECT_THAT(TroubleOf("x == 2 #"), HasSubstr("column 8"));
  EXPECT_THAT(TroubleOf(std::string(1000, '(')), HasSubstr("no more than 100 levels"));
  EXPECT_THAT(TroubleOf(std::string(100'000, '!') + "x"), HasSubstr("no more than 100 levels"));
}

// Comparing goes as deep as what is compared.
TEST(Where, LooksNoDeeperThanTheStackIs) {
  const auto nested = [](size_t depth) {
    return "{\"text\": \"]]]]\\\"\", \"x\": " + std::string(depth, '[') + std::string(depth, ']') +
           "}";
  };
  EXPECT_TRUE(Matches("x == x", nested(999)));
  EXPECT_FALSE(Matches("x == x", nested(1000)));
  EXPECT_FALSE(Matches("x == x || !missing", nested(1'000'000)));
}

// Whatever is written, it is understood or refused, and what is understood can be asked.
TEST(Where, WithstandsAnything) {
  const std::vector<std::string> words = {"x",           "y.label", "y.n[0]",
                                          "2",           "-3.5e2",  "'wing'",
                                          "\"\\u00e9\"", "true",    "null",
                                          "==",          "!=",      "<",
                                          "<=",          ">",       ">=",
                                          "~",           "&&",      "||",
                                          "!",           "(",       ")",
                                          "[",           "]",       ".",
                                          " ",           "'",       "\"",
                                          "\\",          "=",       "&",
                                          "#",           "\xff",    std::string(1, '\0'),
                                          "e",           "1e400"};
  std::mt19937_64 random = testing::SeededRandom();
  int understood = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    const size_t length = random() % 12;
    for (size_t k = 0; k < length; ++k) {
      text += words[random() % words.size()];
      if (random() % 2 == 0) text += ' ';
    }
    const absl::StatusOr<Where> where = Where::Parse(text);
    if (!where.ok()) {
      ASSERT_THAT(std::string(where.status().message()), HasSubstr("column ")) << text;
      continue;
    }
    ++understood;
    const absl::StatusOr<Where> negated = Where::Parse("!(" + text + ")");
    ASSERT_TRUE(negated.ok()) << text << ": " << negated.status();
    EXPECT_NE(where->Matches(kKey), negated->Matches(kKey)) << text;
  }
  EXPECT_GT(understood, 100);
}

}  // namespace
}  // namespace permacache::cli
