// The text of numbers and strings in a key, as Python's json.dumps writes them.
//
// Each function appends to `text`. All are pure and may be called from any thread.
#ifndef PERMACACHE_KEY_SCALAR_TEXT_H_
#define PERMACACHE_KEY_SCALAR_TEXT_H_

#include <charconv>
#include <concepts>
#include <limits>
#include <string>
#include <string_view>

namespace permacache::key {

template <std::integral Integer>
void AppendInteger(std::string& text, Integer value) {
  char digits[std::numeric_limits<Integer>::digits10 + 3];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
  text.append(digits, end);
}

// The shortest text that reads back as the same value of the same type: 1.0, 0.1, 1e-05, 1e+16,
// -0.0, NaN (for each NaN), Infinity, -Infinity.
void AppendFloat(std::string& text, float value);
void AppendFloat(std::string& text, double value);
void AppendFloat(std::string& text, long double value);

// Floating-point types of other widths: as the narrowest of these three that holds all their
// values.
template <std::floating_point Float>
void AppendExtendedFloat(std::string& text, Float value) {
  using Limits = std::numeric_limits<Float>;
  const auto holds = []<class Wide>(Wide) {
    using WideLimits = std::numeric_limits<Wide>;
    return Limits::digits <= WideLimits::digits && Limits::max_exponent <= WideLimits::max_exponent;
  };
  if constexpr (holds(float())) {
    AppendFloat(text, static_cast<float>(value));
  } else if constexpr (holds(double())) {
    AppendFloat(text, static_cast<double>(value));
  } else {
    static_assert(holds(static_cast<long double>(0)),
                  "permacache: this floating-point type is wider than long double, so it cannot be "
                  "written exactly. Take its bytes as std::array<std::byte, sizeof(value)>");
    AppendFloat(text, static_cast<long double>(value));
  }
}

// A JSON string of ASCII alone: what lies beyond is escaped as UTF-16 code units. A byte that is
// not part of well-formed UTF-8 becomes a lone low surrogate, \udc80 to \udcff, as in Python's
// "surrogateescape"; well-formed UTF-8 never gives one, so different strings have different texts.
void AppendString(std::string& text, std::string_view value);

// A JSON string of these UTF-16 code units, whether they are paired as they should be or not.
void AppendString(std::string& text, std::u16string_view value);

// A JSON string of these code points. If one of them is none (a surrogate, or beyond U+10FFFF), a
// list of their numbers: a pair of surrogates would read as one character in a string.
void AppendString(std::string& text, std::u32string_view value);

// The order in which Python sorts strings of what `a` and `b` are in UTF-8, bytes that are not
// UTF-8 as AppendString writes them. Differs from the order of bytes for these alone.
bool LessByCodePoints(std::string_view a, std::string_view b);

}  // namespace permacache::key

#endif  // PERMACACHE_KEY_SCALAR_TEXT_H_
