// Pins the format: a key that changes makes every result stored under it a miss.
//
// If this fails, the program is wrong and not the table, unless the version in FORMAT.md is raised.
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
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

template <class T>
std::vector<T> CountUp(size_t length) {
  std::vector<T> numbers(length);
  std::iota(numbers.begin(), numbers.end(), T{0});
  return numbers;
}

std::string CallText(const Scene& scene) {
  std::string text;
  key::Output out{text};
  key::AppendFields(out, scene);
  return text;
}

Table NativeKeys() {
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
