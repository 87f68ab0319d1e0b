// Tuple-likes: what std::tuple_size knows, of any library.
#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/key/key.h"

namespace people {

// With get as a function of its namespace, which returns values.
class Person {
 public:
  Person(std::string name, int age) : name_(std::move(name)), age_(age) {}
  std::string name() const { return name_; }
  int age() const { return age_; }

 private:
  std::string name_;
  int age_;
};

template <size_t kIndex>
auto get(const Person& person) {
  if constexpr (kIndex == 0) {
    return person.name();
  } else {
    return person.age();
  }
}

// With get as a member, which returns references.
class Couple {
 public:
  Couple(Person first, Person second) : people_{std::move(first), std::move(second)} {}
  template <size_t kIndex>
  const Person& get() const {
    return people_[kIndex];
  }

 private:
  std::vector<Person> people_;
};

}  // namespace people

template <>
struct std::tuple_size<people::Person> : std::integral_constant<size_t, 2> {};
template <>
struct std::tuple_element<0, people::Person> {
  using type = std::string;
};
template <>
struct std::tuple_element<1, people::Person> {
  using type = int;
};
template <>
struct std::tuple_size<people::Couple> : std::integral_constant<size_t, 2> {};
template <size_t kIndex>
struct std::tuple_element<kIndex, people::Couple> {
  using type = people::Person;
};

namespace permacache {
namespace {

TEST(Tuple, OfTheUsersIsAList) {
  const std::string name(100, 'x');  // too long to be stored inside of a std::string
  EXPECT_EQ(KeyText(people::Person(name, 30)), "[\"" + name + "\", 30]");
}

TEST(Tuple, WithGetAsAMemberIsAList) {
  EXPECT_EQ(KeyText(people::Couple({"a", 1}, {"b", 2})), R"([["a", 1], ["b", 2]])");
}

TEST(Tuple, OfReferencesIsThatOfTheValues) {
  const int number = 3;
  std::string text = "a";
  EXPECT_EQ(KeyText(std::tie(number, text)), R"([3, "a"])");
  EXPECT_EQ(KeyText(std::forward_as_tuple(true, 'c')), R"([true, "c"])");
  EXPECT_EQ(KeyText(std::tuple<const bool, const char>(true, 'c')), R"([true, "c"])");
}

TEST(Tuple, TellsNestingApart) {
  EXPECT_EQ(KeyText(std::tuple(std::tuple(1, 2), 3)), "[[1, 2], 3]");
  EXPECT_EQ(KeyText(std::tuple(1, std::tuple(2, 3))), "[1, [2, 3]]");
  EXPECT_EQ(KeyText(std::make_tuple(std::tuple<>())), "[[]]");
}

}  // namespace
}  // namespace permacache
