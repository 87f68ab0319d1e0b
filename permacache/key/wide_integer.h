// Integers of more than 64 bits: the compilers' 128-bit ones and classes that behave like integers.
#ifndef PERMACACHE_KEY_WIDE_INTEGER_H_
#define PERMACACHE_KEY_WIDE_INTEGER_H_

#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

namespace permacache::key {

#ifdef __SIZEOF_INT128__
__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 UInt128;

template <class T>
inline constexpr bool kIsInt128 = std::is_same_v<T, Int128> || std::is_same_v<T, UInt128>;

template <class T>
inline constexpr bool kIsSignedInteger = std::is_signed_v<T> || std::is_same_v<T, Int128>;
#else
template <class T>
inline constexpr bool kIsInt128 = false;

template <class T>
inline constexpr bool kIsSignedInteger = std::is_signed_v<T>;
#endif

template <class T>
inline constexpr bool kHoldsInt64 =
    !std::numeric_limits<T>::is_bounded || std::numeric_limits<T>::digits >= 63;

// A class that says of itself to be an integer, of no less than 63 bits: absl::int128,
// boost::multiprecision::cpp_int.
template <class T>
concept IntegerClass = std::is_class_v<T> && std::numeric_limits<T>::is_specialized &&
    std::numeric_limits<T>::is_integer && kHoldsInt64<T> && requires(const T& a, const T& b) {
  T(a / b);
  T(a % b);
  static_cast<int64_t>(a);
};

template <class T>
concept WideInteger = kIsInt128<T> || IntegerClass<T>;

namespace internal {

inline constexpr int kDigitsAtOnce = 18;  // as many as an int64_t always holds
inline constexpr int64_t kTenToDigitsAtOnce = 1'000'000'000'000'000'000;

// The digits of `value` without its sign, the last of which are padded if others go before.
template <WideInteger T>
void AppendMagnitude(std::string& text, const T& value) {
  const T upper(value / T(kTenToDigitsAtOnce));
  const auto lower = static_cast<int64_t>(T(value % T(kTenToDigitsAtOnce)));
  const std::string digits = std::to_string(lower < 0 ? -lower : lower);
  if (upper != T(0)) {
    AppendMagnitude(text, upper);
    text.append(kDigitsAtOnce - digits.size(), '0');
  }
  text += digits;
}

}  // namespace internal

// In decimal, as any other integer.
template <WideInteger T>
void AppendWideInteger(std::string& text, const T& value) {
  if (value < T(0)) text += '-';
  internal::AppendMagnitude(text, value);
}

}  // namespace permacache::key

#endif  // PERMACACHE_KEY_WIDE_INTEGER_H_
