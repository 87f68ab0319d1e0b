// What must hold for the key text of any string and any number: fuzzed by key_fuzzer.cc, and run by
// check_input_test.cc over random inputs and those that are kept.
#ifndef PERMACACHE_TESTS_KEY_CHECK_INPUT_H_
#define PERMACACHE_TESTS_KEY_CHECK_INPUT_H_

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "permacache/key/key.h"
#include "tests/key/decoder.h"

namespace permacache::testing {

using Input = std::span<const uint8_t>;

// The bytes of the input as a T, filled up with zeros.
template <class T>
T NumberOf(Input input) {
  T number{};
  std::memcpy(&number, input.data(), std::min(input.size(), sizeof(T)));
  return number;
}

template <class Char>
std::basic_string<Char> StringOf(Input input) {
  std::basic_string<Char> string(input.size() / sizeof(Char), Char());
  if (!string.empty()) std::memcpy(string.data(), input.data(), string.size() * sizeof(Char));
  return string;
}

// Each of the following returns the value that a text says, or nothing if it is not such a text.

inline std::optional<std::string> TakeBytes(std::string_view& text) {
  const std::optional<std::u16string> units = TakeUnits(text);
  return units ? Bytes(*units) : std::nullopt;
}

template <class Char>
std::optional<std::basic_string<Char>> Decoded(std::string_view text,
                                               std::type_identity<std::basic_string<Char>>) {
  std::basic_string<Char> string;
  if constexpr (sizeof(Char) == 1) {
    const std::optional<std::string> bytes = Whole(text, TakeBytes);
    if (!bytes) return std::nullopt;
    string.assign(bytes->begin(), bytes->end());
  } else if (text.starts_with('[')) {
    const auto numbers =
        Whole(text, [](auto& list) { return TakeList<int64_t>(list, TakeInteger<int64_t>); });
    if (!numbers) return std::nullopt;
    for (const int64_t number : *numbers) string += static_cast<Char>(number);
  } else {
    const std::optional<std::u16string> units = Whole(text, TakeUnits);
    if (!units) return std::nullopt;
    if constexpr (sizeof(Char) == 2) {
      string.assign(units->begin(), units->end());
    } else {
      for (const char32_t point : CodePoints(*units)) string += static_cast<Char>(point);
    }
  }
  return string;
}

inline std::optional<std::vector<std::string>> Decoded(
    std::string_view text, std::type_identity<std::vector<std::string>>) {
  return Whole(text, [](auto& list) { return TakeList<std::string>(list, TakeBytes); });
}

template <class T>
requires(std::is_integral_v<T> ||
         key::kIsInt128<T>) std::optional<T> Decoded(std::string_view text, std::type_identity<T>) {
  using Wide = std::conditional_t<key::kIsSignedInteger<T>, key::Int128, key::UInt128>;
  const std::optional<Wide> number = Whole(text, TakeInteger<Wide>);
  if (!number || static_cast<Wide>(static_cast<T>(*number)) != *number) return std::nullopt;
  return static_cast<T>(*number);
}

template <std::floating_point T>
std::optional<T> Decoded(const std::string& text, std::type_identity<T>) {
  if (text == "NaN") return std::numeric_limits<T>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<T>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<T>::infinity();
  if (text.find_first_of(".e") == std::string::npos) return std::nullopt;
  if (text.find_first_not_of("0123456789.e+-") != std::string::npos) return std::nullopt;
  char* end = nullptr;
  T number = 0;
  if constexpr (std::is_same_v<T, float>) {
    number = std::strtof(text.c_str(), &end);
  } else if constexpr (std::is_same_v<T, double>) {
    number = std::strtod(text.c_str(), &end);
  } else {
    number = std::strtold(text.c_str(), &end);
  }
  if (end != text.c_str() + text.size()) return std::nullopt;
  return number;
}

template <class T>
bool AreTheSame(const T& a, const T& b) {
  if constexpr (std::floating_point<T>) {
    return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
  } else {
    return a == b;
  }
}

// Nothing if all is well, else what is wrong.
template <class T>
std::string CheckText(const T& value) {
  const std::string text = KeyText(value);
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e) return "not printable: " + text;
  }
  if (text.find(R"({".type": "digest")") != std::string::npos) return {};  // cannot be read back
  const std::optional<T> decoded = Decoded(text, std::type_identity<T>());
  if (!decoded) return "not a text of this type: " + text;
  if (!AreTheSame(*decoded, value)) return "reads as another value: " + text;
  return {};
}

template <class T>
std::string CheckTwo(const T& a, const T& b) {
  for (const T* value : {&a, &b}) {
    if (std::string wrong = CheckText(*value); !wrong.empty()) return wrong;
  }
  if ((KeyText(a) == KeyText(b)) != AreTheSame(a, b)) return "shared text: " + KeyText(a);
  return {};
}

template <class T>
std::string CheckNumbers(Input a, Input b) {
  return CheckTwo(NumberOf<T>(a), NumberOf<T>(b));
}

template <class Char>
std::string CheckStrings(Input a, Input b) {
  return CheckTwo(StringOf<Char>(a), StringOf<Char>(b));
}

// The bytes of an 80-bit long double that are no number are no value either.
inline std::string CheckLongDoubles(Input a, Input b) {
  return CheckTwo(static_cast<long double>(NumberOf<double>(a)) / 3,
                  static_cast<long double>(NumberOf<double>(b)) / 3);
}

// The strings between the bytes of value 0xfe, which UTF-8 never has.
inline std::vector<std::string> ListOf(Input input) {
  std::vector<std::string> strings;
  for (const uint8_t byte : input) {
    if (byte == 0xfe || strings.empty()) strings.emplace_back();
    if (byte != 0xfe) strings.back() += static_cast<char>(byte);
  }
  return strings;
}

inline std::string CheckLists(Input a, Input b) { return CheckTwo(ListOf(a), ListOf(b)); }

// The first byte of the input says which type, the rest are two values of it.
inline std::string CheckInput(Input input) {
  using Check = std::string (*)(Input, Input);
  constexpr Check kChecks[] = {
      CheckStrings<char>,         CheckStrings<char8_t>,  CheckStrings<char16_t>,
      CheckStrings<char32_t>,     CheckStrings<wchar_t>,  CheckLists,
      CheckNumbers<int8_t>,       CheckNumbers<uint16_t>, CheckNumbers<int32_t>,
      CheckNumbers<int64_t>,      CheckNumbers<uint64_t>, CheckNumbers<key::Int128>,
      CheckNumbers<key::UInt128>, CheckNumbers<float>,    CheckNumbers<double>,
      CheckLongDoubles,
  };
  if (input.empty()) return {};
  const Check check = kChecks[input[0] % std::size(kChecks)];
  const Input rest = input.subspan(1);
  return check(rest.first(rest.size() / 2), rest.subspan(rest.size() / 2));
}

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTS_KEY_CHECK_INPUT_H_
