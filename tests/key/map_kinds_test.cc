// Maps and sets: the same content has the same text whatever the order of iteration.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "gtest/gtest.h"
#include "permacache/key/key.h"
#include "permacache/testing/random.h"

namespace permacache {
namespace {

using Entries = std::vector<std::pair<std::string, int>>;

Entries ShuffledEntries(std::mt19937_64& random) {
  Entries entries;
  for (int i = 0; i < 60; ++i) entries.emplace_back(std::to_string(i * i), i);
  std::ranges::shuffle(entries, random);
  return entries;
}

TEST(Map, OfAnyLibraryInAnyOrderReadsTheSame) {
  std::mt19937_64 random = testing::SeededRandom();
  const Entries entries = ShuffledEntries(random);
  const std::string text = KeyText(std::map<std::string, int>(entries.begin(), entries.end()));
  for (int round = 0; round < 20; ++round) {
    const Entries other = ShuffledEntries(random);
    const size_t buckets = random() % 1000;
    ASSERT_EQ(KeyText(std::unordered_map<std::string, int>(other.begin(), other.end(), buckets)),
              text);
    ASSERT_EQ(KeyText(absl::flat_hash_map<std::string, int>(other.begin(), other.end(), buckets)),
              text);
    ASSERT_EQ(
        KeyText(absl::btree_map<std::string, int, std::greater<>>(other.begin(), other.end())),
        text);
  }
}

TEST(Map, FromNumbersInAnyOrderReadsTheSame) {
  std::mt19937_64 random = testing::SeededRandom();
  std::vector<int> numbers(60);
  std::map<int, int> ordered;
  for (size_t i = 0; i < numbers.size(); ++i) ordered[numbers[i] = static_cast<int>(i)] = 1;
  for (int round = 0; round < 20; ++round) {
    std::ranges::shuffle(numbers, random);
    std::unordered_map<int, int> map(random() % 1000);
    absl::flat_hash_set<int> set;
    std::unordered_multiset<int> multiset(random() % 1000);
    for (const int number : numbers) {
      map[number] = 1;
      set.insert(number);
      multiset.insert(number / 2);
    }
    ASSERT_EQ(KeyText(map), KeyText(ordered));
    ASSERT_EQ(KeyText(set), KeyText(absl::btree_set<int>(numbers.begin(), numbers.end())));
    ASSERT_EQ(KeyText(multiset), KeyText(std::multiset<int>(multiset.begin(), multiset.end())));
  }
}

TEST(Map, WithANameThatBeginsWithADotIsAListOfEntries) {
  EXPECT_EQ(KeyText(std::map<std::string, int>{{"a", 1}, {".type", 2}}),
            R"({".type": "map", "entries": [[".type", 2], ["a", 1]]})");
  EXPECT_EQ(KeyText(std::map<std::string, int>{{"a.", 1}}), R"({"a.": 1})");
}

// Were its keys names, this map would read as an empty map with a name that begins with a dot.
TEST(Map, CannotReadAsAnObjectOfTheFormat) {
  using Map = std::map<std::string, std::variant<std::string, std::vector<int>>>;
  const std::string text = KeyText(Map{{".type", "map"}, {"entries", std::vector<int>()}});
  EXPECT_TRUE(text.starts_with(R"({".type": "map", "entries": [[".type", )")) << text;
}

TEST(Map, FromOtherTextsIsAListOfEntries) {
  EXPECT_EQ(KeyText(std::map<std::u16string, int>{{u"a", 1}}),
            R"({".type": "map", "entries": [["a", 1]]})");
  EXPECT_EQ(KeyText(std::map<std::u8string, int>{{u8"a", 1}}), R"({"a": 1})");
}

TEST(Map, SortsNamesAsBytes) {
  EXPECT_EQ(KeyText(std::map<std::string, int>{{"\xff", 1}, {"z", 2}, {"", 3}, {"\xc3\xa9", 4}}),
            R"({"": 3, "z": 2, "\u00e9": 4, "\udcff": 1})");
}

TEST(Map, OfMapsIsNested) {
  using Inner = std::unordered_map<std::string, std::set<int>>;
  EXPECT_EQ(KeyText(std::map<int, Inner>{{1, {{"a", {2, 10}}}}}),
            R"({".type": "map", "entries": [[1, {"a": [10, 2]}]]})");
}

TEST(Multimap, KeepsAllEntriesOfAKey) {
  const std::unordered_multimap<std::string, int> map{{"a", 2}, {"b", 1}, {"a", 1}, {"a", 2}};
  EXPECT_EQ(KeyText(map),
            R"({".type": "map", "entries": [["a", 1], ["a", 2], ["a", 2], ["b", 1]]})");
  EXPECT_EQ(KeyText(absl::btree_multimap<std::string, int>(map.begin(), map.end())), KeyText(map));
}

TEST(Multiset, KeepsEqualElements) {
  EXPECT_EQ(KeyText(std::unordered_multiset<int>{3, 1, 3}), "[1, 3, 3]");
  EXPECT_EQ(KeyText(absl::btree_multiset<int>{3, 1, 3}), "[1, 3, 3]");
}

TEST(Set, OfPointersIsOfWhatTheyPointTo) {
  std::set<std::shared_ptr<int>> set;  // sorted by address
  for (const int i : {3, 1, 2}) set.insert(std::make_shared<int>(i));
  EXPECT_EQ(KeyText(set), "[1, 2, 3]");
}

}  // namespace
}  // namespace permacache
