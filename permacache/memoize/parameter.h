// Names of parameters: "x"_a, values given by name: "x"_a = 2, and, in Memoize, what of a parameter
// enters the key: "x"_a.Ignore(), ("x"_a = 2).DropIfEqual(0); keying.h has all of these.
//
// The name is part of the type, so a call with a name that the function does not have is a
// compile-time error, and finding the right argument costs nothing at run time.
#ifndef PERMACACHE_MEMOIZE_PARAMETER_H_
#define PERMACACHE_MEMOIZE_PARAMETER_H_

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <type_traits>
#include <utility>

#include "permacache/memoize/keying.h"

namespace permacache {
namespace memoize {

// A string literal as a template argument.
template <size_t kSize>
struct Literal {
  char text[kSize];

  consteval Literal(const char (&literal)[kSize]) {  // NOLINT: implicit, as literals are given
    std::copy_n(literal, kSize, text);
  }

  constexpr std::string_view view() const { return {text, kSize - 1}; }
};

// That a description says at most once what enters the key.
template <class Keying>
constexpr void CheckSaidOnce() {
  static_assert(std::is_same_v<Keying, WholeValue>,
                "permacache: a parameter's description says twice what enters the key. Take one of "
                "Key, Ignore, DropIf, DropIfEqual, FileContents and OutFile; the last arguments of "
                "DropIf and DropIfEqual are key functions");
}

template <class Keying>
constexpr void CheckMayBeBatch() {
  static_assert(!Keying::kIsBatch && !Keying::kIsOutFile,
                "permacache: a parameter's description says Batch() twice, or of an OutFile()");
}

}  // namespace memoize

// A value under a parameter's name: in Memoize the parameter's default, in a call its argument. It
// refers to a variable that it is made from, and owns a temporary one.
template <memoize::Literal kName, class T, class Keying = memoize::WholeValue>
struct NamedValue : memoize::Keyable<NamedValue<kName, T, Keying>> {
  static constexpr std::string_view name() { return kName.view(); }

  constexpr explicit NamedValue(T&& given, Keying how = {})
      : value(std::forward<T>(given)), keying(std::move(how)) {}

  template <class Other>
  constexpr auto With(Other other) const {
    memoize::CheckSaidOnce<Keying>();
    T copy = value;
    return NamedValue<kName, T, Other>(std::forward<T>(copy), std::move(other));
  }

  constexpr auto WithBatch() const {
    memoize::CheckMayBeBatch<Keying>();
    T copy = value;
    using Each = memoize::ElementByElement<Keying>;
    return NamedValue<kName, T, Each>(std::forward<T>(copy), Each(keying));
  }

  T value;
  [[no_unique_address]] Keying keying;
};

// What "x"_a is: in Memoize a parameter without a default.
template <memoize::Literal kName, class Keying = memoize::WholeValue>
struct ParameterName : memoize::Keyable<ParameterName<kName, Keying>> {
  static_assert(!kName.view().empty(), "permacache: a parameter needs a name, as in \"x\"_a");

  static constexpr std::string_view name() { return kName.view(); }

  constexpr explicit ParameterName(Keying how = {}) : keying(std::move(how)) {}
  constexpr ParameterName(const ParameterName&) = default;
  // "x"_a = {} would come here, as nothing tells of which type the braces are: write the type.
  ParameterName& operator=(const ParameterName&) = delete;

  // A variable is referred to, a temporary is moved in.
  template <class T>
  constexpr auto operator=(T&& value) const {
    using Held = std::conditional_t<std::is_lvalue_reference_v<T>,
                                    const std::remove_reference_t<T>&, std::remove_cvref_t<T>>;
    return NamedValue<kName, Held, Keying>(std::forward<T>(value), keying);
  }

  // "x"_a = {1, 2, 3}. The list lives as long as the expression.
  template <class T>
  constexpr auto operator=(std::initializer_list<T> values) const {
    return NamedValue<kName, std::initializer_list<T>, Keying>(std::move(values), keying);
  }

  template <class Other>
  constexpr auto With(Other other) const {
    memoize::CheckSaidOnce<Keying>();
    return ParameterName<kName, Other>(std::move(other));
  }

  constexpr auto WithBatch() const {
    memoize::CheckMayBeBatch<Keying>();
    using Each = memoize::ElementByElement<Keying>;
    return ParameterName<kName, Each>(Each(keying));
  }

  [[no_unique_address]] Keying keying;
};

namespace memoize {

template <class T>
inline constexpr bool kIsNamedValue = false;
template <Literal kName, class T, class Keying>
inline constexpr bool kIsNamedValue<NamedValue<kName, T, Keying>> = true;

template <class T>
inline constexpr bool kIsParameterName = false;
template <Literal kName, class Keying>
inline constexpr bool kIsParameterName<ParameterName<kName, Keying>> = true;

// An argument that is given by name.
template <class T>
concept NamedArgument = kIsNamedValue<T>;

// What may describe a parameter in Memoize.
template <class T>
concept ParameterDescription = kIsParameterName<T> || kIsNamedValue<T>;

}  // namespace memoize

namespace literals {

template <memoize::Literal kName>
constexpr ParameterName<kName> operator""_a() {
  return ParameterName<kName>();
}

}  // namespace literals
}  // namespace permacache

#endif  // PERMACACHE_MEMOIZE_PARAMETER_H_
