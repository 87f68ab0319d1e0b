#include "permacache/key/key.h"

#include <array>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace shapes {

enum class Color : uint8_t { kRed, kGreen = 7 };
enum Old { kOld = -1 };

struct Sphere {
  double radius = 1;
  std::string material;
};

struct Scene {
  int width = 640;
  std::vector<Sphere> spheres;
  Color color = Color::kRed;
};

struct Tree {
  int value = 0;
  std::vector<Tree> children;
};

struct Empty {};

// ASCII has the upper case first, then the underscore, then the lower case.
struct Unsorted {
  int b = 1;
  int _c = 2;
  int a10 = 3;
  int B = 4;
  int a2 = 5;
};

template <class T>
struct Box {
  T content;
};

class Mesh {
 public:
  Mesh(std::string name, std::vector<int> vertices)
      : name_(std::move(name)), vertices_(std::move(vertices)) {}

 private:
  friend void PermacacheKey(permacache::KeyWriter& key, const Mesh& mesh) {
    key.Write(mesh.name_, mesh.vertices_);
  }

  std::string name_;
  std::vector<int> vertices_;
};

// An aggregate of which only a part matters.
struct Timed {
  int value = 0;
  double seconds = 0;
};

void PermacacheKey(permacache::KeyWriter& key, const Timed& timed) { key.Write(timed.value); }

// Hooks come before what the kind of type would give.
enum class Level { kLow, kHigh };

void PermacacheKey(permacache::KeyWriter& key, Level level) { key.Write(level == Level::kHigh); }

class Numbers {
 public:
  const int* begin() const { return numbers_.data(); }
  const int* end() const { return numbers_.data() + numbers_.size(); }

 private:
  friend void PermacacheKey(permacache::KeyWriter& key, const Numbers&) {
    key.Write("hooked", std::string("twice"));  // a literal, too
    key.Write();
    key.Write(1, 2.5);
  }

  std::array<int, 3> numbers_{1, 2, 3};
};

// A container that no header of this library knows.
class Ring {
 public:
  template <class Iterator>
  Ring(Iterator begin, Iterator end) : elements_(begin, end) {}
  auto begin() const { return elements_.begin(); }
  auto end() const { return elements_.end(); }

 private:
  std::list<int> elements_;
};

class Nothing {
  friend void PermacacheKey(permacache::KeyWriter&, const Nothing&) {}
};

}  // namespace shapes

// A type of somebody else, in whose namespace nothing may be added.
namespace somebody {

class Money {
 public:
  explicit Money(int64_t cents) : cents_(cents) {}
  int64_t cents() const { return cents_; }

 private:
  int64_t cents_;
};

}  // namespace somebody

namespace permacache {

template <class T>
void PermacacheKey(KeyWriter& key, const std::complex<T>& value) {
  key.Write(value.real(), value.imag());
}

void PermacacheKey(KeyWriter& key, const somebody::Money& money) { key.Write(money.cents()); }

namespace {

TEST(KeyText, OfABool) {
  EXPECT_EQ(KeyText(true), "true");
  EXPECT_EQ(KeyText(false), "false");
}

TEST(KeyText, OfACharIsAString) {
  EXPECT_EQ(KeyText('a'), R"("a")");
  EXPECT_EQ(KeyText('"'), R"("\"")");
  EXPECT_EQ(KeyText('\xff'), R"("\udcff")");
}

TEST(KeyText, OfSmallIntegersIsANumber) {
  EXPECT_EQ(KeyText(int8_t{-128}), "-128");
  EXPECT_EQ(KeyText(uint8_t{255}), "255");
  EXPECT_EQ(KeyText(std::byte{200}), "200");
}

TEST(KeyText, OfTheExtremesOfIntegers) {
  EXPECT_EQ(KeyText(std::numeric_limits<int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(KeyText(std::numeric_limits<long long>::max()), "9223372036854775807");
  EXPECT_EQ(KeyText(std::numeric_limits<unsigned long>::max()),
            std::to_string(std::numeric_limits<unsigned long>::max()));
}

TEST(KeyText, OfFloats) {
  EXPECT_EQ(KeyText(1e-5), "1e-05");
  EXPECT_EQ(KeyText(0.1f), "0.1");
  EXPECT_EQ(KeyText(2.0L), "2.0");
}

TEST(KeyText, OfAnEnumHasItsNameAndNumber) {
  EXPECT_EQ(KeyText(shapes::Color::kGreen),
            R"({".type": "enum", "enum.name": "Color", "enum.value": 7})");
  EXPECT_EQ(KeyText(shapes::kOld), R"({".type": "enum", "enum.name": "Old", "enum.value": -1})");
}

TEST(KeyText, OfStrings) {
  EXPECT_EQ(KeyText(std::string("a\n")), R"("a\n")");
  EXPECT_EQ(KeyText(std::string_view("\xc3\xa9")), R"("\u00e9")");
  EXPECT_EQ(KeyText(std::string()), R"("")");
}

TEST(KeyText, OfAPathIsItsSpelling) {
  EXPECT_EQ(KeyText(std::filesystem::path("/a/./b")), R"("/a/./b")");
}

TEST(KeyText, OfNothingIsNull) {
  EXPECT_EQ(KeyText(nullptr), "null");
  EXPECT_EQ(KeyText(std::nullopt), "null");
}

TEST(KeyText, OfAnOptionalIsThatOfItsValue) {
  EXPECT_EQ(KeyText(std::optional<int>()), "null");
  EXPECT_EQ(KeyText(std::optional<int>(3)), "3");
  EXPECT_EQ(KeyText(std::optional<std::string>("null")), R"("null")");
}

TEST(KeyText, OfNestedOptionalsTellsWhichIsEmpty) {
  using Inner = std::optional<int>;
  using Middle = std::optional<Inner>;
  EXPECT_EQ(KeyText(Middle()), "null");
  EXPECT_EQ(KeyText(Middle(Inner())), "[null]");
  EXPECT_EQ(KeyText(Middle(3)), "[3]");
  EXPECT_EQ(KeyText(std::optional<Middle>(Middle(Inner()))), "[[null]]");
  EXPECT_EQ(KeyText(std::optional<std::nullptr_t>(nullptr)), "[null]");
}

TEST(KeyText, OfPairsAndTuplesIsAList) {
  EXPECT_EQ(KeyText(std::pair(1, std::string("a"))), R"([1, "a"])");
  EXPECT_EQ(KeyText(std::tuple(true, 2.5, std::optional<int>())), "[true, 2.5, null]");
  EXPECT_EQ(KeyText(std::tuple<>()), "[]");
}

TEST(KeyText, OfSequencesIsAList) {
  EXPECT_EQ(KeyText(std::vector<int>()), "[]");
  EXPECT_EQ(KeyText(std::vector{1, 2}), "[1, 2]");
  EXPECT_EQ(KeyText(std::vector{true, false}), "[true, false]");
  EXPECT_EQ(KeyText(std::vector<std::string>{"a", "b"}), R"(["a", "b"])");
  EXPECT_EQ(KeyText(std::list{1, 2}), "[1, 2]");
  EXPECT_EQ(KeyText(std::forward_list{1, 2}), "[1, 2]");
  EXPECT_EQ(KeyText(std::deque{0.5}), "[0.5]");
  EXPECT_EQ(KeyText(std::array{3, 4}), "[3, 4]");
  EXPECT_EQ(KeyText(std::array<std::string, 1>{"a"}), R"(["a"])");
  const std::vector<std::string> texts{"a"};
  EXPECT_EQ(KeyText(std::span(texts)), R"(["a"])");
}

TEST(KeyText, OfCharsInAVectorIsAListOfStrings) {
  EXPECT_EQ(KeyText(std::vector{'a', 'b'}), R"(["a", "b"])");
}

TEST(KeyText, OfAContainerOfTheUsersIsThatOfItsElements) {
  const std::vector<int> elements = {1, 2, 3};
  EXPECT_EQ(KeyText(shapes::Ring(elements.begin(), elements.end())), "[1, 2, 3]");
}

TEST(KeyText, KeepsTheOrderOfSequences) {
  EXPECT_NE(KeyText(std::vector{1, 2}), KeyText(std::vector{2, 1}));
  EXPECT_NE(KeyText(std::list{1, 2}), KeyText(std::list{2, 1}));
}

TEST(KeyText, OfAMapFromTextIsAnObject) {
  const std::map<std::string, int> map{{"b", 1}, {"a", 2}};
  EXPECT_EQ(KeyText(map), R"({"a": 2, "b": 1})");
  EXPECT_EQ(KeyText(std::map<std::string_view, int>()), "{}");
}

TEST(KeyText, OfAMapIsSortedByTheBytesOfItsKeys) {
  const std::map<std::string, int, std::greater<>> map{
      {"a", 1}, {"B", 2}, {"\xc3\xa9", 3}, {"", 4}};
  EXPECT_EQ(KeyText(map), R"({"": 4, "B": 2, "a": 1, "\u00e9": 3})");
}

TEST(KeyText, OfAMapFromAnythingElseIsSortedByTheTextsOfItsEntries) {
  EXPECT_EQ(KeyText(std::map<int, std::string>{{2, "two"}, {10, "ten"}}),
            R"({".type": "map", "entries": [[10, "ten"], [2, "two"]]})");
  EXPECT_EQ(KeyText(std::map<std::pair<int, int>, bool>{{{1, 2}, true}}),
            R"({".type": "map", "entries": [[[1, 2], true]]})");
}

TEST(KeyText, OfAMultimapKeepsEqualKeys) {
  EXPECT_EQ(KeyText(std::multimap<std::string, int>{{"a", 2}, {"a", 1}, {"a", 1}}),
            R"({".type": "map", "entries": [["a", 1], ["a", 1], ["a", 2]]})");
}

TEST(KeyText, OfASetIsSortedByTheTextsOfItsElements) {
  EXPECT_EQ(KeyText(std::set{10, 9}), "[10, 9]");
  EXPECT_EQ(KeyText(std::set<std::string>{"b", "a"}), R"(["a", "b"])");
  EXPECT_EQ(KeyText(std::multiset{1, 1}), "[1, 1]");
}

TEST(KeyText, OfUnorderedContainersDoesNotDependOnTheOrderOfInsertion) {
  std::unordered_set<std::string> set;
  std::unordered_set<std::string> reversed_set(1000);
  std::unordered_map<std::string, int> map;
  std::unordered_map<std::string, int> reversed_map(1000);
  std::unordered_multimap<int, int> multimap;
  std::unordered_multimap<int, int> reversed_multimap(1000);
  for (int i = 0; i < 100; ++i) {
    const int j = 99 - i;
    set.insert(std::to_string(i));
    reversed_set.insert(std::to_string(j));
    map.emplace(std::to_string(i), i);
    reversed_map.emplace(std::to_string(j), j);
    multimap.emplace(i % 3, i);
    reversed_multimap.emplace(j % 3, j);
  }
  EXPECT_EQ(KeyText(set), KeyText(reversed_set));
  EXPECT_EQ(KeyText(map), KeyText(reversed_map));
  EXPECT_EQ(KeyText(multimap), KeyText(reversed_multimap));
}

TEST(KeyText, OfOrderedAndUnorderedContainersIsTheSame) {
  EXPECT_EQ(KeyText(std::unordered_set{3, 1, 20}), KeyText(std::set{3, 1, 20}));
  EXPECT_EQ(KeyText(std::unordered_map<std::string, int>{{"a", 1}, {"b", 2}}),
            KeyText(std::map<std::string, int>{{"a", 1}, {"b", 2}}));
}

TEST(KeyText, OfAnAggregateHasItsNameAndFields) {
  EXPECT_EQ(KeyText(shapes::Sphere{1.0, "glass"}),
            R"({".attr.__name__": "Sphere", "material": "glass", "radius": 1.0})");
  EXPECT_EQ(KeyText(shapes::Empty{}), R"({".attr.__name__": "Empty"})");
  EXPECT_EQ(KeyText(shapes::Box<int>{1}), R"({".attr.__name__": "Box", "content": 1})");
}

TEST(KeyText, OfAnAggregateIsSortedByTheBytesOfItsNames) {
  EXPECT_EQ(KeyText(shapes::Unsorted{}),
            R"({".attr.__name__": "Unsorted", "B": 4, "_c": 2, "a10": 3, "a2": 5, "b": 1})");
}

TEST(KeyText, OfNestedAggregates) {
  EXPECT_EQ(KeyText(shapes::Scene{.spheres = {{2.0, "a"}}}),
            R"({".attr.__name__": "Scene", )"
            R"("color": {".type": "enum", "enum.name": "Color", "enum.value": 0}, )"
            R"("spheres": [{".attr.__name__": "Sphere", "material": "a", "radius": 2.0}], )"
            R"("width": 640})");
}

TEST(KeyText, OfARecursiveAggregate) {
  EXPECT_EQ(KeyText(shapes::Tree{1, {{2, {}}}}),
            R"({".attr.__name__": "Tree", "children": [)"
            R"({".attr.__name__": "Tree", "children": [], "value": 2}], "value": 1})");
}

struct Raster {
  int width = 0;
  std::vector<float> pixels;
  auto begin() const { return pixels.begin(); }
  auto end() const { return pixels.end(); }
};

TEST(KeyText, OfAStructThatIsARangeHasAllItsFields) {
  EXPECT_EQ(KeyText(Raster{2, {1, 2}}),
            R"({".attr.__name__": "Raster", "pixels": [1.0, 2.0], "width": 2})");
}

class Grid {  // a range, but not its elements alone
 public:
  const int* begin() const { return cells_.data(); }
  const int* end() const { return cells_.data() + cells_.size(); }
  int width() const { return width_; }

 private:
  int width_ = 3;
  std::vector<int> cells_;
};

class Named : public std::vector<int> {
 public:
  using std::vector<int>::vector;
  std::string name;
};

class Tagged : public std::string {
 public:
  using std::string::string;
  int tag = 0;
};

TEST(KeyText, IsNotWrittenFromElementsWhereThereIsMore) {
  static_assert(key::internal::Range<std::vector<int>> && key::internal::Range<std::list<int>> &&
                key::internal::Range<std::span<const int>> &&
                key::internal::Range<std::array<int, 3>> && key::internal::Text<std::string>);
  EXPECT_FALSE(key::internal::Range<Grid>);
  EXPECT_FALSE(key::internal::Range<Named>);
  EXPECT_FALSE(key::internal::Text<Tagged> || key::internal::Range<Tagged>);
}

TEST(PermacacheKeyHook, AsAFriendOfAClass) {
  EXPECT_EQ(KeyText(shapes::Mesh("cube", {1, 2})),
            R"({".type": "Mesh", "values": ["cube", [1, 2]]})");
}

TEST(PermacacheKeyHook, InTheNamespaceOfTheType) {
  EXPECT_EQ(KeyText(shapes::Timed{3, 0.25}), R"({".type": "Timed", "values": [3]})");
}

TEST(PermacacheKeyHook, InNamespacePermacacheForATypeOfSomebodyElse) {
  EXPECT_EQ(KeyText(somebody::Money(995)), R"({".type": "Money", "values": [995]})");
  EXPECT_EQ(KeyText(std::complex(1.0, -2.5)), R"({".type": "complex", "values": [1.0, -2.5]})");
}

TEST(PermacacheKeyHook, ComesBeforeWhatTheKindOfTypeWouldGive) {
  EXPECT_EQ(KeyText(shapes::Level::kHigh), R"({".type": "Level", "values": [true]})");
}

TEST(PermacacheKeyHook, MayWriteSeveralTimes) {
  EXPECT_EQ(KeyText(shapes::Numbers()),
            R"({".type": "Numbers", "values": ["hooked", "twice", 1, 2.5]})");
}

TEST(PermacacheKeyHook, MayWriteNothing) {
  EXPECT_EQ(KeyText(shapes::Nothing()), R"({".type": "Nothing", "values": []})");
}

TEST(PermacacheKeyHook, IsFoundInsideOfOtherValues) {
  EXPECT_EQ(KeyText(std::vector{shapes::Timed{1}, shapes::Timed{2}}),
            R"([{".type": "Timed", "values": [1]}, {".type": "Timed", "values": [2]}])");
  EXPECT_EQ(KeyText(std::optional(shapes::Box<shapes::Level>{shapes::Level::kLow})),
            R"({".attr.__name__": "Box", "content": {".type": "Level", "values": [false]}})");
}

TEST(AppendFields, WritesTheFieldsWithoutTheNameOfTheStruct) {
  std::string text;
  key::Output out{text};
  key::AppendFields(out, shapes::Sphere{1.0, "glass"});
  EXPECT_EQ(text, R"({"material": "glass", "radius": 1.0})");
}

TEST(WrittenByFields, IsNeitherHookedNorARangeNorATuple) {
  static_assert(key::WrittenByFields<shapes::Sphere>);
  static_assert(!key::WrittenByFields<shapes::Timed>);
  static_assert(!key::WrittenByFields<std::array<int, 2>>);
  static_assert(!key::WrittenByFields<std::string>);
}

}  // namespace
}  // namespace permacache
