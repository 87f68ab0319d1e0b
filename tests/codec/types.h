// The types that the codec's tests store.
#ifndef PERMACACHE_TESTS_CODEC_TYPES_H_
#define PERMACACHE_TESTS_CODEC_TYPES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

// Not permacache::codec itself: what a user of the codec writes is in another namespace.
namespace permacache::codec::types {

enum class Color : uint8_t { kRed, kGreen = 7 };

struct Sphere {
  double radius = 0;
  std::string material;

  bool operator==(const Sphere&) const = default;
};

struct Empty {
  bool operator==(const Empty&) const = default;
};

struct Tree {
  int32_t value = 0;
  std::vector<Tree> children;

  bool operator==(const Tree&) const = default;
};

struct Chain {
  int32_t value = 0;
  std::unique_ptr<Chain> next;
};

struct Everything {
  bool flag = false;
  char letter = 0;
  Color color = Color::kRed;
  int16_t small = 0;
  uint64_t large = 0;
  float single_number = 0;
  std::string text;
  std::vector<double> numbers;
  std::vector<bool> bits;
  std::map<std::string, std::vector<Sphere>> spheres;
  std::optional<std::optional<int32_t>> maybe;
  std::variant<int32_t, std::string, Empty> either;
  std::tuple<int8_t, std::pair<bool, char>> parts;
  Tree tree;
  std::vector<Empty> nothing;

  bool operator==(const Everything&) const = default;
};

// As its author would write it for cereal.
class WithSerialize {
 public:
  WithSerialize() = default;
  WithSerialize(int32_t a, std::string b) : a_(a), b_(std::move(b)) {}

  template <class Archive>
  void serialize(Archive& archive) {
    archive(a_, b_);
  }

  bool operator==(const WithSerialize&) const = default;

 private:
  int32_t a_ = 0;
  std::string b_;
};

class WithSaveAndLoad {
 public:
  explicit WithSaveAndLoad(int32_t value = 0) : value_(value) {}
  int32_t value() const { return value_; }
  bool operator==(const WithSaveAndLoad&) const = default;

 private:
  int32_t value_;
};

template <class Archive>
void save(Archive& archive, const WithSaveAndLoad& object) {
  archive(object.value());
}

template <class Archive>
void load(Archive& archive, WithSaveAndLoad& object) {
  int32_t value;
  archive(value);
  object = WithSaveAndLoad(value);
}

inline Everything FullValue() {
  Everything value;
  value.flag = true;
  value.letter = '\xff';
  value.color = Color::kGreen;
  value.small = -2;
  value.large = 0x0102030405060708;
  value.single_number = 0.1f;
  value.text = std::string("a\0b", 3);
  value.numbers = {0.5, -0.0, 1e300};
  value.bits = {true, false, true};
  value.spheres = {{"a", {{1.5, "glass"}, {}}}, {"b", {}}};
  value.maybe.emplace();
  value.either = "either";
  value.parts = {-8, {true, 'x'}};
  value.tree = {1, {{2, {{3, {}}}}, {4, {}}}};
  value.nothing.resize(3);
  return value;
}

}  // namespace permacache::codec::types

#endif  // PERMACACHE_TESTS_CODEC_TYPES_H_
