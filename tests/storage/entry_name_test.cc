#include "permacache/storage/entry_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "permacache/testing/random.h"

namespace permacache::storage {
namespace {

using ::testing::Not;
using ::testing::StartsWith;

constexpr size_t kSuffix = 32 + 4;  // the digest and the extension

// The name without its digest.
std::string Readable(std::string_view key) {
  const std::string name = EntryName(key);
  return name.substr(0, name.size() - kSuffix);
}

std::string Lower(std::string text) {
  for (char& c : text) c = 'A' <= c && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

TEST(EntryName, IsThatOfTheGoldenFile) {
  std::ifstream golden("tests/storage/entry_names.golden");
  int count = 0;
  for (std::string line; std::getline(golden, line); ++count) {
    const size_t tab = line.find('\t');
    EXPECT_EQ(EntryName(line.substr(0, tab)), line.substr(tab + 1));
  }
  EXPECT_EQ(count, 5);
}

TEST(EntryName, ShowsShortKeys) {
  EXPECT_EQ(Readable(R"({"x": 2, "y": 0.5})"), "x=2,y=0.5-");
  EXPECT_EQ(Readable(R"({"name": "a b/c", "v": [1, -2]})"), "name=a_b_c,v=_1,-2_-");
  EXPECT_EQ(Readable("word"), "word-");
}

TEST(EntryName, IsTheDigestAloneForLongAndEmptyKeys) {
  EXPECT_EQ(Readable(""), "");
  EXPECT_EQ(Readable("{}"), "");
  EXPECT_EQ(Readable(std::string(64, 'k')), std::string(64, 'k') + "-");
  EXPECT_EQ(Readable(std::string(65, 'k')), "");
  EXPECT_EQ(Readable(std::string(1'000'000, 'k')), "");
}

TEST(EntryName, StaysInItsFolderAndIsNeitherHiddenNorAnOption) {
  for (const char* key :
       {"..", ".", "../../etc/passwd", "/etc/passwd", "-rf", ".git", "a\\b", "~"}) {
    EXPECT_EQ(EntryName(key).find_first_of("/\\~"), std::string::npos) << key;
    EXPECT_THAT(EntryName(key), Not(StartsWith("."))) << key;
    EXPECT_THAT(EntryName(key), Not(StartsWith("-"))) << key;
  }
}

TEST(EntryName, IsNoDeviceOfWindows) {
  EXPECT_EQ(Readable("con"), "_con-");
  EXPECT_EQ(Readable("Nul.1"), "_Nul.1-");
  EXPECT_EQ(Readable("COM7.x.y"), "_COM7.x.y-");
  EXPECT_EQ(Readable("lpt1=3"), "lpt1=3-");
  EXPECT_EQ(Readable("console"), "console-");
}

TEST(EntryName, OfKeysThatLookAlikeDiffersEvenWhereCaseDoesNotCount) {
  std::set<std::string> names;
  const std::vector<std::string> keys = {"a b",
                                         "a_b",
                                         "A_B",
                                         "a/b",
                                         "a\\b",
                                         "{a b}",
                                         "\"a b\"",
                                         "a\nb",
                                         "a\xff"
                                         "b",
                                         "a\xc3\xa4",
                                         "a\xc3\x84",
                                         "",
                                         "{}",
                                         "{{}}",
                                         std::string(1, '\0'),
                                         std::string(2, '\0'),
                                         std::string(100, 'k'),
                                         std::string(100, 'K')};
  for (const std::string& key : keys) names.insert(Lower(EntryName(key)));
  EXPECT_EQ(names.size(), keys.size());
}

TEST(EntryName, OfAnyKeyIsShortPortableAndItsOwn) {
  std::mt19937_64 random = testing::SeededRandom();
  constexpr std::string_view kLikely = "aA.-_/\\\"{}:, con\0\n\xc3\xa4";
  std::set<std::string> keys, names;
  for (int i = 0; i < 20'000; ++i) {
    std::string key(random() % 80, '\0');
    for (char& c : key) {
      c = random() % 4 == 0 ? static_cast<char>(random()) : kLikely[random() % kLikely.size()];
    }
    const std::string name = EntryName(key);
    ASSERT_LE(name.size(), size_t{64 + 2 + kSuffix});
    ASSERT_TRUE(std::ranges::all_of(name, [](char c) {
      return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') ||
             std::string_view("._=,+-").find(c) != std::string_view::npos;
    })) << name;
    ASSERT_THAT(name, Not(StartsWith(".")));
    ASSERT_THAT(name, Not(StartsWith("-")));
    ASSERT_TRUE(IsEntryName(name)) << name;
    keys.insert(key);
    names.insert(Lower(name));
  }
  EXPECT_EQ(names.size(), keys.size());
}

TEST(IsEntryName, IsTrueOfNothingElse) {
  const std::string digest(32, 'a');
  EXPECT_TRUE(IsEntryName(digest + ".pmc"));
  for (const std::string& name :
       {std::string(), std::string(".pmc"), digest, digest + ".pmc~", digest.substr(1) + ".pmc",
        "x" + digest + ".pmc", std::string("README.pmc"), ".writing-" + digest,
        std::string(32, 'A') + ".pmc", std::string(".."), std::string("data.mdb")}) {
    EXPECT_FALSE(IsEntryName(name)) << name;
  }
}

}  // namespace
}  // namespace permacache::storage
