#include "permacache/key/scalar_text.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <type_traits>

namespace permacache::key {
namespace {

// Python writes a float in positional notation while 1e-4 <= |value| < 1e16.
constexpr int kLowestPositionalExponent = -4;
constexpr int kHighestPositionalExponent = 15;

// `digits` are the significant digits of a number whose first digit counts 10^exponent.
void AppendPositional(std::string& text, std::string_view digits, int exponent) {
  if (exponent < 0) {
    text += "0.";
    text.append(-exponent - 1, '0');
    text += digits;
    return;
  }
  const size_t whole = exponent + 1;
  if (digits.size() <= whole) {
    text += digits;
    text.append(whole - digits.size(), '0');
    text += ".0";
    return;
  }
  text += digits.substr(0, whole);
  text += '.';
  text += digits.substr(whole);
}

void AppendScientific(std::string& text, std::string_view digits, int exponent) {
  text += digits[0];
  if (digits.size() > 1) {
    text += '.';
    text += digits.substr(1);
  }
  text += exponent < 0 ? "e-" : "e+";
  const int magnitude = std::abs(exponent);
  if (magnitude < 10) text += '0';
  AppendInteger(text, magnitude);
}

// Writes a number of at most three decimals, as most are that people choose: several times as fast
// as looking for the shortest digits, which its own must be, as no other text of 15 digits means
// the same number. Returns whether it did.
bool AppendFewDecimals(std::string& text, double value) {
  constexpr double kLargest = 1e11;
  if (!(value >= 1e-3 && value < kLargest)) return false;
  double scale = 1;
  int decimals = 0;
  auto scaled = static_cast<int64_t>(value + 0.5);
  while (static_cast<double>(scaled) / scale != value) {
    if (++decimals > 3) return false;
    scale *= 10;
    scaled = static_cast<int64_t>(value * scale + 0.5);
  }
  char digits[24];
  const auto [end, error] = std::to_chars(digits, std::end(digits), scaled);
  const auto count = static_cast<int>(end - digits);
  AppendPositional(text, {digits, static_cast<size_t>(count)}, count - decimals - 1);
  return true;
}

template <class Float>
void AppendAnyFloat(std::string& text, Float value) {
  if (std::isnan(value)) {
    text += "NaN";
    return;
  }
  if (std::signbit(value)) text += '-';
  if (std::isinf(value)) {
    text += "Infinity";
    return;
  }
  if constexpr (std::is_same_v<Float, double>) {
    if (AppendFewDecimals(text, std::abs(value))) return;
  }
  // to_chars gives the shortest digits, as "d.ddde±xx"; only the layout is Python's.
  char scientific[64];
  const auto [end, error] = std::to_chars(scientific, scientific + sizeof(scientific),
                                          std::abs(value), std::chars_format::scientific);
  const char* mark = end - 1;
  while (*mark != 'e') --mark;
  int exponent = 0;
  for (const char* digit = mark + 2; digit < end; ++digit) exponent = 10 * exponent + *digit - '0';
  if (mark[1] == '-') exponent = -exponent;

  const char* digits = scientific;
  if (mark > scientific + 1) {  // the first digit takes the place of the point
    scientific[1] = scientific[0];
    digits = scientific + 1;
  }
  const std::string_view significant(digits, mark - digits);
  if (exponent >= kLowestPositionalExponent && exponent <= kHighestPositionalExponent) {
    AppendPositional(text, significant, exponent);
  } else {
    AppendScientific(text, significant, exponent);
  }
}

constexpr char kHexDigits[] = "0123456789abcdef";

void AppendCodeUnit(std::string& text, uint32_t unit) {
  const char escape[] = {'\\',
                         'u',
                         kHexDigits[unit >> 12 & 15],
                         kHexDigits[unit >> 8 & 15],
                         kHexDigits[unit >> 4 & 15],
                         kHexDigits[unit & 15]};
  text.append(escape, sizeof(escape));
}

void AppendCodePoint(std::string& text, uint32_t code_point) {
  if (code_point < 0x10000) {
    AppendCodeUnit(text, code_point);
    return;
  }
  AppendCodeUnit(text, 0xd800 + ((code_point - 0x10000) >> 10));
  AppendCodeUnit(text, 0xdc00 + ((code_point - 0x10000) & 0x3ff));
}

void AppendAscii(std::string& text, char c) {
  switch (c) {
    case '"':
      text += "\\\"";
      return;
    case '\\':
      text += "\\\\";
      return;
    case '\b':
      text += "\\b";
      return;
    case '\f':
      text += "\\f";
      return;
    case '\n':
      text += "\\n";
      return;
    case '\r':
      text += "\\r";
      return;
    case '\t':
      text += "\\t";
      return;
  }
  constexpr char kDelete = 0x7f;
  if (static_cast<unsigned char>(c) < 0x20 || c == kDelete) {
    AppendCodeUnit(text, static_cast<unsigned char>(c));
  } else {
    text += c;
  }
}

constexpr uint32_t kGreatestCodePoint = 0x10ffff;

bool IsSurrogate(uint32_t code_point) { return code_point >= 0xd800 && code_point < 0xe000; }

struct Decoded {
  uint32_t code_point;
  size_t length;  // 0 if the bytes are not well-formed UTF-8
};

// The first character of `bytes`, which begins with a byte beyond ASCII. Well-formed as in table
// 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing above U+10FFFF.
Decoded DecodeUtf8(std::string_view bytes) {
  const auto byte = [&](size_t i) -> uint32_t { return static_cast<unsigned char>(bytes[i]); };
  const uint32_t lead = byte(0);
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
  if (length == 0 || lead >= 0xf8 || bytes.size() < length) return {0, 0};
  uint32_t code_point = lead & (0xff >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {0, 0};
    code_point = code_point << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code_point < kLeast[length] || IsSurrogate(code_point) || code_point > kGreatestCodePoint) {
    return {0, 0};
  }
  return {code_point, length};
}

// The code point at `done`, which is moved behind it.
uint32_t NextCodePoint(std::string_view text, size_t& done) {
  const auto lead = static_cast<unsigned char>(text[done]);
  if (lead < 0x80) {
    ++done;
    return lead;
  }
  const Decoded decoded = DecodeUtf8(text.substr(done));
  if (decoded.length > 0) {
    done += decoded.length;
    return decoded.code_point;
  }
  ++done;
  return 0xdc00 + lead;  // as Python's "surrogateescape"
}

bool StandsForItself(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

}  // namespace

void AppendFloat(std::string& text, float value) { AppendAnyFloat(text, value); }
void AppendFloat(std::string& text, double value) { AppendAnyFloat(text, value); }
void AppendFloat(std::string& text, long double value) { AppendAnyFloat(text, value); }

void AppendString(std::string& text, std::string_view value) {
  text += '"';
  size_t done = 0;
  while (done < value.size()) {
    size_t plain = done;
    while (plain < value.size() && StandsForItself(value[plain])) ++plain;
    text += value.substr(done, plain - done);
    done = plain;
    if (done == value.size()) break;
    if (static_cast<unsigned char>(value[done]) < 0x80) {
      AppendAscii(text, value[done++]);
    } else {
      AppendCodePoint(text, NextCodePoint(value, done));
    }
  }
  text += '"';
}

void AppendString(std::string& text, std::u16string_view value) {
  text += '"';
  for (const char16_t unit : value) {
    if (unit < 0x80) {
      AppendAscii(text, static_cast<char>(unit));
    } else {
      AppendCodeUnit(text, unit);
    }
  }
  text += '"';
}

void AppendString(std::string& text, std::u32string_view value) {
  const auto is_character = [](char32_t c) { return c <= kGreatestCodePoint && !IsSurrogate(c); };
  if (!std::ranges::all_of(value, is_character)) {
    text += '[';
    for (size_t i = 0; i < value.size(); ++i) {
      if (i > 0) text += ", ";
      AppendInteger(text, static_cast<uint32_t>(value[i]));
    }
    text += ']';
    return;
  }
  text += '"';
  for (const char32_t c : value) {
    if (c < 0x80) {
      AppendAscii(text, static_cast<char>(c));
    } else {
      AppendCodePoint(text, c);
    }
  }
  text += '"';
}

bool LessByCodePoints(std::string_view a, std::string_view b) {
  size_t a_done = 0;
  size_t b_done = 0;
  while (a_done < a.size() && b_done < b.size()) {
    const uint32_t a_next = NextCodePoint(a, a_done);
    const uint32_t b_next = NextCodePoint(b, b_done);
    if (a_next != b_next) return a_next < b_next;
  }
  return a_done == a.size() && b_done < b.size();
}

}  // namespace permacache::key
