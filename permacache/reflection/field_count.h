// Which aggregates Boost.PFR cannot take apart, so that they can be refused in our own words.
//
// PFR counts what may stand between an aggregate's braces. For a field that is a C array these are
// its elements, as inner braces may be left out; for a base class it is the base. CountFields
// counts an array as one.
#ifndef PERMACACHE_REFLECTION_FIELD_COUNT_H_
#define PERMACACHE_REFLECTION_FIELD_COUNT_H_

#include <boost/pfr/core.hpp>
#include <boost/pfr/tuple_size.hpp>
#include <boost/version.hpp>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace permacache::reflection::internal {

// Turns into whatever a field is.
template <class T>
using AnyField =
    std::conditional_t<std::is_copy_constructible_v<T>, boost::pfr::detail::ubiq_lref_constructor,
                       boost::pfr::detail::ubiq_rref_constructor>;

// Whether there is room for {} and `kRest` more initializers behind the first `kFirst`.
template <class T, size_t kFirst, size_t kRest>
constexpr bool HasRoomForBraces() {
  return []<size_t... kBefore, size_t... kAfter>(std::index_sequence<kBefore...>,
                                                 std::index_sequence<kAfter...>) {
    return requires { T{AnyField<T>{kBefore}..., {}, AnyField<T>{kAfter}...}; };
  }
  (std::make_index_sequence<kFirst>(), std::make_index_sequence<kRest>());
}

// The greatest number from kLow on and below kHigh of initializers that there is room for behind
// {}, if there is room for kLow.
template <class T, size_t kFirst, size_t kLow, size_t kHigh>
constexpr size_t MostBehindBraces() {
  if constexpr (kHigh - kLow <= 1) {
    return kLow;
  } else if constexpr (constexpr size_t kMiddle = (kLow + kHigh) / 2;
                       HasRoomForBraces<T, kFirst, kMiddle>()) {
    return MostBehindBraces<T, kFirst, kMiddle, kHigh>();
  } else {
    return MostBehindBraces<T, kFirst, kLow, kMiddle>();
  }
}

// How many of the kCount initializers belong to the field that the kFirst-th begins. A field that
// does not take {} is none whose elements have initializers of their own.
template <class T, size_t kCount, size_t kFirst>
constexpr size_t InitializersOfField() {
  constexpr size_t kBehind = kCount - kFirst - 1;
  if constexpr (HasRoomForBraces<T, kFirst, kBehind>() || !HasRoomForBraces<T, kFirst, 0>()) {
    return 1;
  } else {
    return kCount - kFirst - MostBehindBraces<T, kFirst, 0, kBehind>();
  }
}

template <class T, size_t kCount, size_t kFirst = 0>
constexpr size_t CountFields() {
  if constexpr (kFirst >= kCount) {
    return 0;
  } else {
    return 1 + CountFields<T, kCount, kFirst + InitializersOfField<T, kCount, kFirst>()>();
  }
}

// As many as PFR has structured bindings for.
inline constexpr size_t kMostFields = BOOST_VERSION >= 108400 ? 200 : 100;

// Turns into base classes of T alone.
template <class T>
struct AnyBase {
  template <class Base>
  requires(std::is_base_of_v<Base, T> && !std::is_same_v<Base, T>) operator Base()
      const;  // NOLINT: implicit, as an initializer
};

struct Nothing {};

// A first field that takes Nothing takes everything, and is no base class.
template <class T>
concept StartsWithABase = requires {
  T{AnyBase<T>()};
}
&&!requires { T{Nothing()}; };

}  // namespace permacache::reflection::internal

#endif  // PERMACACHE_REFLECTION_FIELD_COUNT_H_
