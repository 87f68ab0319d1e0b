#include "permacache/codec/codec.h"

#include <array>
#include <bitset>
#include <chrono>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <forward_list>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "tests/codec/types.h"

namespace permacache::codec {
namespace {

using types::Chain;
using types::Color;
using types::Empty;
using types::Everything;
using types::FullValue;
using types::Sphere;
using types::Tree;
using types::WithSaveAndLoad;
using types::WithSerialize;

template <class T>
void ExpectRoundTrip(const T& value) {
  for (const Encoding encoding : {Encoding::kBinary, Encoding::kJson}) {
    const std::string bytes = Encode(value, encoding);
    EXPECT_EQ(EncodingOf(bytes), encoding);
    EXPECT_EQ(json::IsValid(bytes), encoding == Encoding::kJson);
    EXPECT_TRUE(HasShapeOf<T>(bytes));
    const std::optional<T> decoded = Decode<T>(bytes);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_TRUE(*decoded == value) << Shape<T>();
  }
}

// Through both encodings.
template <class T>
T AfterRoundTrip(const T& value) {
  const std::optional<T> first = Decode<T>(Encode(value));
  return Decode<T>(Encode(first.value(), Encoding::kJson)).value();
}

TEST(RoundTrip, Numbers) {
  ExpectRoundTrip(true);
  ExpectRoundTrip('\xff');
  ExpectRoundTrip(std::numeric_limits<int8_t>::min());
  ExpectRoundTrip(std::numeric_limits<int64_t>::min());
  ExpectRoundTrip(std::numeric_limits<uint64_t>::max());
  ExpectRoundTrip(0.1f);
  ExpectRoundTrip(std::numeric_limits<double>::denorm_min());
  ExpectRoundTrip(-std::numeric_limits<double>::infinity());
}

TEST(RoundTrip, KeepsTheSignOfZeroAndNan) {
  EXPECT_TRUE(std::signbit(AfterRoundTrip(-0.0)));
  EXPECT_TRUE(std::isnan(AfterRoundTrip(std::numeric_limits<float>::quiet_NaN())));
}

TEST(RoundTrip, LongDoubles) {
  using Limits = std::numeric_limits<long double>;
  ExpectRoundTrip(0.1L);
  ExpectRoundTrip(-1.0L / 3);
  ExpectRoundTrip(Limits::max());
  ExpectRoundTrip(Limits::min());
  ExpectRoundTrip(Limits::denorm_min());
  ExpectRoundTrip(Limits::infinity());
  EXPECT_TRUE(std::isnan(AfterRoundTrip(Limits::quiet_NaN())));
  EXPECT_TRUE(std::signbit(AfterRoundTrip(-0.0L)));
  ExpectRoundTrip(std::vector<long double>{1, 0.1L});
}

TEST(RoundTrip, Enums) {
  ExpectRoundTrip(Color::kGreen);
  ExpectRoundTrip(std::vector{Color::kRed, Color::kGreen});
  ExpectRoundTrip(std::vector{std::byte{1}, std::byte{255}});
}

TEST(RoundTrip, Strings) {
  ExpectRoundTrip(std::string());
  ExpectRoundTrip(std::string("a\0b\xff", 4));
  ExpectRoundTrip(std::u16string(u"\u00e9"));
  ExpectRoundTrip(std::u32string(U"\U0001f600"));
}

TEST(RoundTrip, Sequences) {
  ExpectRoundTrip(std::vector<int>());
  ExpectRoundTrip(std::vector{1.5, -2.0});
  ExpectRoundTrip(std::vector{true, false, true});
  ExpectRoundTrip(std::vector<std::string>{"a", ""});
  ExpectRoundTrip(std::vector<std::vector<uint16_t>>{{1, 2}, {}, {3}});
  ExpectRoundTrip(std::deque{1, 2});
  ExpectRoundTrip(std::list<std::string>{"a", "b"});
  ExpectRoundTrip(std::forward_list{1, 2});
  ExpectRoundTrip(std::array{1.5, 2.5});
  ExpectRoundTrip(std::array{true, false});
  ExpectRoundTrip(std::array<std::string, 2>{"a", "b"});
  ExpectRoundTrip(std::array<int, 0>());
  ExpectRoundTrip(std::pair(std::array<double, 0>(), 1));
}

TEST(RoundTrip, MapsAndSets) {
  ExpectRoundTrip(std::map<std::string, int>{{"a", 1}, {"b", 2}});
  ExpectRoundTrip(std::map<int, std::map<int, bool>>{{1, {{2, true}}}});
  ExpectRoundTrip(std::multimap<int, int>{{1, 1}, {1, 2}});
  ExpectRoundTrip(std::unordered_map<std::string, double>{{"a", 1}, {"b", 2}});
  ExpectRoundTrip(std::set{3, 1});
  ExpectRoundTrip(std::multiset{1, 1});
  ExpectRoundTrip(std::unordered_set<std::string>{"a", "b"});
}

TEST(RoundTrip, KeepsTheOrderOfEqualKeys) {
  ExpectRoundTrip(std::multimap<int, int>{{1, 3}, {1, 1}, {0, 5}, {1, 2}});
  const auto by_first = [](const std::pair<int, int>& a, const std::pair<int, int>& b) {
    return a.first < b.first;
  };
  ExpectRoundTrip(std::multiset<std::pair<int, int>, decltype(by_first)>{{1, 3}, {1, 1}, {1, 2}});
}

TEST(RoundTrip, PairsTuplesOptionalsAndVariants) {
  ExpectRoundTrip(std::pair(1, std::string("a")));
  ExpectRoundTrip(std::tuple(true, 2.5, std::vector{1}));
  ExpectRoundTrip(std::tuple<>());
  ExpectRoundTrip(std::optional<int>());
  ExpectRoundTrip(std::optional<std::optional<int>>(std::optional<int>()));
  ExpectRoundTrip(std::variant<int, std::string>(3));
  ExpectRoundTrip(std::variant<int, std::string>("a"));
  ExpectRoundTrip(std::variant<std::monostate, int>());
}

TEST(RoundTrip, ChronoComplexAndBitset) {
  ExpectRoundTrip(std::chrono::nanoseconds(-5));
  ExpectRoundTrip(std::chrono::system_clock::time_point(std::chrono::seconds(1)));
  ExpectRoundTrip(std::complex(1.5, -2.5));
  ExpectRoundTrip(std::vector{std::complex(1.5f, -2.5f)});
  ExpectRoundTrip(std::bitset<11>("10000000101"));
}

TEST(RoundTrip, Aggregates) {
  ExpectRoundTrip(Sphere{1.5, "glass"});
  ExpectRoundTrip(Empty{});
  ExpectRoundTrip(std::vector<Empty>(3));
  ExpectRoundTrip(std::vector<Sphere>{{1.5, "glass"}, {2.5, ""}});
  ExpectRoundTrip(Everything{});
  ExpectRoundTrip(FullValue());
}

TEST(RoundTrip, RecursiveAggregates) { ExpectRoundTrip(Tree{1, {{2, {{3, {}}}}, {4, {}}}}); }

TEST(RoundTrip, UniquePointers) {
  EXPECT_EQ(AfterRoundTrip(std::unique_ptr<int>()), nullptr);
  EXPECT_EQ(*AfterRoundTrip(std::make_unique<int>(3)), 3);
  const Chain chain = AfterRoundTrip(Chain{1, std::make_unique<Chain>(Chain{2, nullptr})});
  ASSERT_NE(chain.next, nullptr);
  EXPECT_EQ(chain.next->value, 2);
  EXPECT_EQ(chain.next->next, nullptr);
}

TEST(RoundTrip, SharedPointersStayShared) {
  const auto shared = std::make_shared<std::string>("a");
  const auto decoded = AfterRoundTrip(std::vector<std::shared_ptr<std::string>>{
      shared, nullptr, std::make_shared<std::string>("b"), shared});
  ASSERT_EQ(decoded.size(), 4u);
  EXPECT_EQ(*decoded[0], "a");
  EXPECT_EQ(decoded[1], nullptr);
  EXPECT_EQ(*decoded[2], "b");
  EXPECT_EQ(decoded[3], decoded[0]);
}

TEST(RoundTrip, ClassesWithFunctionsForCereal) {
  ExpectRoundTrip(WithSerialize(3, "a"));
  ExpectRoundTrip(WithSaveAndLoad(4));
  ExpectRoundTrip(std::map<int, WithSerialize>{{1, {2, "b"}}});
  ExpectRoundTrip(std::vector<WithSaveAndLoad>(2));
}

TEST(Encode, CopiesNumbersInBulk) {
  EXPECT_EQ(Encode(std::vector<double>(100)).size(), 8 + 8 + 800u);
  EXPECT_EQ((Encode(std::array<uint16_t, 100>()).size()), 8 + 200u);
}

}  // namespace
}  // namespace permacache::codec
