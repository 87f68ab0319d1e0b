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

// A JSON string of ASCII alone: what lies beyond is escaped as UTF-16 code units. A byte that is
// not part of well-formed UTF-8 becomes a lone low surrogate, \udc80 to \udcff, as in Python's
// "surrogateescape"; well-formed UTF-8 never gives one, so different strings have different texts.
void AppendString(std::string& text, std::string_view value);

}  // namespace permacache::key

#endif  // PERMACACHE_KEY_SCALAR_TEXT_H_
