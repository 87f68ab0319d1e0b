// Names of parameters: "x"_a, and values given by name: "x"_a = 2.
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

}  // namespace memoize

// A value under a parameter's name: in Memoize the parameter's default, in a call its argument. It
// refers to a variable that it is made from, and owns a temporary one.
template <memoize::Literal kName, class T>
struct NamedValue {
  static constexpr std::string_view name() { return kName.view(); }

  T value;
};

// What "x"_a is: in Memoize a parameter without a default.
template <memoize::Literal kName>
struct ParameterName {
  static_assert(!kName.view().empty(), "permacache: a parameter needs a name, as in \"x\"_a");

  static constexpr std::string_view name() { return kName.view(); }

  constexpr ParameterName() = default;
  constexpr ParameterName(const ParameterName&) = default;
  // "x"_a = {} would come here, as nothing tells of which type the braces are: write the type.
  ParameterName& operator=(const ParameterName&) = delete;

  // A variable is referred to, a temporary is moved in.
  template <class T>
  constexpr auto operator=(T&& value) const {
    using Held = std::conditional_t<std::is_lvalue_reference_v<T>,
                                    const std::remove_reference_t<T>&, std::remove_cvref_t<T>>;
    return NamedValue<kName, Held>{std::forward<T>(value)};
  }

  // "x"_a = {1, 2, 3}. The list lives as long as the expression.
  template <class T>
  constexpr auto operator=(std::initializer_list<T> values) const {
    return NamedValue<kName, std::initializer_list<T>>{values};
  }
};

namespace memoize {

template <class T>
inline constexpr bool kIsNamedValue = false;
template <Literal kName, class T>
inline constexpr bool kIsNamedValue<NamedValue<kName, T>> = true;

template <class T>
inline constexpr bool kIsParameterName = false;
template <Literal kName>
inline constexpr bool kIsParameterName<ParameterName<kName>> = true;

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
  return {};
}

}  // namespace literals
}  // namespace permacache

#endif  // PERMACACHE_MEMOIZE_PARAMETER_H_
