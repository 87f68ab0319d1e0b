// Values of Python as C++ values, and the files that say which keys Python permacache gives them.
//
// A value in such a file is an object that names its type:
//
//   {"null": true}  {"bool": false}  {"int": "-7"}  {"float": "0x3ff0000000000000"}  {"str": "a"}
//   {"list": [...]}  {"tuple": [...]}  {"dict": [[key, value], ...]}  {"bytes": "00ff"}
//   {"ndarray": "<f8", "shape": [2, 3], "hex": "..."}  {"range": [start, stop, step]}
//   {"enum": "Color", "value": 1}  {"struct": "Point", "fields": [["x", value], ...]}
//
// Structs and enums become those below, the rest a tree of Value.
#ifndef PERMACACHE_TESTS_KEY_PYTHON_VALUE_H_
#define PERMACACHE_TESTS_KEY_PYTHON_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "permacache/key/key.h"

namespace permacache::golden {

enum class Color : int { kRed = 1, kGreen = 2, kBlue = -7 };

struct Point {
  double x;
  double y;
};

struct Segment {
  Point begin;
  Point end;
  std::string label;
};

struct Mesh {
  std::string name;
  std::vector<Point> vertices;
  std::vector<std::vector<int64_t>> faces;
  std::optional<std::string> parent;
  std::map<std::string, double> attributes;
};

struct Everything {
  bool flag;
  int16_t small;
  int64_t large;
  double ratio;
  std::string text;
  std::optional<int64_t> maybe;
  std::pair<int64_t, std::string> pair;
  std::vector<Point> points;
};

// numpy.ndarray, its bytes in row-major order.
struct Array {
  std::string data_type;  // "<f8"
  std::vector<size_t> shape;
  std::vector<std::byte> bytes;
};

// As ArrayView of the kind of number that its data type says.
void PermacacheKey(KeyWriter& key, const Array& array);

struct Dictionary;

template <class T, class Variant>
inline constexpr bool kIsAmong = false;
template <class T, class... Alternatives>
inline constexpr bool kIsAmong<T, std::variant<Alternatives...>> =
    (std::is_same_v<T, Alternatives> || ...);

// Copies share their content.
struct Value {
  using List = std::vector<Value>;  // also a tuple's elements: Python's keys do not tell them apart
  using Content =
      std::variant<std::monostate, bool, key::Int128, double, std::string, std::u16string,
                   std::vector<std::byte>, Array, ArithmeticRange, List,
                   std::shared_ptr<const Dictionary>, Color, Point, Segment, Mesh, Everything>;

  Value() = default;
  template <class T>
  requires kIsAmong<T, Content> Value(T value)
      : content(std::in_place_type<T>, std::move(value)) {}  // NOLINT: as in Python
  Value(int value) : content(key::Int128{value}) {}          // NOLINT: as above

  friend void PermacacheKey(KeyWriter& key, const Value& value) {
    std::visit([&](const auto& content) { key.Write(content); }, value.content);
  }

  // As Python compares numbers, of whatever type. Values of other types are equal to none.
  friend bool operator==(const Value& a, const Value& b);
  friend bool operator<(const Value& a, const Value& b);

  Content content;
};

// The order of their texts: any will do.
struct TextLess {
  bool operator()(const Value& a, const Value& b) const;
};

struct Dictionary {
  std::variant<std::map<std::string, Value>, std::map<key::Int128, Value>, std::map<double, Value>,
               std::map<bool, Value>, std::map<Value, Value, TextLess>>
      content;

  friend void PermacacheKey(KeyWriter& key, const Dictionary& dictionary) {
    std::visit([&](const auto& content) { key.Write(content); }, dictionary.content);
  }
};

// The JSON in `text`, as Python writes it: strings may have surrogates without a partner, which a
// parser of JSON refuses. They become characters of their own until ValueFromJson sees them.
nlohmann::json ParseFile(const std::string& text);

// Throws std::runtime_error if the value is of no known form, or does not fit the struct it names.
Value ValueFromJson(const nlohmann::json& json);

// str(value) of Python, for numbers, strings and None: what StringForm gives. Throws
// std::runtime_error for others.
Value PythonStr(const Value& value);

}  // namespace permacache::golden

#endif  // PERMACACHE_TESTS_KEY_PYTHON_VALUE_H_
