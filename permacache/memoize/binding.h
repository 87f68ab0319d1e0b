// Binds the arguments of a call, however it is spelled, to the parameters of the function.
#ifndef PERMACACHE_MEMOIZE_BINDING_H_
#define PERMACACHE_MEMOIZE_BINDING_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <numeric>
#include <ranges>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "permacache/memoize/keying.h"
#include "permacache/memoize/parameter.h"

namespace permacache::memoize {

// How the argument of a parameter that is declared as D travels: by reference to whatever the
// caller has. What the function takes by value and nobody can copy is moved into it in the end.
template <class D, class Value = std::remove_cvref_t<D>>
using Passed =
    std::conditional_t<std::is_lvalue_reference_v<D> || std::is_copy_constructible_v<Value>,
                       const Value&, Value&&>;

struct NoDefault {};

// A parameter of a cached function: its name, its type as the function declares it, its default,
// what of its arguments enters the key.
template <class Name, class D, class Default, class How = WholeValue>
struct Parameter {
  using Declared = D;
  using Keying = How;
  static constexpr bool kHasDefault = !std::is_same_v<Default, NoDefault>;
  static constexpr std::string_view name() { return Name::name(); }

  [[no_unique_address]] Default default_value;
  [[no_unique_address]] Keying keying;
};

// The name of a parameter without one: its position.
template <size_t kPosition>
struct PositionName {
  static constexpr std::string_view name() { return kDigits; }

 private:
  static constexpr auto kText = [] {
    std::array<char, 4> text{};
    size_t rest = kPosition;
    size_t begin = text.size();
    do {
      text[--begin] = static_cast<char>('0' + rest % 10);
      rest /= 10;
    } while (rest > 0);
    return std::pair(text, begin);
  }();
  static constexpr std::string_view kDigits{kText.first.data() + kText.second,
                                            kText.first.size() - kText.second};
};

template <class T>
inline constexpr bool kIsInitializerList = false;
template <class T>
inline constexpr bool kIsInitializerList<std::initializer_list<T>> = true;

// `value` for a parameter that is declared as D: itself if it is of that type or one derived from
// it, else converted as in an ordinary call.
template <class D, class V>
decltype(auto) ConvertTo(V&& value) {
  using Value = std::remove_cvref_t<D>;
  using Given = std::remove_cvref_t<V>;
  if constexpr (std::is_same_v<Given, Value> || std::is_base_of_v<Value, Given>) {
    static_assert(
        std::is_lvalue_reference_v<Passed<D>> || !std::is_const_v<std::remove_reference_t<V>>,
        "permacache: this argument can neither be copied nor, being const, be moved");
    return static_cast<Passed<D>>(value);
  } else if constexpr (std::is_convertible_v<V, Value>) {
    return [&]() -> Value { return std::forward<V>(value); }();
  } else if constexpr (kIsInitializerList<Given> && std::ranges::range<Value> &&
                       std::is_constructible_v<Value, decltype(value.begin()),
                                               decltype(value.end())>) {  // "x"_a = {1, 2}
    return Value(value.begin(), value.end());
  } else {
    static_assert(std::is_convertible_v<V, Value>,
                  "permacache: the value given by name cannot be converted to the type of that "
                  "parameter");
  }
}

template <class... Parameters>
class Binding {
 public:
  static constexpr size_t kArity = sizeof...(Parameters);

  static constexpr bool kNamesAreUnique = [] {
    std::array<std::string_view, kArity> names{Parameters::name()...};
    std::ranges::sort(names);
    return std::ranges::adjacent_find(names) == names.end();
  }();

  // The parameters in the order of their names, in which a key lists them.
  static constexpr std::array<size_t, kArity> kOrderOfNames = [] {
    const std::array<std::string_view, kArity> names{Parameters::name()...};
    std::array<size_t, kArity> order{};
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::sort(order, {}, [&](size_t i) { return names[i]; });
    return order;
  }();

  // Calls then(argument...) with an argument for each parameter, in the function's order. The
  // first ones are given by position, as a tuple of references, others by name, the rest are
  // defaults.
  template <class Then, class... Positional, class... Named>
  static decltype(auto) Bind(Then&& then, const std::tuple<Parameters...>& parameters,
                             std::tuple<Positional...> positional, Named&... named) {
    (CheckName<Named, sizeof...(Positional), Named...>(), ...);
    const std::tuple<Named&...> by_name(named...);
    return [&]<size_t... kIndex>(std::index_sequence<kIndex...>)->decltype(auto) {
      return then(Select<kIndex>(std::get<kIndex>(parameters), positional, by_name)...);
    }
    (std::make_index_sequence<kArity>());
  }

 private:
  static constexpr size_t kNowhere = ~size_t{0};

  template <class... Candidates>
  static constexpr size_t Find([[maybe_unused]] std::string_view name) {
    size_t found = kNowhere;
    size_t i = 0;
    ((found = Candidates::name() == name && found == kNowhere ? i : found, ++i), ...);
    return found;
  }

  // The compiler's lines around these messages show `Given` with its name.
  template <class Given, size_t kPositionalCount, class... Named>
  static constexpr void CheckName() {
    static_assert(std::is_same_v<decltype(Given::keying), WholeValue>,
                  "permacache: what enters the key belongs into Memoize(...), not into a call");
    constexpr size_t kIndex = Find<Parameters...>(Given::name());
    static_assert(kIndex != kNowhere,
                  "permacache: the function has no parameter of a name that this call gives; see "
                  "the names in its Memoize(...)");
    static_assert(kIndex == kNowhere || kIndex >= kPositionalCount,
                  "permacache: a parameter is given twice in this call, by position and by name");
    constexpr int kTimes = ((Named::name() == Given::name() ? 1 : 0) + ...);
    static_assert(kTimes == 1, "permacache: a parameter is given twice by name in this call");
  }

  template <size_t kIndex, class P, class... Positional, class... Named>
  static decltype(auto) Select(const P& parameter, std::tuple<Positional...>& positional,
                               const std::tuple<Named&...>& by_name) {
    using Declared = typename P::Declared;
    constexpr size_t kNamed = Find<Named...>(P::name());
    if constexpr (kIndex < sizeof...(Positional)) {
      return static_cast<Passed<Declared>>(std::get<kIndex>(positional));
    } else if constexpr (kNamed != kNowhere) {
      return ConvertTo<Declared>(std::get<kNamed>(by_name).value);
    } else {
      static_assert(P::kHasDefault,
                    "permacache: this call leaves out a parameter that has no default; give it by "
                    "position, by name, or a default in Memoize(...)");
      return static_cast<const std::remove_cvref_t<Declared>&>(parameter.default_value);
    }
  }
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_BINDING_H_
