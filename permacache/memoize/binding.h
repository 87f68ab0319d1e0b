// Binds the arguments of a call, however it is spelled, to the parameters of the function.
#ifndef PERMACACHE_MEMOIZE_BINDING_H_
#define PERMACACHE_MEMOIZE_BINDING_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <numeric>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "permacache/memoize/parameter.h"

namespace permacache::memoize {

// How a bound argument of type T travels: by reference to whatever the caller has. What cannot be
// copied is moved into the function in the end.
template <class T>
using Passed = std::conditional_t<std::is_copy_constructible_v<T>, const T&, T&&>;

struct NoDefault {};

// A parameter of a cached function: its name, the type of its value, its default.
template <class Name, class Value, class Default>
struct Parameter {
  using ValueType = Value;
  static constexpr bool kHasDefault = !std::is_same_v<Default, NoDefault>;
  static constexpr std::string_view name() { return Name::name(); }

  Default default_value;
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

// `value` as a T: itself if it is one, else converted as in an ordinary call.
template <class T, class V>
decltype(auto) ConvertTo(V&& value) {
  using Plain = std::remove_cvref_t<V>;
  if constexpr (std::is_same_v<Plain, T>) {
    return static_cast<Passed<T>>(value);
  } else if constexpr (std::is_convertible_v<V, T>) {
    return [&]() -> T { return std::forward<V>(value); }();
  } else if constexpr (requires { T(value.begin(), value.end()); }) {  // "x"_a = {1, 2}
    return T(value.begin(), value.end());
  } else {
    static_assert(std::is_convertible_v<V, T>,
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
    using Value = typename P::ValueType;
    constexpr size_t kNamed = Find<Named...>(P::name());
    if constexpr (kIndex < sizeof...(Positional)) {
      return static_cast<Passed<Value>>(std::get<kIndex>(positional));
    } else if constexpr (kNamed != kNowhere) {
      return ConvertTo<Value>(std::get<kNamed>(by_name).value);
    } else {
      static_assert(P::kHasDefault,
                    "permacache: this call leaves out a parameter that has no default; give it by "
                    "position, by name, or a default in Memoize(...)");
      return static_cast<const Value&>(parameter.default_value);
    }
  }
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_BINDING_H_
