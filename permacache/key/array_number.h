// The numbers that large arrays are made of: those whose bytes are all that they are.
#ifndef PERMACACHE_KEY_ARRAY_NUMBER_H_
#define PERMACACHE_KEY_ARRAY_NUMBER_H_

#include <complex>
#include <concepts>
#include <cstddef>
#include <string>
#include <type_traits>

#include "permacache/key/wide_integer.h"

namespace permacache::key {
namespace internal {

template <class T>
inline constexpr bool kIsByteCharacter = std::is_same_v<T, char> || std::is_same_v<T, char8_t>;

template <class T>
inline constexpr bool kIsWideCharacter =
    std::is_same_v<T, char16_t> || std::is_same_v<T, char32_t> || std::is_same_v<T, wchar_t>;

template <class T>
inline constexpr bool kIsFloatOrDouble = std::is_same_v<T, float> || std::is_same_v<T, double>;

template <class T>
inline constexpr bool kIsComplexOfFloats = false;
template <class T>
inline constexpr bool kIsComplexOfFloats<std::complex<T>> = kIsFloatOrDouble<T>;

template <class T>
inline constexpr bool kIsByte = std::is_same_v<T, std::byte>;

}  // namespace internal

// Integers of up to 128 bits, bool, char, float, double, std::complex of these two, std::byte.
// long double has bytes that mean nothing; characters of several bytes are text.
template <class T>
concept ArrayNumber =
    (std::integral<T> && !internal::kIsWideCharacter<T>) || kIsInt128<T> ||
    internal::kIsFloatOrDouble<T> || internal::kIsComplexOfFloats<T> || internal::kIsByte<T>;

// How many bytes of a T are to be read together, in the order of the machine.
template <ArrayNumber T>
inline constexpr size_t kWordSize = internal::kIsComplexOfFloats<T> ? sizeof(T) / 2 : sizeof(T);

template <ArrayNumber T>
inline constexpr bool kHasByteOrder = kWordSize<T> != 1;

// The kind of number, as numpy names it: a letter and the number of bytes, such as "f8".
template <ArrayNumber T>
std::string DataType() {
  const char kind = internal::kIsByte<T>              ? 'V'
                    : std::is_same_v<T, bool>         ? 'b'
                    : internal::kIsByteCharacter<T>   ? 'S'
                    : internal::kIsFloatOrDouble<T>   ? 'f'
                    : internal::kIsComplexOfFloats<T> ? 'c'
                    : kIsSignedInteger<T>             ? 'i'
                                                      : 'u';
  return kind + std::to_string(sizeof(T));
}

}  // namespace permacache::key

#endif  // PERMACACHE_KEY_ARRAY_NUMBER_H_
