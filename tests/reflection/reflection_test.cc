#include "permacache/reflection/reflection.h"

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"

namespace permacache::reflection {

struct Sphere {
  double radius = 1;
  std::string material;
  bool solid = false;
};

template <class T>
struct Pair {
  T first;
  std::vector<T> others;
};

struct Tree {
  int value = 0;
  std::vector<Tree> children;
  std::unique_ptr<Tree> spare;
};

struct Empty {};

struct Inner {
  int depth = 0;
};

struct Outer {
  Inner inner;
  std::optional<Inner> maybe;
};

struct Uninitialized {
  int a;
  std::unique_ptr<int> b;
  const int c;
};

struct Long {
  int a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9;
};

class Closed {
 public:
  int field = 0;

 private:
  [[maybe_unused]] int hidden_ = 0;
};

struct WithConstructor {
  explicit WithConstructor(int given) : value(given) {}
  int value;
};

struct Virtual {
  virtual void Do() {}
};

union Either {
  int number;
  float fraction;
};

template <class T>
std::vector<std::string> NamesOf(const T& value) {
  std::vector<std::string> names;
  ForEachField(value, [&](std::string_view name, const auto&) { names.emplace_back(name); });
  return names;
}

namespace {

struct Hidden {
  int x_;
  int Y2;
};

using Names = std::vector<std::string>;

TEST(Aggregate, IsAStructThatCanBeInitializedWithBraces) {
  static_assert(Aggregate<Sphere>);
  static_assert(Aggregate<Empty>);
  static_assert(Aggregate<Tree>);
  static_assert(Aggregate<Pair<int>>);
}

TEST(Aggregate, IsNothingElse) {
  static_assert(!Aggregate<Closed>);
  static_assert(!Aggregate<WithConstructor>);
  static_assert(!Aggregate<Virtual>);
  static_assert(!Aggregate<Either>);
  static_assert(!Aggregate<int[3]>);
  static_assert(!Aggregate<int>);
  static_assert(!Aggregate<std::string>);
}

TEST(FieldCount, CountsTheFields) {
  static_assert(kFieldCount<Sphere> == 3);
  static_assert(kFieldCount<Empty> == 0);
  static_assert(kFieldCount<Tree> == 3);
  static_assert(kFieldCount<Outer> == 2);
  static_assert(kFieldCount<Long> == 20);
}

TEST(FieldName, IsAsItsAuthorWroteIt) {
  static_assert(FieldName<Sphere, 0>() == "radius");
  static_assert(FieldName<Sphere, 1>() == "material");
  static_assert(FieldName<Sphere, 2>() == "solid");
}

TEST(FieldName, OfATypeThatOnlyThisFileKnows) {
  struct Local {
    int here;
  };
  EXPECT_EQ((FieldName<Hidden, 0>()), "x_");
  EXPECT_EQ((FieldName<Hidden, 1>()), "Y2");
  EXPECT_EQ((FieldName<Local, 0>()), "here");
}

TEST(FieldName, OfAnUnnamedStruct) {
  struct {
    int field;
  } unnamed{1};
  EXPECT_EQ((FieldName<decltype(unnamed), 0>()), "field");
}

TEST(FieldName, OfATemplate) {
  EXPECT_EQ((FieldName<Pair<double>, 1>()), "others");
  EXPECT_EQ((FieldName<Pair<std::tuple<int, Sphere>>, 1>()), "others");
}

TEST(FieldName, OfFieldsThatCannotBeCopied) {
  EXPECT_EQ((FieldName<Uninitialized, 1>()), "b");
  EXPECT_EQ((FieldName<Uninitialized, 2>()), "c");
}

TEST(ForEachField, GoesInTheOrderOfDeclaration) {
  EXPECT_EQ(NamesOf(Sphere{}), (Names{"radius", "material", "solid"}));
  EXPECT_EQ(NamesOf(Long{}), (Names{"a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9",
                                    "b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9"}));
}

TEST(ForEachField, DoesNotFlattenNestedStructs) {
  EXPECT_EQ(NamesOf(Outer{}), (Names{"inner", "maybe"}));
}

TEST(ForEachField, VisitsNothingOfAnEmptyStruct) { EXPECT_EQ(NamesOf(Empty{}), Names{}); }

TEST(ForEachField, VisitsARecursiveStruct) {
  Tree tree{1, {}, nullptr};
  tree.children.push_back({2, {}, nullptr});
  EXPECT_EQ(NamesOf(tree), (Names{"value", "children", "spare"}));
  EXPECT_EQ(NamesOf(tree.children[0]), (Names{"value", "children", "spare"}));
}

TEST(ForEachField, GivesReferencesIntoTheAggregate) {
  Sphere sphere;
  ForEachField(sphere, [](std::string_view name, auto& value) {
    if constexpr (std::is_same_v<decltype(value), std::string&>) {
      value = name;
    } else {
      value = {};
    }
  });
  EXPECT_EQ(sphere.radius, 0);
  EXPECT_EQ(sphere.material, "material");
}

TEST(ForEachField, GivesConstReferencesOfAConst) {
  const Sphere sphere{2.5, "glass", true};
  int visited = 0;
  ForEachField(sphere, [&](std::string_view, auto& value) {
    static_assert(std::is_const_v<std::remove_reference_t<decltype(value)>>);
    ++visited;
    if constexpr (std::is_same_v<decltype(value), const double&>) {
      EXPECT_EQ(&value, &sphere.radius);
    }
  });
  EXPECT_EQ(visited, 3);
}

}  // namespace
}  // namespace permacache::reflection
