// Pins the format: a key that changes makes every result stored under it a miss.
//
// If this fails, the program is wrong and not the table, unless the version in FORMAT.md is raised.
// Built at several levels of optimisation, as floating-point code could differ.
#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <ratio>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/key/key.h"

namespace permacache {
namespace {

using Table = std::vector<std::pair<std::string, std::string>>;

enum class Color : uint8_t { kRed, kGreen };

struct Sphere {
  double radius = 1;
  std::string material;
};

struct Scene {
  int width = 640;
  int height = 480;
  std::vector<Sphere> spheres;
  std::optional<Color> color;
};

struct Tree {
  int value = 0;
  std::vector<Tree> children;
};

struct Empty {};

class Mesh {
 public:
  explicit Mesh(std::string name) : name_(std::move(name)) {}

 private:
  friend void PermacacheKey(KeyWriter& key, const Mesh& mesh) { key.Write(mesh.name_, 3); }

  std::string name_;
};

// As std::expected of C++23.
class Outcome {
 public:
  using value_type = double;
  using error_type = std::string;
  explicit Outcome(std::variant<double, std::string> either) : either_(std::move(either)) {}
  bool has_value() const { return either_.index() == 0; }
  double operator*() const { return std::get<0>(either_); }
  const std::string& error() const { return std::get<1>(either_); }

 private:
  std::variant<double, std::string> either_;
};

template <class T>
std::vector<T> CountUp(size_t length) {
  std::vector<T> numbers(length);
  T number{};
  for (size_t i = 0; i < length; ++i, number += T{1}) numbers[i] = number;
  return numbers;
}

std::string CallText(const Scene& scene) {
  std::string text;
  key::Output out{text};
  key::AppendFields(out, scene);
  return text;
}

Table FirstKeys() {
  using Text = std::string;
  return {
      {"bool", KeyText(true)},
      {"char", KeyText('x')},
      {"int8", KeyText(int8_t{-128})},
      {"int64 least", KeyText(std::numeric_limits<int64_t>::min())},
      {"uint64 greatest", KeyText(std::numeric_limits<uint64_t>::max())},
      {"byte", KeyText(std::byte{255})},
      {"double whole", KeyText(2.0)},
      {"double small", KeyText(1e-5)},
      {"double large", KeyText(1e16)},
      {"double negative zero", KeyText(-0.0)},
      {"double not a number", KeyText(std::numeric_limits<double>::quiet_NaN())},
      {"double infinite", KeyText(-std::numeric_limits<double>::infinity())},
      {"float", KeyText(0.1f)},
      {"string", KeyText(Text("a\"b\\\n\x7f"))},
      {"string beyond ASCII", KeyText(Text("\xc3\xa9\xf0\x9f\x98\x80"))},
      {"string that is not UTF-8", KeyText(Text("\xff\xfc\x80\x80\x80"))},
      {"path", KeyText(std::filesystem::path("/tmp/a b"))},
      {"null", KeyText(nullptr)},
      {"optional empty", KeyText(std::optional<int>())},
      {"optional", KeyText(std::optional<int>(3))},
      {"optional of empty", KeyText(std::optional<std::optional<int>>(std::optional<int>()))},
      {"enum", KeyText(Color::kGreen)},
      {"pair", KeyText(std::pair(1, Text("a")))},
      {"tuple", KeyText(std::tuple(true, 2.5f, 'c'))},
      {"vector", KeyText(std::vector{0.5, 1e-5})},
      {"vector of bool", KeyText(std::vector{true, false})},
      {"array of int8, longest readable", KeyText(CountUp<int8_t>(64))},
      {"array of int8", KeyText(CountUp<int8_t>(65))},
      {"array of uint16", KeyText(CountUp<uint16_t>(300))},
      {"array of float", KeyText(CountUp<float>(1000))},
      {"array of double", KeyText(CountUp<double>(1000))},
      {"array of byte", KeyText(std::vector<std::byte>(65))},
      {"map from string", KeyText(std::map<Text, int>{{"b", 1}, {"a", 2}})},
      {"map from int", KeyText(std::map<int, Text>{{2, "two"}, {10, "ten"}})},
      {"multimap", KeyText(std::multimap<Text, int>{{"a", 2}, {"a", 1}})},
      {"set", KeyText(std::set{2, 10})},
      {"struct", KeyText(Sphere{1.0, "glass"})},
      {"struct nested", KeyText(Scene{.spheres = {{2.5, "a"}}, .color = Color::kRed})},
      {"struct recursive", KeyText(Tree{1, {{2, {}}}})},
      {"struct empty", KeyText(Empty{})},
      {"hook", KeyText(Mesh("cube"))},
      {"fields of a call", CallText({.height = 720, .spheres = {}, .color = {}})},
  };
}

// Those of version 2.
Table TextAndNumberKeys() {
  using key::Int128;
  const Int128 large = Int128{1} << 126;
  return {
      {"int128 least", KeyText(-large - large)},
      {"uint128 greatest", KeyText(~key::UInt128{0})},
      {"long double", KeyText(0.5L)},
      {"float least", KeyText(std::numeric_limits<float>::denorm_min())},
      {"double least", KeyText(std::numeric_limits<double>::denorm_min())},
      {"double greatest", KeyText(std::numeric_limits<double>::max())},
      {"complex", KeyText(std::complex(1.0, -0.5))},
      {"char8", KeyText(u8'a')},
      {"char16 surrogate", KeyText(char16_t{0xd800})},
      {"char32", KeyText(U'\U0001f600')},
      {"char32 surrogate", KeyText(char32_t{0xd800})},
      {"wchar", KeyText(L'\u00e9')},
      {"u8string", KeyText(std::u8string(u8"\u00e9"))},
      {"u16string", KeyText(std::u16string(u"\U0001f600"))},
      {"u16string that is not UTF-16", KeyText(std::u16string{u'a', 0xdc00, 0xd800})},
      {"u32string", KeyText(std::u32string(U"\U0001f600"))},
      {"u32string that is not UTF-32", KeyText(std::u32string{0xd83d, 0xde00, 0x110000})},
      {"wstring", KeyText(std::wstring(L"a\u00e9"))},
      {"literal", KeyText("ab")},
      {"bitset", KeyText(std::bitset<6>(5))},
  };
}

Table TimeKeys() {
  using namespace std::chrono;
  using namespace std::chrono_literals;
  return {
      {"duration", KeyText(-1500ms)},
      {"duration of double", KeyText(duration<double, std::ratio<60>>(0.5))},
      {"time point", KeyText(sys_days(2026y / November / 23))},
      {"day", KeyText(day(23))},
      {"month", KeyText(November)},
      {"year", KeyText(-44y)},
      {"weekday", KeyText(Sunday)},
      {"weekday_indexed", KeyText(Monday[2])},
      {"weekday_last", KeyText(Monday[last])},
      {"month_day", KeyText(May / 4)},
      {"month_day_last", KeyText(February / last)},
      {"month_weekday", KeyText(May / Monday[2])},
      {"month_weekday_last", KeyText(May / Monday[last])},
      {"year_month", KeyText(2026y / May)},
      {"year_month_day", KeyText(2026y / May / 4)},
      {"year_month_day_last", KeyText(2024y / February / last)},
      {"year_month_weekday", KeyText(2026y / May / Monday[2])},
      {"year_month_weekday_last", KeyText(2026y / May / Monday[last])},
      {"hh_mm_ss", KeyText(hh_mm_ss(1h + 2min))},
  };
}

Table HolderKeys() {
  using Choice = std::variant<std::monostate, int, std::string>;
  const int number = 3;
  return {
      {"monostate", KeyText(std::monostate())},
      {"variant", KeyText(Choice(std::string("a")))},
      {"variant of nothing", KeyText(Choice())},
      {"expected", KeyText(Outcome(0.5))},
      {"expected error", KeyText(Outcome("bad"))},
      {"unique_ptr", KeyText(std::make_unique<int>(3))},
      {"unique_ptr null", KeyText(std::unique_ptr<int>())},
      {"shared_ptr to an empty optional", KeyText(std::make_shared<std::optional<int>>())},
      {"reference", KeyText(std::cref(number))},
      {"hashed", KeyText(Hashed(std::vector{1, 2}))},
  };
}

Table ArrayKeys() {
  using Text = std::string;
  const std::vector<int16_t> numbers = CountUp<int16_t>(120);
  const double grid[2][3] = {{0, 1, 2}, {3, 4, 5}};
  return {
      {"C array of arrays", KeyText(grid)},
      {"array of arrays", KeyText(std::vector<std::array<uint8_t, 5>>(13))},
      {"array of bool", KeyText(std::vector<bool>(65, true))},
      {"array of char", KeyText(std::vector<char>(65, 'a'))},
      {"array of int128", KeyText(CountUp<key::Int128>(65))},
      {"array of complex", KeyText(CountUp<std::complex<float>>(65))},
      {"array view", KeyText(ArrayView(numbers.data(), {2, 3}))},
      {"array view, transposed", KeyText(ArrayView(numbers.data(), {2, 3}, {1, 2}))},
      {"array view, large", KeyText(ArrayView(numbers.data(), {10, 12}, {1, 10}))},
      {"array view of rank 0", KeyText(ArrayView(numbers.data(), std::array<int, 0>()))},
      {"array view without elements", KeyText(ArrayView(numbers.data(), {0, 3}))},
      {"range", KeyText(ArithmeticRange{0, 10})},
      {"range with a step", KeyText(ArithmeticRange{10, 0, -2})},
      {"map with a dotted name", KeyText(std::map<Text, int>{{".a", 1}, {"b", 2}})},
      {"map from u16string", KeyText(std::map<std::u16string, int>{{u"a", 1}})},
      {"map, unordered", KeyText(std::unordered_map<Text, int>{{"b", 1}, {"a", 2}})},
      {"multiset", KeyText(std::multiset{10, 2, 10})},
      {"text of 65536 bytes", StableHash(Text(65534, 'a'))},
      {"text of 65537 bytes", KeyText(Text(65535, 'a'))},
      {"list with a long text", KeyText(std::vector{Text(65535, 'a'), Text("b")})},
      {"string of 65537 bytes", KeyText(Text(65537, 'a'))},
      {"literal with a zero inside", KeyText("a\0b")},
  };
}

Table NativeKeys() {
  Table keys = FirstKeys();
  for (const Table& more : {TextAndNumberKeys(), TimeKeys(), HolderKeys(), ArrayKeys()}) {
    keys.insert(keys.end(), more.begin(), more.end());
  }
  return keys;
}

#ifdef PERMACACHE_OPTIMIZED
TEST(NativeKeys, AreBuiltAsTheNameOfThisTestSays) {
#ifdef __OPTIMIZE__
  constexpr bool kOptimized = true;
#else
  constexpr bool kOptimized = false;
#endif
  EXPECT_EQ(kOptimized, PERMACACHE_OPTIMIZED);
}
#endif

TEST(NativeKeys, AreThoseOfTheGoldenFile) {
  std::ifstream file("tests/key/native_keys.golden");
  ASSERT_TRUE(file.is_open());
  Table golden;
  for (std::string line; std::getline(file, line);) {
    const size_t tab = line.find('\t');
    golden.emplace_back(line.substr(0, tab), line.substr(tab + 1));
  }
  const Table keys = NativeKeys();
  for (size_t i = 0; i < keys.size(); ++i) {
    ASSERT_LT(i, golden.size()) << "not in the file: " << keys[i].first << '\t' << keys[i].second;
    EXPECT_EQ(keys[i], golden[i]);
  }
  EXPECT_EQ(golden.size(), keys.size());
}

}  // namespace
}  // namespace permacache
