// The fields of an aggregate, with their names, without a line of user code.
//
// An aggregate is a struct that can be initialized with braces: no constructor, no private
// field, no base class. Boost.PFR takes it apart. Everything here is a function of types and
// values alone, thus safe from any thread.
//
//   struct Sphere { double radius = 1; std::string material; };
//   FieldName<Sphere, 0>()                                     // "radius"
//   ForEachField(sphere, [](std::string_view name, const auto& value) { ... });
#ifndef PERMACACHE_REFLECTION_REFLECTION_H_
#define PERMACACHE_REFLECTION_REFLECTION_H_

#include <boost/pfr/core.hpp>
#include <boost/pfr/tuple_size.hpp>
#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include "permacache/reflection/field_count.h"
#include "permacache/reflection/type_name.h"
#if __has_include(<boost/pfr/core_name.hpp>)
#include <boost/pfr/core_name.hpp>
#endif

namespace permacache::reflection {

// A struct whose fields can be listed. Arrays and unions are aggregates for the language,
// but the former have elements instead of fields and the latter no known content.
template <class T>
concept Aggregate = std::is_aggregate_v<T> && std::is_class_v<T> && !std::is_polymorphic_v<T>;

namespace internal {

template <Aggregate T>
constexpr size_t CheckedFieldCount() {
  static_assert(!StartsWithABase<T>,
                "permacache: the fields of a struct that derives from another cannot be listed. "
                "Make the base its first field, or write the functions that classes need "
                "(PermacacheKey for a key)");
  constexpr size_t kCount = boost::pfr::tuple_size_v<T>;
  static_assert(CountFields<T, kCount>() == kCount,
                "permacache: the fields of a struct with a C array cannot be listed. Take "
                "std::array for the field, or write the functions that classes need "
                "(PermacacheKey for a key)");
  static_assert(kCount <= kMostFields,
                "permacache: this Boost.PFR cannot list so many fields. Put some into a struct of "
                "their own, take a newer Boost, or write the functions that classes need "
                "(PermacacheKey for a key)");
  return kCount;
}

}  // namespace internal

template <Aggregate T>
inline constexpr size_t kFieldCount = internal::CheckedFieldCount<T>();

namespace internal {

#if __has_include(<boost/pfr/core_name.hpp>)

template <Aggregate T, size_t kIndex>
constexpr std::string_view SpelledField() {
  return boost::pfr::get_name<kIndex, T>();
}

#else  // Before Boost 1.84 PFR knows values but not names; a compiler knows how to spell them.

template <class T>
struct Holder {
  const T value;
};

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-internal"
#pragma clang diagnostic ignored "-Wundefined-var-template"
#endif

// Never defined: only the addresses of its fields are named, at compile time.
template <class T>
extern const Holder<T> kNowhere;

// The address of a field as a template argument. Clang before 18 takes it only inside a class.
template <class Pointer>
struct Address {
  Pointer pointer;
};

template <class Pointer>
Address(Pointer) -> Address<Pointer>;

// Returns auto, as g++ would spell out a named return type behind the address.
template <Address kAddress>
constexpr auto SpelledAddress() {
  return std::string_view(__PRETTY_FUNCTION__);
}

// g++ ends with "Sphere::radius)}]", clang with "kNowhere.value.radius}]".
template <Aggregate T, size_t kIndex>
constexpr std::string_view SpelledField() {
  std::string_view text = SpelledAddress<Address{&boost::pfr::detail::sequence_tuple::get<kIndex>(
      boost::pfr::detail::tie_as_tuple(kNowhere<T>.value))}>();
  while (!text.empty() && !IsIdentifierChar(text.back())) text.remove_suffix(1);
  return LastIdentifier(text);
}

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

#endif

}  // namespace internal

template <Aggregate T, size_t kIndex>
constexpr std::string_view FieldName() {
  constexpr std::string_view kName = internal::SpelledField<T, kIndex>();
  static_assert(!kName.empty(), "permacache: this compiler does not tell the names of fields");
  return kName;
}

// Calls visit(name, value) for each field, in the order of their declaration. `value` is a
// reference into `aggregate`, const if that is.
template <class T, class Visitor>
requires Aggregate<std::remove_const_t<T>>
constexpr void ForEachField(T& aggregate, Visitor&& visit) {
  using Plain = std::remove_const_t<T>;
  [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
    (visit(FieldName<Plain, kIndex>(), boost::pfr::get<kIndex>(aggregate)), ...);
  }
  (std::make_index_sequence<kFieldCount<Plain>>());
}

}  // namespace permacache::reflection

#endif  // PERMACACHE_REFLECTION_REFLECTION_H_
