#include "tests/key/python_value.h"

#include <algorithm>
#include <bit>
#include <complex>
#include <concepts>
#include <cstdio>
#include <limits>
#include <span>
#include <stdexcept>
#include <string_view>
#include <type_traits>

#include "permacache/memoize/string_form.h"

namespace permacache::golden {
namespace {

using nlohmann::json;

[[noreturn]] void Refuse(const std::string& what, const json& value) {
  throw std::runtime_error(what + ": " + value.dump().substr(0, 200));
}

key::Int128 IntegerFromText(const std::string& text) {
  key::Int128 value = 0;
  const bool negative = text.starts_with('-');
  for (const char digit : std::string_view(text).substr(negative ? 1 : 0)) {
    if (digit < '0' || digit > '9') throw std::runtime_error("not an integer: " + text);
    const int next = digit - '0';
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, negative ? -next : next, &value)) {
      throw std::runtime_error("more than 128 bits: " + text);
    }
  }
  return value;
}

std::vector<std::byte> BytesFromHex(const std::string& hex) {
  std::vector<std::byte> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

double FloatFromBits(const std::string& hex) {
  return std::bit_cast<double>(static_cast<uint64_t>(std::stoull(hex, nullptr, 16)));
}

// Where surrogates without a partner are while they are in JSON: in a range for private use.
constexpr char32_t kPlaceOfSurrogates = 0x10f000;
constexpr char32_t kFirstSurrogate = 0xd800;

// The UTF-16 code unit that the escape \uXXXX at `begin` stands for, or nothing.
std::optional<char16_t> EscapedUnit(const std::string& text, size_t begin) {
  if (text.compare(begin, 2, "\\u") != 0 || begin + 6 > text.size()) return std::nullopt;
  return static_cast<char16_t>(std::stoi(text.substr(begin + 2, 4), nullptr, 16));
}

bool IsHighSurrogate(char16_t unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool IsLowSurrogate(char16_t unit) { return unit >= 0xdc00 && unit < 0xe000; }

std::string Escaped(char32_t beyond_the_first_plane) {
  char text[16];
  std::snprintf(text, sizeof(text), "\\u%04x\\u%04x",
                static_cast<unsigned>(0xd800 + ((beyond_the_first_plane - 0x10000) >> 10)),
                static_cast<unsigned>(0xdc00 + ((beyond_the_first_plane - 0x10000) & 0x3ff)));
  return text;
}

// A string without surrogates that have no partner is UTF-8. Those from U+DC80 on stand for bytes
// that are not UTF-8, as in Python's "surrogateescape"; a string with others is UTF-16.
Value StringFromJson(const std::string& utf8) {
  std::string bytes;
  std::u16string units;
  bool needs_units = false;
  for (size_t i = 0; i < utf8.size();) {
    const auto lead = static_cast<unsigned char>(utf8[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    char32_t character = length == 1 ? lead : lead & (0xff >> (length + 1));
    for (size_t j = 1; j < length; ++j) character = character << 6 | (utf8[i + j] & 0x3f);
    if (character >= kPlaceOfSurrogates && character < kPlaceOfSurrogates + 0x800) {
      const char32_t surrogate = character - kPlaceOfSurrogates + kFirstSurrogate;
      units += static_cast<char16_t>(surrogate);
      needs_units = needs_units || surrogate < 0xdc80 || surrogate > 0xdcff;
      bytes += static_cast<char>(surrogate & 0xff);
    } else {
      if (character < 0x10000) {
        units += static_cast<char16_t>(character);
      } else {
        units += static_cast<char16_t>(0xd800 + ((character - 0x10000) >> 10));
        units += static_cast<char16_t>(0xdc00 + ((character - 0x10000) & 0x3ff));
      }
      bytes += utf8.substr(i, length);
    }
    i += length;
  }
  if (needs_units) return units;
  return bytes;
}

// The value of a field of a real struct.
void Read(const json& value, bool& field) { field = value.at("bool").get<bool>(); }
void Read(const json& value, double& field) {
  field = FloatFromBits(value.at("float").get<std::string>());
}
void Read(const json& value, std::string& field) {
  const Value text = StringFromJson(value.at("str").get<std::string>());
  if (!std::holds_alternative<std::string>(text.content)) Refuse("not UTF-8", value);
  field = std::get<std::string>(text.content);
}

template <std::integral T>
void Read(const json& value, T& field) {
  const key::Int128 integer = IntegerFromText(value.at("int").get<std::string>());
  field = static_cast<T>(integer);
  if (field != integer) Refuse("too large for its field", value);
}

template <reflection::Aggregate T>
void Read(const json& value, T& aggregate);

template <class T>
void Read(const json& value, std::optional<T>& field) {
  if (value.contains("null")) {
    field.reset();
  } else {
    Read(value, field.emplace());
  }
}

template <class First, class Second>
void Read(const json& value, std::pair<First, Second>& field) {
  Read(value.at("tuple").at(0), field.first);
  Read(value.at("tuple").at(1), field.second);
}

template <class T>
void Read(const json& value, std::vector<T>& field) {
  for (const json& element : value.at("list")) Read(element, field.emplace_back());
}

template <class T>
void Read(const json& value, std::map<std::string, T>& field) {
  for (const json& entry : value.at("dict")) {
    std::string name;
    Read(entry.at(0), name);
    Read(entry.at(1), field[name]);
  }
}

template <reflection::Aggregate T>
void Read(const json& value, T& aggregate) {
  if (value.at("struct") != reflection::TypeName<T>()) Refuse("another struct", value);
  const json& fields = value.at("fields");
  if (fields.size() != reflection::kFieldCount<T>) Refuse("another number of fields", value);
  size_t i = 0;
  reflection::ForEachField(aggregate, [&](std::string_view name, auto& field) {
    if (fields.at(i).at(0) != name) Refuse("another field", value);
    Read(fields.at(i++).at(1), field);
  });
}

template <class T>
T ReadStruct(const json& value) {
  T aggregate{};
  Read(value, aggregate);
  return aggregate;
}

Value StructFromJson(const json& value) {
  const auto name = value.at("struct").get<std::string>();
  if (name == "Point") return ReadStruct<Point>(value);
  if (name == "Segment") return ReadStruct<Segment>(value);
  if (name == "Mesh") return ReadStruct<Mesh>(value);
  if (name == "Everything") return ReadStruct<Everything>(value);
  Refuse("a struct of an unknown name", value);
}

Value EnumFromJson(const json& value) {
  if (value.at("enum") != "Color") Refuse("an enum of an unknown name", value);
  return static_cast<Color>(value.at("value").get<int>());
}

Value ListFromJson(const json& elements) {
  Value::List list;
  for (const json& element : elements) list.push_back(ValueFromJson(element));
  return list;
}

// The entries as a map of keys that are all of the type Key, if they are.
template <class Key>
bool FillWith(const std::vector<std::pair<Value, Value>>& entries, Dictionary& dictionary) {
  std::map<Key, Value> map;
  for (const auto& [key, value] : entries) {
    const Key* typed = std::get_if<Key>(&key.content);
    if (typed == nullptr) return false;
    map.emplace(*typed, value);
  }
  dictionary.content = std::move(map);
  return true;
}

Value DictionaryFromJson(const json& json_entries) {
  std::vector<std::pair<Value, Value>> entries;
  for (const json& entry : json_entries) {
    entries.emplace_back(ValueFromJson(entry.at(0)), ValueFromJson(entry.at(1)));
  }
  auto dictionary = std::make_shared<Dictionary>();
  if (!FillWith<std::string>(entries, *dictionary) &&
      !FillWith<key::Int128>(entries, *dictionary) && !FillWith<double>(entries, *dictionary) &&
      !FillWith<bool>(entries, *dictionary)) {
    dictionary->content = std::map<Value, Value, TextLess>(entries.begin(), entries.end());
  }
  return std::shared_ptr<const Dictionary>(std::move(dictionary));
}

Value RangeFromJson(const json& value) {
  const auto integer = [&](size_t i) {
    const json& number = value.at(i);
    const bool fits = number.is_number_integer() &&
                      (!number.is_number_unsigned() ||
                       number.get<uint64_t>() <= std::numeric_limits<int64_t>::max());
    if (!fits) Refuse("a range of more than 64 bits", value);
    return number.get<int64_t>();
  };
  return ArithmeticRange{integer(0), integer(1), integer(2)};
}

Value ArrayFromJson(const json& value) {
  return Array{value.at("ndarray").get<std::string>(), value.at("shape").get<std::vector<size_t>>(),
               BytesFromHex(value.at("hex").get<std::string>())};
}

template <class Number>
void WriteAs(KeyWriter& key, const Array& array) {
  std::vector<Number> numbers(array.bytes.size() / sizeof(Number));
  std::ranges::copy(array.bytes, std::as_writable_bytes(std::span(numbers)).begin());
  const ArrayView<const Number> view(numbers.data(), array.shape);
  if (view.size() != numbers.size()) throw std::runtime_error("an array of another size");
  key.Write(view);
}

// A number as a floating-point one, which is exact enough for what tests compare.
std::optional<long double> Number(const Value& value) {
  if (const bool* truth = std::get_if<bool>(&value.content)) return *truth ? 1 : 0;
  if (const double* number = std::get_if<double>(&value.content)) return *number;
  if (const key::Int128* integer = std::get_if<key::Int128>(&value.content)) {
    return static_cast<long double>(*integer);
  }
  return std::nullopt;
}

}  // namespace

void PermacacheKey(KeyWriter& key, const Array& array) {
  const std::string& type = array.data_type;
  if (type == "|b1") return WriteAs<uint8_t>(key, array);
  if (type == "|i1") return WriteAs<int8_t>(key, array);
  if (type == "|u1") return WriteAs<uint8_t>(key, array);
  if (type == "<i2") return WriteAs<int16_t>(key, array);
  if (type == "<u2") return WriteAs<uint16_t>(key, array);
  if (type == "<i4") return WriteAs<int32_t>(key, array);
  if (type == "<u4") return WriteAs<uint32_t>(key, array);
  if (type == "<i8") return WriteAs<int64_t>(key, array);
  if (type == "<u8") return WriteAs<uint64_t>(key, array);
  if (type == "<f4") return WriteAs<float>(key, array);
  if (type == "<f8") return WriteAs<double>(key, array);
  if (type == "<c8") return WriteAs<std::complex<float>>(key, array);
  if (type == "<c16") return WriteAs<std::complex<double>>(key, array);
  key.Write(ArrayView<const std::byte>(array.bytes.data(), {array.bytes.size()}));
}

bool operator==(const Value& a, const Value& b) {
  const auto a_number = Number(a);
  const auto b_number = Number(b);
  return a_number && b_number && *a_number == *b_number;
}

bool operator<(const Value& a, const Value& b) {
  const auto a_number = Number(a);
  const auto b_number = Number(b);
  return a_number && b_number && *a_number < *b_number;
}

bool TextLess::operator()(const Value& a, const Value& b) const {
  return KeyText(a, KeyFormat::kPython) < KeyText(b, KeyFormat::kPython);
}

json ParseFile(const std::string& text) {
  std::string parsable;
  for (size_t i = 0; i < text.size();) {
    const std::optional<char16_t> unit = EscapedUnit(text, i);
    if (!unit) {
      const size_t length = text[i] == '\\' ? 2 : 1;  // another escape is not to be looked into
      parsable += text.substr(i, length);
      i += length;
      continue;
    }
    const std::optional<char16_t> next = EscapedUnit(text, i + 6);
    if (IsHighSurrogate(*unit) && next && IsLowSurrogate(*next)) {
      parsable += text.substr(i, 12);
      i += 12;
    } else if (IsHighSurrogate(*unit) || IsLowSurrogate(*unit)) {
      parsable += Escaped(kPlaceOfSurrogates + *unit - kFirstSurrogate);
      i += 6;
    } else {
      parsable += text.substr(i, 6);
      i += 6;
    }
  }
  return json::parse(parsable);
}

Value ValueFromJson(const json& value) {
  if (value.contains("null")) return std::monostate();
  if (value.contains("bool")) return value.at("bool").get<bool>();
  if (value.contains("int")) return IntegerFromText(value.at("int").get<std::string>());
  if (value.contains("float")) return FloatFromBits(value.at("float").get<std::string>());
  if (value.contains("str")) return StringFromJson(value.at("str").get<std::string>());
  if (value.contains("list")) return ListFromJson(value.at("list"));
  if (value.contains("tuple")) return ListFromJson(value.at("tuple"));
  if (value.contains("dict")) return DictionaryFromJson(value.at("dict"));
  if (value.contains("bytes")) return BytesFromHex(value.at("bytes").get<std::string>());
  if (value.contains("ndarray")) return ArrayFromJson(value);
  if (value.contains("range")) return RangeFromJson(value.at("range"));
  if (value.contains("struct")) return StructFromJson(value);
  if (value.contains("enum")) return EnumFromJson(value);
  Refuse("a value of an unknown form", value);
}

Value PythonStr(const Value& value) {
  return std::visit(
      [&]<class T>(const T& content) -> Value {
        using Known =
            std::variant<std::monostate, bool, key::Int128, double, std::string, std::u16string>;
        if constexpr (kIsAmong<T, Known>) {
          return StringForm(content, KeyFormat::kPython);
        } else {
          throw std::runtime_error("str() of this value is not known");
        }
      },
      value.content);
}

}  // namespace permacache::golden
