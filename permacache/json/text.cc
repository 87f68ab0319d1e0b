#include "permacache/json/text.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace permacache::json {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool IsDigit(char c) { return '0' <= c && c <= '9'; }

// The length of the character of more than one byte that `bytes` begin with; 0 if it is none. The
// bounds of the second byte exclude overlong forms, surrogates and what is beyond U+10FFFF.
size_t LengthOfCharacter(std::string_view bytes) {
  const auto at = [&](size_t i) -> uint8_t {
    return i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0;
  };
  const uint8_t first = at(0);
  const size_t length = 0xc2 <= first && first <= 0xdf   ? 2
                        : 0xe0 <= first && first <= 0xef ? 3
                        : 0xf0 <= first && first <= 0xf4 ? 4
                                                         : 0;
  if (length == 0) return 0;
  const uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (at(1) < least || most < at(1)) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

// Takes a JSON text apart from the left; each function returns whether it found what it says.
class Checker {
 public:
  explicit Checker(std::string_view text) : rest_(text) {}

  bool Check() {
    do {
      if (!BeginValue()) return false;
    } while (EndValues());
    return !failed_ && rest_.empty();
  }

 private:
  char Next() const { return rest_.empty() ? '\0' : rest_.front(); }

  bool Take(std::string_view what) {
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }

  void TakeBlanks() {
    const size_t end = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(end == rest_.npos ? rest_.size() : end);
  }

  // A scalar, an empty array or object, or the brackets down to the first scalar.
  bool BeginValue() {
    for (;;) {
      TakeBlanks();
      if (Take("[")) {
        TakeBlanks();
        if (Take("]")) return true;
        open_ += ']';
      } else if (Take("{")) {
        TakeBlanks();
        if (Take("}")) return true;
        open_ += '}';
        if (!TakeName()) return false;
      } else {
        return TakeScalar();
      }
    }
  }

  // Closes what ends after a value. Whether another value must follow.
  bool EndValues() {
    for (;;) {
      TakeBlanks();
      if (open_.empty()) return false;
      if (Take(",")) {
        if (open_.back() == ']') return true;
        TakeBlanks();
        failed_ = !TakeName();
        return !failed_;
      }
      if (!Take(std::string_view(&open_.back(), 1))) {
        failed_ = true;
        return false;
      }
      open_.pop_back();
    }
  }

  bool TakeName() {
    if (!TakeString()) return false;
    TakeBlanks();
    return Take(":");
  }

  bool TakeScalar() {
    switch (Next()) {
      case '"':
        return TakeString();
      case 't':
        return Take("true");
      case 'f':
        return Take("false");
      case 'n':
        return Take("null");
      default:
        return TakeNumber();
    }
  }

  bool TakeDigits() {
    if (!IsDigit(Next())) return false;
    while (IsDigit(Next())) rest_.remove_prefix(1);
    return true;
  }

  bool TakeNumber() {
    Take("-");
    if (!Take("0") && !TakeDigits()) return false;
    if (Take(".") && !TakeDigits()) return false;
    if (Take("e") || Take("E")) {
      if (!Take("+")) Take("-");
      return TakeDigits();
    }
    return true;
  }

  bool TakeString() {
    if (!Take("\"")) return false;
    while (!rest_.empty() && rest_.front() != '"') {
      const auto c = static_cast<uint8_t>(rest_.front());
      if (c < 0x20 || (c == '\\' && !TakeEscape())) return false;
      if (c == '\\') continue;
      const size_t length = c < 0x80 ? 1 : LengthOfCharacter(rest_);
      if (length == 0) return false;
      rest_.remove_prefix(length);
    }
    return Take("\"");
  }

  // A surrogate counts only as the half of a pair.
  bool TakeEscape() {
    rest_.remove_prefix(1);
    if (!Take("u")) {
      const bool known = std::string_view("\"\\/bfnrt").find(Next()) != std::string_view::npos;
      if (known && !rest_.empty()) rest_.remove_prefix(1);
      return known;
    }
    int unit = TakeUnit();
    if (0xd800 <= unit && unit <= 0xdbff) {
      if (!Take("\\u")) return false;
      unit = TakeUnit();
      return 0xdc00 <= unit && unit <= 0xdfff;
    }
    return 0 <= unit && (unit < 0xdc00 || 0xdfff < unit);
  }

  // Four hexadecimal digits, or -1.
  int TakeUnit() {
    int unit = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = Next();
      const size_t digit =
          kHexDigits.find('A' <= c && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
      if (digit == kHexDigits.npos) return -1;
      unit = 16 * unit + static_cast<int>(digit);
      rest_.remove_prefix(1);
    }
    return unit;
  }

  std::string_view rest_;
  std::string open_;  // the brackets that are to close, the innermost last
  bool failed_ = false;
};

}  // namespace

bool IsValid(std::string_view text) { return Checker(text).Check(); }

bool IsUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = static_cast<uint8_t>(bytes.front()) < 0x80 ? 1 : LengthOfCharacter(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

void AppendString(std::string& out, std::string_view text) {
  constexpr std::string_view kEscaped = "\"\\\b\f\n\r\t";
  constexpr std::string_view kEscapes = "\"\\bfnrt";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (const size_t escape = kEscaped.find(c); escape != kEscaped.npos) {
      out += '\\';
      out += kEscapes[escape];
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string ToBase64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t k = i; k < i + 3; ++k) {
      bits = bits << 8 | (k < bytes.size() ? static_cast<uint8_t>(bytes[k]) : 0);
    }
    for (int k = 0; k < 4; ++k) text += kBase64[bits >> (18 - 6 * k) & 63];
  }
  const size_t padding = (3 - bytes.size() % 3) % 3;
  text.replace(text.size() - padding, padding, padding, '=');
  return text;
}

std::optional<std::string> FromBase64(std::string_view text) {
  static const std::array<uint8_t, 256> digit_of = [] {
    std::array<uint8_t, 256> digits;
    digits.fill(64);
    for (uint8_t i = 0; i < 64; ++i) digits[static_cast<uint8_t>(kBase64[i])] = i;
    return digits;
  }();
  if (text.size() % 4 != 0) return std::nullopt;
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  const size_t digits = text.size() - padding;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    uint32_t bits = 0;
    for (size_t k = i; k < i + 4; ++k) {
      const uint8_t digit = k < digits ? digit_of[static_cast<uint8_t>(text[k])] : 0;
      if (digit == 64) return std::nullopt;
      bits = bits << 6 | digit;
    }
    for (int shift = 16; shift >= 0; shift -= 8) bytes += static_cast<char>(bits >> shift & 0xff);
  }
  // Bits that padding leaves unused must be zero, or several texts would mean the same.
  for (size_t i = 0; i < padding; ++i) {
    if (bytes.back() != '\0') return std::nullopt;
    bytes.pop_back();
  }
  return bytes;
}

}  // namespace permacache::json
