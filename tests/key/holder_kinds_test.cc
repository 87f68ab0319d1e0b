// What holds a value or does not: optional, expected, variant, pointers, references.
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/types/optional.h"
#include "absl/types/variant.h"
#include "gtest/gtest.h"
#include "permacache/key/key.h"

namespace others {

template <class T>
class Maybe {
 public:
  using value_type = T;
  Maybe() = default;
  explicit Maybe(T value) : value_(std::move(value)) {}
  bool has_value() const { return value_.has_value(); }
  const T& operator*() const { return *value_; }

 private:
  std::optional<T> value_;
};

// As std::expected of C++23.
template <class T, class Error>
class Outcome {
 public:
  using value_type = T;
  using error_type = Error;
  explicit Outcome(T value) : either_(std::in_place_index<0>, std::move(value)) {}
  Outcome(std::nullptr_t, Error error) : either_(std::in_place_index<1>, std::move(error)) {}
  bool has_value() const { return either_.index() == 0; }
  const T& operator*() const { return std::get<0>(either_); }
  const Error& error() const { return std::get<1>(either_); }

 private:
  std::variant<T, Error> either_;
};

template <class Error>
class Outcome<void, Error> {
 public:
  using value_type = void;
  using error_type = Error;
  Outcome() = default;
  explicit Outcome(Error error) : error_(std::move(error)) {}
  bool has_value() const { return !error_; }
  void operator*() const {}
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

template <class... Types>
class Extended : public std::variant<Types...> {
 public:
  using std::variant<Types...>::variant;
  int more = 0;
};

}  // namespace others

namespace permacache {
namespace {

TEST(Optional, OfAnyLibraryReadsTheSame) {
  EXPECT_EQ(KeyText(absl::optional<int>(3)), "3");
  EXPECT_EQ(KeyText(absl::optional<int>()), "null");
  EXPECT_EQ(KeyText(others::Maybe<int>(3)), "3");
  EXPECT_EQ(KeyText(others::Maybe<int>()), "null");
}

TEST(Optional, OfConstIsThatOfTheValue) {
  EXPECT_EQ(KeyText(std::optional<const bool>(true)), "true");
  EXPECT_EQ(KeyText(std::optional<const char>('a')), R"("a")");
  EXPECT_EQ(KeyText(std::optional<const std::optional<int>>(std::optional<int>())), "[null]");
}

TEST(Optional, OfWhatMayBeNothingTellsWhichIsNothing) {
  using Inner = others::Maybe<int>;
  EXPECT_EQ(KeyText(others::Maybe<Inner>()), "null");
  EXPECT_EQ(KeyText(others::Maybe<Inner>(Inner())), "[null]");
  EXPECT_EQ(KeyText(std::optional<Inner>(Inner(3))), "[3]");
  EXPECT_EQ(KeyText(std::optional<std::unique_ptr<int>>()), "null");
  EXPECT_EQ(KeyText(std::optional<std::unique_ptr<int>>(std::unique_ptr<int>())), "[null]");
  EXPECT_EQ(KeyText(std::optional<std::monostate>(std::monostate())), "[null]");
  EXPECT_EQ(KeyText(std::optional(Hashed(std::optional<int>()))), "[null]");
  std::optional<int> nothing;
  EXPECT_EQ(KeyText(std::optional(std::ref(nothing))), "[null]");
}

TEST(Expected, HasItsValueOrItsError) {
  using Result = others::Outcome<int, std::string>;
  EXPECT_EQ(KeyText(Result(3)), R"({".type": "expected", "value": 3})");
  EXPECT_EQ(KeyText(Result(nullptr, "bad")), R"({".type": "expected", "error": "bad"})");
}

TEST(Expected, OfVoidHasNoValue) {
  using Result = others::Outcome<void, std::string>;
  EXPECT_EQ(KeyText(Result()), R"({".type": "expected", "value": null})");
  EXPECT_EQ(KeyText(Result("bad")), R"({".type": "expected", "error": "bad"})");
}

TEST(Expected, TellsAValueFromAnErrorOfTheSameType) {
  using Result = others::Outcome<int, int>;
  EXPECT_NE(KeyText(Result(3)), KeyText(Result(nullptr, 3)));
}

TEST(Variant, HasItsIndexAndValue) {
  using Choice = std::variant<int, std::string, int, std::monostate>;
  EXPECT_EQ(KeyText(Choice(std::in_place_index<0>, 3)),
            R"({".type": "variant", "index": 0, "value": 3})");
  EXPECT_EQ(KeyText(Choice("a")), R"({".type": "variant", "index": 1, "value": "a"})");
  EXPECT_EQ(KeyText(Choice(std::in_place_index<2>, 3)),
            R"({".type": "variant", "index": 2, "value": 3})");
  EXPECT_EQ(KeyText(Choice(std::monostate())),
            R"({".type": "variant", "index": 3, "value": null})");
  EXPECT_EQ(KeyText(absl::variant<int, bool>(true)),
            R"({".type": "variant", "index": 1, "value": true})");
}

struct Failing {
  Failing() = default;
  Failing(const Failing&) { throw std::runtime_error("on purpose"); }
  Failing& operator=(const Failing&) = default;

 private:
  friend void PermacacheKey(KeyWriter&, const Failing&) {}
};

TEST(Variant, ThatLostItsValueToAnExceptionIsToldFromTheOthers) {
  std::variant<std::monostate, Failing> choice;
  const Failing failing;
  EXPECT_THROW(choice.emplace<1>(failing), std::runtime_error);
  ASSERT_TRUE(choice.valueless_by_exception());
  EXPECT_EQ(KeyText(choice), R"({".type": "variant", "index": -1, "value": null})");
}

TEST(Variant, ThatIsExtendedHasNoKeyOfItsOwn) {
  EXPECT_EQ((key::kKind<others::Extended<int, bool>>), key::Kind::kNone);
}

TEST(Pointer, IsWhatItPointsTo) {
  EXPECT_EQ(KeyText(std::make_unique<int>(3)), "3");
  EXPECT_EQ(KeyText(std::make_shared<const std::string>("a")), R"("a")");
  EXPECT_EQ(KeyText(std::make_unique<const bool>(true)), "true");
  EXPECT_EQ(KeyText(std::unique_ptr<int>()), "null");
  EXPECT_EQ(KeyText(std::shared_ptr<int>()), "null");
}

TEST(Pointer, ToWhatMayBeNothingTellsWhichIsNothing) {
  EXPECT_EQ(KeyText(std::make_unique<std::optional<int>>()), "[null]");
  EXPECT_EQ(KeyText(std::make_unique<std::optional<int>>(3)), "[3]");
  EXPECT_EQ(KeyText(std::unique_ptr<std::optional<int>>()), "null");
  EXPECT_EQ(KeyText(std::make_shared<std::shared_ptr<int>>()), "[null]");
}

TEST(Pointer, SharedTwiceIsWrittenTwice) {
  const auto shared = std::make_shared<int>(3);
  EXPECT_EQ(KeyText(std::vector{shared, shared}), "[3, 3]");
  EXPECT_EQ(KeyText(std::vector{shared, std::make_shared<int>(3)}), "[3, 3]");
}

TEST(Reference, IsWhatItRefersTo) {
  const std::vector<int> numbers{1, 2};
  std::string text = "a";
  EXPECT_EQ(KeyText(std::cref(numbers)), "[1, 2]");
  EXPECT_EQ(KeyText(std::ref(text)), R"("a")");
}

}  // namespace
}  // namespace permacache
