// StringForm: a value as the text that people would write for it, as a key function.
//
//   "id"_a.Key(permacache::StringForm)
//
// For parameters whose type has no key but an operator<<, and for keys that are shared with Python
// programs whose key function is `str`.
#ifndef PERMACACHE_MEMOIZE_STRING_FORM_H_
#define PERMACACHE_MEMOIZE_STRING_FORM_H_

#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <locale>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "permacache/key/key.h"

namespace permacache {
namespace memoize {

// A rival that takes everything by conversion, as only an operator<< that needs none is one for T:
// what converts to bool or to a pointer would be printed as 1 or as an address. The call is
// ambiguous then.
namespace rival {

struct Anything {
  template <class T>
  Anything(const T& value);  // NOLINT: implicit
};
struct NoText {};
NoText operator<<(std::ostream& out, const Anything& value);

template <class T>
concept PrintedUnconverted = requires(std::ostream& out, const T& value) {
  out << value;
  requires !std::same_as<decltype(out << value), NoText>;
};

}  // namespace rival

// Of these operator<< gives what is no text of the value: an address, or 1.
template <class T>
concept PrintedAsAddress =
    std::is_pointer_v<T> || std::is_array_v<T> || key::internal::Callable<T> || key::kKind<T>
== key::Kind::kPointer;

template <class T>
concept Printable = !PrintedAsAddress<T> && rival::PrintedUnconverted<T>;

// Python's str() of a float, where it is not what stands in a key.
inline std::string PythonFloat(std::string text) {
  if (text == "NaN") return "nan";
  if (text == "Infinity") return "inf";
  if (text == "-Infinity") return "-inf";
  return text;
}

template <class T>
std::string Printed(const T& value) {
  std::ostringstream out;
  out.imbue(std::locale::classic());  // not that of the program, which may change
  out.precision(std::numeric_limits<double>::max_digits10);  // or different values look alike
  out << value;
  return std::move(out).str();
}

}  // namespace memoize

// Does what its name says: StringForm(value), and as a key function: "x"_a.Key(StringForm).
struct StringFormFunction {
  template <class T>
  auto operator()(const T& value, KeyFormat format = KeyFormat::kNative) const {
    using key::Kind;
    constexpr Kind kIs = key::kKind<T>;
    const bool as_python = format == KeyFormat::kPython;
    if constexpr (kIs == Kind::kString || kIs == Kind::kText) {
      return Text(value);
    } else if constexpr (kIs == Kind::kPath) {
      return value.native();
    } else if constexpr (kIs == Kind::kCharacter) {
      return std::basic_string<T>(1, value);
    } else if constexpr (kIs == Kind::kHashed) {
      return (*this)(*value, format);
    } else if constexpr (kIs == Kind::kBool) {
      return std::string(as_python ? (value ? "True" : "False") : (value ? "true" : "false"));
    } else if constexpr (kIs == Kind::kNull) {
      return std::string(as_python ? "None" : "null");
    } else if constexpr (kIs == Kind::kFloat) {
      std::string text = KeyText(value, format);
      return as_python ? memoize::PythonFloat(std::move(text)) : text;
    } else if constexpr (kIs == Kind::kInteger || kIs == Kind::kWideInteger || kIs == Kind::kByte) {
      return KeyText(value, format);
    } else {
      static_assert(memoize::Printable<T>,
                    "permacache: StringForm does not know how to write a value of this type, which "
                    "has no operator<< of its own, or is a pointer or a function, of which that "
                    "gives an address. Give the type std::ostream& operator<<(std::ostream&, const "
                    "T&), or take a function that makes a text of it: "
                    "\"x\"_a.Key([](const T& value) { return value.name(); })");
      if constexpr (memoize::Printable<T>) return memoize::Printed(value);
    }
  }

 private:
  template <class T>
  static auto Text(const T& value) {
    using Char = std::remove_cvref_t<decltype(value[0])>;
    if constexpr (std::is_array_v<T>) {  // zeros fill it up
      size_t size = std::extent_v<T>;
      while (size > 0 && value[size - 1] == Char()) --size;
      return std::basic_string<Char>(value, size);
    } else {
      return std::basic_string<Char>(value.data(), value.size());
    }
  }
};

// A value as a text:
//   texts of any character type, characters, paths   themselves
//   integers                                         their decimal digits
//   floating-point numbers                           as in a key, the fewest digits that read back
//                                                    as the same number: 1.0, 1e-05
//   bool, nullptr                                    as in a key: true, false, null
//   others                                           what their operator<< prints, in the classic
//                                                    locale and with 17 digits of each number
// In Python's format numbers, bool and nullptr are what Python's str() gives: True, None, nan, inf.
// Other types are refused by the compiler.
inline constexpr StringFormFunction StringForm{};

}  // namespace permacache

#endif  // PERMACACHE_MEMOIZE_STRING_FORM_H_
