// Ranges: C arrays, arrays of arrays, views, containers that no header of this library knows.
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <list>
#include <numeric>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <valarray>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "permacache/key/key.h"

namespace permacache {
namespace {

TEST(Range, OfACArrayIsAList) {
  const int numbers[] = {1, 2};
  const std::string texts[] = {"a", "b"};
  const bool flags[2][2] = {{true, false}, {false, true}};
  EXPECT_EQ(KeyText(numbers), "[1, 2]");
  EXPECT_EQ(KeyText(texts), R"(["a", "b"])");
  EXPECT_EQ(KeyText(flags), "[[true, false], [false, true]]");
}

TEST(Range, OfArraysInOnePieceIsOneArrayOnceItIsLong) {
  std::vector<std::array<uint8_t, 2>> rows(32, {1, 2});
  EXPECT_TRUE(KeyText(rows).starts_with("[[1, 2], [1, 2], "));
  rows.push_back({1, 2});
  std::string expected;
  std::vector<uint8_t> numbers(66, 1);
  for (size_t i = 1; i < numbers.size(); i += 2) numbers[i] = 2;
  key::AppendArrayDigest(expected, "u1", std::array<size_t, 2>{33, 2},
                         key::DigestOfArray(ArrayView(numbers.data(), {66})));
  EXPECT_EQ(KeyText(rows), expected);
  EXPECT_EQ(KeyText(std::vector<std::array<const uint8_t, 2>>(33, {1, 2})), expected);
  EXPECT_NE(KeyText(std::vector<std::array<uint8_t, 3>>(22, {1, 2, 1})), expected);
}

TEST(Range, OfNestedArraysHasAllExtents) {
  const std::array<std::array<std::array<float, 5>, 5>, 3> cube{};
  EXPECT_TRUE(KeyText(cube).ends_with(R"("dtype": "f4", "shape": [3, 5, 5]})"));
  const float grid[9][9] = {};
  EXPECT_TRUE(KeyText(grid).ends_with(R"("dtype": "f4", "shape": [9, 9]})"));
}

TEST(Range, OfEmptyArraysKeepsTheirNumber) {
  using Rows = std::vector<std::array<int, 0>>;
  EXPECT_EQ(KeyText(Rows(2)), "[[], []]");
  EXPECT_NE(KeyText(Rows(100)), KeyText(Rows(101)));
}

TEST(Range, OfNumbersReadsTheSameWhereverTheyLie) {
  for (const size_t length : {0, 1, 64, 65, 40000}) {
    std::vector<int64_t> numbers(length);
    std::iota(numbers.begin(), numbers.end(), int64_t{-5});
    const std::string text = KeyText(numbers);
    EXPECT_EQ(KeyText(std::deque<int64_t>(numbers.begin(), numbers.end())), text);
    EXPECT_EQ(KeyText(std::list<int64_t>(numbers.begin(), numbers.end())), text);
    EXPECT_EQ(KeyText(absl::InlinedVector<int64_t, 4>(numbers.begin(), numbers.end())), text);
    EXPECT_EQ(KeyText(std::span(numbers)), text);
    EXPECT_EQ(KeyText(absl::Span<const int64_t>(numbers)), text);
    EXPECT_EQ(KeyText(std::valarray<int64_t>(numbers.data(), length)), text);
  }
}

TEST(Range, OfBoolsReadsTheSameWhereverTheyLie) {
  for (const size_t length : {0, 3, 64, 65, 20000}) {
    std::vector<bool> flags(length);
    for (size_t i = 0; i < length; i += 3) flags[i] = true;
    const std::string text = KeyText(flags);
    EXPECT_EQ(KeyText(std::deque<bool>(flags.begin(), flags.end())), text);
    EXPECT_EQ(KeyText(absl::InlinedVector<bool, 4>(flags.begin(), flags.end())), text);
  }
}

TEST(Range, OfAnInitializerListIsAList) {
  EXPECT_EQ(KeyText(std::initializer_list<std::string>{"a", "b"}), R"(["a", "b"])");
  EXPECT_EQ(KeyText(std::initializer_list<int>()), "[]");
}

struct Skip {  // iterates over every second element
  struct Iterator {
    using value_type = std::string;
    using difference_type = ptrdiff_t;
    const std::string* place;
    const std::string& operator*() const { return *place; }
    Iterator& operator++() { return place += 2, *this; }
    Iterator operator++(int) { return {std::exchange(place, place + 2)}; }
    bool operator==(const Iterator&) const = default;
  };

  template <class It>
  Skip(It begin, It end) : elements(begin, end) {}
  Iterator begin() const { return {elements.data()}; }
  Iterator end() const { return {elements.data() + elements.size()}; }

  std::vector<std::string> elements;
};

TEST(Range, OfAContainerOfTheUsersHasItsElements) {
  const std::vector<std::string> texts{"a", "b", "c", "d"};
  EXPECT_EQ(KeyText(Skip(texts.begin(), texts.end())), R"(["a", "c"])");
}

class Torus {  // pointers turn into bool
 public:
  Torus(bool wraps_x, bool wraps_y) : wraps_{wraps_x, wraps_y} {}
  const int* begin() const { return cells_.data(); }
  const int* end() const { return cells_.data() + cells_.size(); }
  bool wraps_x() const { return wraps_[0]; }

 private:
  std::array<bool, 2> wraps_;
  std::array<int, 3> cells_{};
};

template <class T>
class Named : public std::vector<T> {
 public:
  using std::vector<T>::vector;
  std::string name;
};

TEST(Range, IsNotAnIdentityOfWhatMayHaveMore) {
  EXPECT_EQ(key::kKind<Torus>, key::Kind::kNone);
  EXPECT_EQ(key::kKind<Named<int>>, key::Kind::kNone);
}

#if !defined(__clang__) || __clang_major__ >= 16  // before that, clang cannot compile libstdc++'s

TEST(View, IsAListOfItsElements) {
  const std::vector<int> numbers{1, 2, 3, 4};
  EXPECT_EQ(KeyText(numbers | std::views::filter([](int i) { return i % 2 == 0; })), "[2, 4]");
  EXPECT_EQ(KeyText(numbers | std::views::filter([](int i) { return i > 9; })), "[]");
  EXPECT_EQ(KeyText(numbers | std::views::transform([](int i) { return i * 0.5; })),
            "[0.5, 1.0, 1.5, 2.0]");
  EXPECT_EQ(KeyText(numbers | std::views::reverse | std::views::take(2)), "[4, 3]");
  EXPECT_EQ(KeyText(std::views::empty<std::string>), "[]");
  EXPECT_EQ(KeyText(std::views::single(std::string("a"))), R"(["a"])");
}

TEST(View, OfManyNumbersIsDigestedAsAnArray) {
  std::vector<int> even(100);
  for (size_t i = 0; i < even.size(); ++i) even[i] = static_cast<int>(2 * i);
  const auto is_even = [](int i) { return i % 2 == 0; };
  std::vector<int> all(200);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(KeyText(all | std::views::filter(is_even)), KeyText(even));
}

TEST(View, FromOneIntegerToAnotherIsARange) {
  EXPECT_EQ(KeyText(std::views::iota(0, 10)),
            R"_({".type": "range", "representation": "range(0, 10)"})_");
  EXPECT_EQ(KeyText(std::views::iota(-3L, -3L)),
            R"_({".type": "range", "representation": "range(-3, -3)"})_");
  EXPECT_EQ(KeyText(std::views::iota(0, 2L)), "[0, 1]");
  EXPECT_EQ(key::kKind<decltype(std::views::iota(0))>, key::Kind::kNone);
}

#endif

TEST(ArithmeticRange, ReadsAsInPython) {
  EXPECT_EQ(KeyText(ArithmeticRange{0, 10}),
            R"_({".type": "range", "representation": "range(0, 10)"})_");
  EXPECT_EQ(KeyText(ArithmeticRange{10, 0, -2}),
            R"_({".type": "range", "representation": "range(10, 0, -2)"})_");
}

}  // namespace
}  // namespace permacache
