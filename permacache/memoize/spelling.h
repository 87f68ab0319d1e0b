// All ways to spell a call: the first k arguments by position, others by name.
//
// There is an overload for each k with the parameters' declared types, and not one template for
// all, so that braced arguments work: f({.height = 720}, "z"_a = 3).
#ifndef PERMACACHE_MEMOIZE_SPELLING_H_
#define PERMACACHE_MEMOIZE_SPELLING_H_

#include <cstddef>
#include <future>
#include <tuple>
#include <utility>

#include "permacache/memoize/binding.h"
#include "permacache/memoize/calls.h"
#include "permacache/memoize/explain.h"
#include "permacache/memoize/parameter.h"

namespace permacache::memoize {

// Calls with exactly these positional arguments. Function is the class that derives from it.
template <class Function, class Result, class... Positional>
class Spelling {
 public:
  template <NamedArgument... Named>
  Result operator()(Passed<Positional>... positional, Named... named) const {
    return On([](auto& call) -> Result { return call.Answer(); },
              std::forward<Passed<Positional>>(positional)..., named...);
  }

  template <NamedArgument... Named>
  Result Recompute(Passed<Positional>... positional, Named... named) const {
    return On([](auto& call) -> Result { return call.Recompute(); },
              std::forward<Passed<Positional>>(positional)..., named...);
  }

  template <NamedArgument... Named>
  std::future<Result> Async(Passed<Positional>... positional, Named... named) const {
    return self().DoAsync(Tie(std::forward<Passed<Positional>>(positional)...), named...);
  }

  template <NamedArgument... Named>
  bool Contains(Passed<Positional>... positional, Named... named) const {
    return On([](auto& call) { return call.Contains(); },
              std::forward<Passed<Positional>>(positional)..., named...);
  }

  template <NamedArgument... Named>
  auto Lookup(Passed<Positional>... positional, Named... named) const {
    return On([](auto& call) { return call.Lookup(); },
              std::forward<Passed<Positional>>(positional)..., named...);
  }

  template <NamedArgument... Named>
  auto Key(Passed<Positional>... positional, Named... named) const {
    return On([](auto& call) { return call.Key(); },
              std::forward<Passed<Positional>>(positional)..., named...);
  }

  template <NamedArgument... Named>
  bool Forget(Passed<Positional>... positional, Named... named) const {
    return On([](auto& call) { return call.Forget(); },
              std::forward<Passed<Positional>>(positional)..., named...);
  }

  template <NamedArgument... Named>
  Explanation Explain(Passed<Positional>... positional, Named... named) const {
    return On([](auto& call) { return call.Explain(); },
              std::forward<Passed<Positional>>(positional)..., named...);
  }

  template <NamedArgument... Named>
  BatchPlan Plan(Passed<Positional>... positional, Named... named) const {
    return On(
        [](auto& call) {
          constexpr bool kHasBatch = requires { call.Plan(); };
          static_assert(kHasBatch, "permacache: Plan is for functions with a Batch() parameter");
          if constexpr (kHasBatch) return call.Plan();
        },
        std::forward<Passed<Positional>>(positional)..., named...);
  }

 private:
  const Function& self() const { return static_cast<const Function&>(*this); }

  template <class Then, class... Named>
  decltype(auto) On(Then then, Passed<Positional>... positional, Named&... named) const {
    return self().On(then, Tie(std::forward<Passed<Positional>>(positional)...), named...);
  }

  static std::tuple<Passed<Positional>...> Tie(Passed<Positional>... positional) {
    return {std::forward<Passed<Positional>>(positional)...};
  }
};

template <class... Types>
struct TypeList {};

// Joins the overloads for each number of positional arguments.
template <class... Spellings>
class Overloads : public Spellings... {
 public:
  using Spellings::operator()...;
  using Spellings::Recompute...;
  using Spellings::Async...;
  using Spellings::Contains...;
  using Spellings::Lookup...;
  using Spellings::Key...;
  using Spellings::Forget...;
  using Spellings::Explain...;
  using Spellings::Plan...;
};

namespace internal {

template <class Function, class Result, class Done, class Rest, class... Spellings>
struct AllSpellings;

template <class Function, class Result, class... Done, class... Spellings>
struct AllSpellings<Function, Result, TypeList<Done...>, TypeList<>, Spellings...> {
  using Type = Overloads<Spellings..., Spelling<Function, Result, Done...>>;
};

template <class Function, class Result, class... Done, class Next, class... Rest,
          class... Spellings>
struct AllSpellings<Function, Result, TypeList<Done...>, TypeList<Next, Rest...>, Spellings...>
    : AllSpellings<Function, Result, TypeList<Done..., Next>, TypeList<Rest...>, Spellings...,
                   Spelling<Function, Result, Done...>> {};

}  // namespace internal

// The base of Function that lets it be called with 0, 1, ... or all of Values by position.
template <class Function, class Result, class... Values>
using AllSpellings =
    typename internal::AllSpellings<Function, Result, TypeList<>, TypeList<Values...>>::Type;

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_SPELLING_H_
