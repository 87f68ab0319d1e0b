// PermacacheKey functions: which of them is taken for which type.
#include <any>
#include <complex>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/key/key.h"

namespace shapes {

class Friendly {
  friend void PermacacheKey(permacache::KeyWriter& key, const Friendly&) { key.Write("friend"); }
};

class Named {};
void PermacacheKey(permacache::KeyWriter& key, const Named&) { key.Write("namespace"); }

template <class T>
class Box {
 public:
  explicit Box(T content) : content_(std::move(content)) {}

 private:
  friend void PermacacheKey(permacache::KeyWriter& key, const Box& box) { key.Write(box.content_); }

  T content_;
};

template <class T>
class Pair {};
template <class T>
void PermacacheKey(permacache::KeyWriter& key, const Pair<T>&) {
  key.Write("template");
}

enum class Level { kLow };
void PermacacheKey(permacache::KeyWriter& key, Level) { key.Write("enum"); }

enum Old { kOld };
enum Older { kOlder };
void PermacacheKey(permacache::KeyWriter& key, int) { key.Write("number"); }
void PermacacheKey(permacache::KeyWriter& key, Older) { key.Write("older"); }

struct ByValue {
  int number = 1;
};
void PermacacheKey(permacache::KeyWriter& key, ByValue value) { key.Write(value.number); }

struct Unmovable {
  Unmovable() = default;
  Unmovable(const Unmovable&) = delete;

  friend void PermacacheKey(permacache::KeyWriter& key, const Unmovable&) { key.Write(1); }
};

// A hook that takes all classes with an Id of their own.
template <class T>
concept HasId = requires(const T& value) {
  { value.id() } -> std::same_as<int>;
};
template <HasId T>
void PermacacheKey(permacache::KeyWriter& key, const T& value) {
  key.Write(value.id());
}
struct Circle {
  int id() const { return 7; }
  double radius = 1;
};
struct Square : Circle {};

struct Animal {
  int legs = 4;
};
void PermacacheKey(permacache::KeyWriter& key, const Animal& animal) { key.Write(animal.legs); }
struct Dog : Animal {
  std::string name;
};
struct Cat : Animal {};
void PermacacheKey(permacache::KeyWriter& key, const Cat& cat) { key.Write(cat.legs, "cat"); }

struct Changed {
  int number = 0;
};
void PermacacheKey(permacache::KeyWriter& key, Changed& value) { key.Write(value.number); }

struct Metres {
  double value = 0;
};
struct Feet {
  double value = 0;
  operator Metres() const { return {value * 0.3}; }  // NOLINT: implicit
};
void PermacacheKey(permacache::KeyWriter& key, const Metres& length) { key.Write(length.value); }

}  // namespace shapes

namespace foreign {

class Date {};
struct Celsius {
  double degrees = 0;
};

}  // namespace foreign

namespace permacache {

void PermacacheKey(KeyWriter& key, const foreign::Date&) { key.Write("ours"); }

// Everything that can be copied turns into a std::any.
void PermacacheKey(KeyWriter& key, const std::any& any) { key.Write(any.has_value()); }

template <class T>
void PermacacheKey(KeyWriter& key, const std::complex<T>& number) {
  key.Write(std::abs(number));
}

namespace {

TEST(Hook, AsAFriend) {
  EXPECT_EQ(KeyText(shapes::Friendly()), R"({".type": "Friendly", "values": ["friend"]})");
}

TEST(Hook, InTheNamespaceOfTheType) {
  EXPECT_EQ(KeyText(shapes::Named()), R"({".type": "Named", "values": ["namespace"]})");
}

TEST(Hook, InNamespacePermacacheForATypeOfOthers) {
  EXPECT_EQ(KeyText(foreign::Date()), R"({".type": "Date", "values": ["ours"]})");
}

TEST(Hook, OfAClassTemplate) {
  EXPECT_EQ(KeyText(shapes::Box(std::string("a"))), R"({".type": "Box", "values": ["a"]})");
  EXPECT_EQ(KeyText(shapes::Box<shapes::Box<int>>(shapes::Box(1))),
            R"({".type": "Box", "values": [{".type": "Box", "values": [1]}]})");
  EXPECT_EQ(KeyText(shapes::Pair<int>()), R"({".type": "Pair", "values": ["template"]})");
}

TEST(Hook, OfAnEnum) {
  EXPECT_EQ(KeyText(shapes::Level::kLow), R"({".type": "Level", "values": ["enum"]})");
  EXPECT_EQ(KeyText(shapes::kOlder), R"({".type": "Older", "values": ["older"]})");
}

TEST(Hook, OfIntegersIsNotThatOfAnEnum) {
  EXPECT_EQ(KeyText(shapes::kOld), R"({".type": "enum", "enum.name": "Old", "enum.value": 0})");
}

TEST(Hook, ThatTakesItsArgumentByValue) {
  EXPECT_EQ(KeyText(shapes::ByValue()), R"({".type": "ByValue", "values": [1]})");
}

TEST(Hook, OfWhatCanNeitherBeCopiedNorMoved) {
  EXPECT_EQ(KeyText(shapes::Unmovable()), R"({".type": "Unmovable", "values": [1]})");
}

TEST(Hook, ForAllTypesOfAConcept) {
  EXPECT_EQ(KeyText(shapes::Circle()), R"({".type": "Circle", "values": [7]})");
  EXPECT_EQ(KeyText(shapes::Square()), R"({".type": "Square", "values": [7]})");
}

TEST(Hook, OfABaseClassIsNotThatOfTheDerived) {
  EXPECT_EQ(key::kKind<shapes::Animal>, key::Kind::kHooked);
  EXPECT_EQ(key::kKind<shapes::Dog>, key::Kind::kNone);
  EXPECT_EQ(KeyText(shapes::Cat()), R"({".type": "Cat", "values": [4, "cat"]})");
}

TEST(Hook, ThatWantsToChangeItsArgumentIsNotPassedOver) {
  EXPECT_EQ(key::kKind<shapes::Changed>, key::Kind::kNone);
}

TEST(Hook, OfWhatATypeConvertsToSaysNothingOfIt) {
  EXPECT_EQ(KeyText(shapes::Metres{3}), R"({".type": "Metres", "values": [3.0]})");
  EXPECT_EQ(KeyText(shapes::Feet{10}), R"({".attr.__name__": "Feet", "value": 10.0})");
  EXPECT_EQ(KeyText(foreign::Celsius{20}), R"({".attr.__name__": "Celsius", "degrees": 20.0})");
  EXPECT_EQ(KeyText(std::vector<int>{1}), "[1]");
  EXPECT_EQ(KeyText(std::any(1)), R"({".type": "any", "values": [true]})");
}

TEST(Hook, OfANumberCountsInsideOfArraysToo) {
  EXPECT_EQ(KeyText(std::complex(3.0, 4.0)), R"({".type": "complex", "values": [5.0]})");
  const std::string text = KeyText(std::vector<std::complex<double>>(65, {3, 4}));
  EXPECT_TRUE(text.starts_with(R"([{".type": "complex", "values": [5.0]}, )")) << text;
  EXPECT_EQ(KeyText(std::vector<std::complex<double>>(65, {4, 3})), text);
}

}  // namespace
}  // namespace permacache
