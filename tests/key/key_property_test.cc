// Random values of a nested type: their texts are equal exactly if they are.
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/key/key.h"
#include "permacache/testing/random.h"

namespace permacache {
namespace {

enum class Color : int16_t { kRed, kGreen, kBlue };

struct Leaf {
  double number = 0;
  float narrow = 0;
  std::string text;
  Color color = Color::kRed;

  bool operator==(const Leaf&) const = default;
};

struct Node {
  std::optional<std::optional<int>> maybe;
  std::vector<Leaf> leaves;
  std::map<std::string, std::vector<bool>> flags;
  std::map<int, std::string> names;
  std::unordered_map<std::string, uint8_t> bytes;
  std::set<std::pair<int, std::string>> pairs;
  std::array<char, 2> letters{};
  std::vector<int> numbers;
  std::vector<Node> children;

  bool operator==(const Node&) const = default;
};

// Makes small values of few different parts, so that equal and nearly equal ones come up.
class Maker {
 public:
  explicit Maker(std::mt19937_64 random) : random_(std::move(random)) {}

  size_t Below(size_t limit) { return random_() % limit; }

  std::string Text() {
    constexpr std::string_view kTexts[] = {"",     "a",        "\"",   "\", \"",
                                           "null", "\xc3\xa9", "\xc3", "\\"};
    return std::string(kTexts[Below(std::size(kTexts))]);
  }

  double Number() {
    constexpr double kNumbers[] = {0, 1, 0.1, 0.1f, 1e16, 5e-324, -1};
    return kNumbers[Below(std::size(kNumbers))];
  }

  Leaf MakeLeaf() {
    return {Number(), static_cast<float>(Number()), Text(), static_cast<Color>(Below(3))};
  }

  // Changes one part of the node, perhaps to what it is.
  void Change(Node& node, int depth) {
    switch (Below(10)) {
      case 0:
        node.maybe = {};
        if (Below(3) > 0) node.maybe.emplace();
        if (node.maybe && Below(2) > 0) *node.maybe = static_cast<int>(Below(3));
        break;
      case 1:
        node.leaves.resize(Below(3));
        for (Leaf& leaf : node.leaves) leaf = MakeLeaf();
        break;
      case 2:
        node.flags[Text()].push_back(Below(2) == 0);
        break;
      case 3:
        node.flags.erase(Text());
        break;
      case 4:
        node.names[static_cast<int>(Below(12))] = Text();
        break;
      case 5:
        node.bytes[Text()] = static_cast<uint8_t>(Below(2));
        break;
      case 6:
        node.pairs.emplace(static_cast<int>(Below(12)), Text());
        break;
      case 7:
        node.letters[Below(2)] = static_cast<char>(Below(256));
        break;
      case 8:
        node.numbers.assign(Below(2) == 0 ? 64 : 65, static_cast<int>(Below(2)));
        break;
      case 9:
        if (depth > 2) break;
        if (node.children.empty() || Below(4) == 0) node.children.emplace_back();
        Change(node.children[Below(node.children.size())], depth + 1);
        break;
    }
  }

 private:
  std::mt19937_64 random_;
};

TEST(KeyTextProperty, TextsAreEqualExactlyIfValuesAre) {
  Maker maker(testing::SeededRandom());
  std::map<std::string, Node> value_of_text;
  for (int round = 0; round < 100; ++round) {
    Node node;
    for (int step = 0; step < 100; ++step) {
      const std::string text = KeyText(node);
      ASSERT_EQ(KeyText(Node(node)), text);
      const auto [known, is_new] = value_of_text.emplace(text, node);
      ASSERT_TRUE(known->second == node) << text;

      Node changed = node;
      maker.Change(changed, 0);
      ASSERT_EQ(KeyText(changed) == text, changed == node) << text << "\n" << KeyText(changed);
      node = std::move(changed);
    }
  }
  EXPECT_GT(value_of_text.size(), 1000u);
}

TEST(KeyTextProperty, UnorderedMapsThatAreEqualHaveEqualTexts) {
  Maker maker(testing::SeededRandom());
  for (int round = 0; round < 200; ++round) {
    std::vector<std::pair<int, std::string>> entries;
    for (size_t i = maker.Below(50); i > 0; --i) {
      entries.emplace_back(static_cast<int>(i), maker.Text());
    }
    const std::unordered_map<int, std::string> forward(entries.begin(), entries.end());
    const std::unordered_map<int, std::string> backward(entries.rbegin(), entries.rend(), 97);
    ASSERT_EQ(KeyText(forward), KeyText(backward));
  }
}

}  // namespace
}  // namespace permacache
