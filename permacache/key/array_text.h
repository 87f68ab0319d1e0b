// The text of an array of numbers that is too long to be written out.
#ifndef PERMACACHE_KEY_ARRAY_TEXT_H_
#define PERMACACHE_KEY_ARRAY_TEXT_H_

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "permacache/hash/hash.h"

namespace permacache::key {

// Numbers whose bytes, little end first, mean the same everywhere. long double is not among
// them, and char is text.
template <class T>
concept ArrayNumber =
    (std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> &&
     !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> && !std::same_as<T, char16_t> &&
     !std::same_as<T, char32_t>) ||
    std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::byte>;

// A range of more numbers than this is digested, a shorter one is a readable list.
inline constexpr size_t kLongestReadableArray = 64;

// The kind of number, as numpy names it: kind letter and bytes, "f8", "i4", "u1"; bytes are "V1".
template <ArrayNumber T>
std::string DataType() {
  const char kind = std::is_same_v<T, std::byte> ? 'V'
                    : std::floating_point<T>     ? 'f'
                    : std::signed_integral<T>    ? 'i'
                                                 : 'u';
  return std::string(1, kind) + std::to_string(sizeof(T));
}

// The digest of the numbers as bytes, the little end of each first, on a machine whose order of
// bytes is `kOrder`.
template <std::endian kOrder = std::endian::native, ArrayNumber T>
hash::ContentDigest DigestOfNumbers(std::span<const T> numbers) {
  if constexpr (kOrder == std::endian::little || sizeof(T) == 1) {
    return hash::DigestOfContent(std::as_bytes(numbers));
  } else {
    hash::ContentHasher hasher;
    for (const T& number : numbers) {
      std::byte bytes[sizeof(T)];
      std::ranges::reverse_copy(std::as_bytes(std::span(&number, 1)), bytes);
      hasher.Update(bytes);
    }
    return hasher.Digest();
  }
}

// {".type": "array", "blake3": "...", "dtype": "f8", "shape": [1000]}
void AppendArrayDigest(std::string& text, std::string_view data_type, size_t length,
                       const hash::ContentDigest& digest);

}  // namespace permacache::key

#endif  // PERMACACHE_KEY_ARRAY_TEXT_H_
