#include "permacache/reflection/field_count.h"

#include <any>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace permacache::reflection::internal {
namespace {

struct Base {
  int x;
};
struct Tag {};
struct Mixed {
  Base nested;
  std::string text;
  std::optional<int> maybe;
  std::vector<std::any> more;
  const bool flag;
};
struct MoveOnly {
  std::unique_ptr<int> pointer;
  int number;
};
struct Any {
  std::any first;
  int second;
};
struct OneArray {
  int numbers[3];
};
struct Arrays {
  std::string text;
  double grid[2][3];
  char name[16];
  Base nested[2];
  bool last;
};
struct Derived : Base {
  int y;
};
struct Tagged : Tag {
  int y;
};

TEST(CountFields, AgreesWithPfrWhereThereIsNoArray) {
  static_assert(CountFields<Mixed, boost::pfr::tuple_size_v<Mixed>>() == 5);
  static_assert(CountFields<MoveOnly, boost::pfr::tuple_size_v<MoveOnly>>() == 2);
  static_assert(CountFields<Any, boost::pfr::tuple_size_v<Any>>() == 2);
  static_assert(CountFields<Tag, boost::pfr::tuple_size_v<Tag>>() == 0);
}

TEST(CountFields, CountsAnArrayAsOne) {
  static_assert(CountFields<OneArray, 3>() == 1);
  static_assert(CountFields<Arrays, 1 + 6 + 16 + 2 + 1>() == 5);
}

TEST(StartsWithABase, IsTrueOfAnAggregateThatDerives) {
  static_assert(StartsWithABase<Derived>);
  static_assert(StartsWithABase<Tagged>);
}

TEST(StartsWithABase, IsFalseOfFieldsEvenIfTheyTakeEverything) {
  static_assert(!StartsWithABase<Mixed>);
  static_assert(!StartsWithABase<Any>);
  static_assert(!StartsWithABase<MoveOnly>);
  static_assert(!StartsWithABase<Tag>);
}

}  // namespace
}  // namespace permacache::reflection::internal
