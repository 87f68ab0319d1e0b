// Reads key texts back, by other code than that which writes them.
#ifndef PERMACACHE_TESTS_KEY_DECODER_H_
#define PERMACACHE_TESTS_KEY_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace permacache::testing {

// Each takes what it reads from the front of `text`, and returns nothing if that is not there.

// A JSON string, as UTF-16 code units.
inline std::optional<std::u16string> TakeUnits(std::string_view& text) {
  const auto take = [&]() -> int {
    if (text.empty() || text[0] < 0x20 || text[0] > 0x7e) return -1;
    const char c = text[0];
    text.remove_prefix(1);
    return c;
  };
  if (take() != '"') return std::nullopt;
  std::u16string units;
  for (int c = take(); c != '"'; c = take()) {
    if (c < 0) return std::nullopt;
    if (c != '\\') {
      units += static_cast<char16_t>(c);
      continue;
    }
    const int escape = take();
    constexpr std::string_view kLetters = "\"\\bfnrt";
    constexpr std::string_view kMeanings = "\"\\\b\f\n\r\t";
    if (escape == 'u') {
      unsigned unit = 0;
      for (int i = 0; i < 4; ++i) {
        const size_t digit = std::string_view("0123456789abcdef").find(static_cast<char>(take()));
        if (digit == std::string_view::npos) return std::nullopt;
        unit = unit * 16 + static_cast<unsigned>(digit);
      }
      units += static_cast<char16_t>(unit);
    } else if (const size_t i = kLetters.find(static_cast<char>(escape)); i < kLetters.size()) {
      units += static_cast<char16_t>(kMeanings[i]);
    } else {
      return std::nullopt;
    }
  }
  return units;
}

inline bool IsHigh(uint32_t unit) { return unit >= 0xd800 && unit < 0xdc00; }
inline bool IsLow(uint32_t unit) { return unit >= 0xdc00 && unit < 0xe000; }

// Pairs of surrogates become one code point, lone ones stay.
inline std::u32string CodePoints(const std::u16string& units) {
  std::u32string points;
  for (size_t i = 0; i < units.size(); ++i) {
    if (IsHigh(units[i]) && i + 1 < units.size() && IsLow(units[i + 1])) {
      points += 0x10000 + ((units[i] - char32_t{0xd800}) << 10) + (units[i + 1] - 0xdc00);
      ++i;
    } else {
      points += units[i];
    }
  }
  return points;
}

// UTF-8, in which U+DC80 to U+DCFF stand for a byte each.
inline std::optional<std::string> Bytes(const std::u16string& units) {
  std::string bytes;
  for (const char32_t point : CodePoints(units)) {
    const auto continued = [&](int shift) {
      bytes += static_cast<char>(0x80 | ((point >> shift) & 0x3f));
    };
    if (point < 0x80) {
      bytes += static_cast<char>(point);
    } else if (point < 0x800) {
      bytes += static_cast<char>(0xc0 | (point >> 6));
      continued(0);
    } else if (point >= 0xdc80 && point < 0xdd00) {
      bytes += static_cast<char>(point - 0xdc00);
    } else if (IsHigh(point) || IsLow(point)) {
      return std::nullopt;
    } else if (point < 0x10000) {
      bytes += static_cast<char>(0xe0 | (point >> 12));
      continued(6);
      continued(0);
    } else {
      bytes += static_cast<char>(0xf0 | (point >> 18));
      continued(12);
      continued(6);
      continued(0);
    }
  }
  return bytes;
}

inline bool Take(std::string_view& text, std::string_view words) {
  if (!text.starts_with(words)) return false;
  text.remove_prefix(words.size());
  return true;
}

// An integer as JSON has it: no plus, no leading zeros, no "-0".
template <class Wide>
std::optional<Wide> TakeInteger(std::string_view& text) {
  const bool negative = Take(text, "-");
  size_t length = 0;
  Wide value = 0;
  for (; length < text.size() && text[length] >= '0' && text[length] <= '9'; ++length) {
    const Wide digit = static_cast<Wide>(text[length] - '0');
    value = value * 10 + (negative ? -digit : digit);
  }
  if (length == 0 || (text[0] == '0' && (length > 1 || negative))) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

// A list, of elements that `take` reads.
template <class Element, class TakeElement>
std::optional<std::vector<Element>> TakeList(std::string_view& text, TakeElement take) {
  if (!Take(text, "[")) return std::nullopt;
  std::vector<Element> elements;
  while (!Take(text, "]")) {
    if (!elements.empty() && !Take(text, ", ")) return std::nullopt;
    std::optional<Element> element = take(text);
    if (!element) return std::nullopt;
    elements.push_back(*std::move(element));
  }
  return elements;
}

// The value that `take` reads, if nothing follows it.
template <class TakeValue>
auto Whole(std::string_view text, TakeValue take) -> decltype(take(text)) {
  auto value = take(text);
  if (!text.empty()) return std::nullopt;
  return value;
}

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTS_KEY_DECODER_H_
