// Memoize: makes the results of a function permanent.
//
//   using namespace permacache::literals;
//   auto f = permacache::Memoize("path/f", F, "x"_a, "y"_a = 2, "z"_a = 3);
//   f(2);  f(2, 2, 3);  f(2, "z"_a = 3, "y"_a = 2);  f("x"_a = 2, "y"_a = 2, "z"_a = 3);
//
// All four are one computation, whose result every later call of any process reads from disk.
//
// The function must be pure: its result depends on its arguments alone. When it is changed so that
// it computes something else, raise FunctionOptions::version or Clear() the cache.
#ifndef PERMACACHE_MEMOIZE_MEMOIZE_H_
#define PERMACACHE_MEMOIZE_MEMOIZE_H_

#if __cplusplus < 202002L
#error "permacache needs C++20: put 'build --cxxopt=-std=c++20' into the .bazelrc"
#endif

#include <cstddef>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "permacache/catalog/error.h"
#include "permacache/codec/codec.h"
#include "permacache/key/key.h"
#include "permacache/memoize/batch_call.h"
#include "permacache/memoize/binding.h"
#include "permacache/memoize/cache.h"
#include "permacache/memoize/cached_function.h"
#include "permacache/memoize/modes.h"
#include "permacache/memoize/options.h"
#include "permacache/memoize/parameter.h"
#include "permacache/memoize/signature.h"
#include "permacache/memoize/string_form.h"

namespace permacache {
namespace memoize {

template <class T>
concept SpanOfMutable = std::ranges::view<T> && std::ranges::contiguous_range<T> &&
    !std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<T>>>;

// ArrayView<float>, or a mdspan of it.
template <class T>
concept ArrayViewOfMutable = key::kKind<T>
== key::Kind::kArrayView && !std::is_const_v<typename T::element_type>;

// Never called: that it compiles shows that there is a key.
template <class Parameter, class Value>
constexpr void CheckKey() {
  using Keying = typename Parameter::Keying;
  static_cast<void>([](CallKeyWriter& key, const Keying& keying, const Value& value) {
    keying.AppendMember(key, Parameter::name(), value);
  });
}

// The compiler's lines around these messages show the type and the position of the parameter.
template <size_t kPosition, class Parameter>
constexpr void CheckParameter() {
  using Declared = typename Parameter::Declared;
  using Keying = typename Parameter::Keying;
  using Value = std::remove_cvref_t<Declared>;
  static_assert(!std::is_pointer_v<Value> || !std::is_same_v<Keying, WholeValue>,
                "permacache: a parameter is a raw pointer, which has no stable key, as addresses "
                "differ from run to run. Take the value itself: std::string for a text, "
                "std::vector or std::span for an array; or say what is its key, as in "
                "\"x\"_a.Key(...)");
  static_assert(
      !std::is_lvalue_reference_v<Declared> || std::is_const_v<std::remove_reference_t<Declared>>,
      "permacache: a parameter is a non-const reference, through which the function "
      "could give results that are not stored. Take it by value or by const reference, "
      "and return the results; or, if it only tells what goes on, as a std::reference_wrapper "
      "with \"x\"_a.Ignore()");
  static_assert(!SpanOfMutable<Value> && !ArrayViewOfMutable<Value>,
                "permacache: a parameter is a view through which the function could give results "
                "that are not stored. Take std::span<const T> or ArrayView<const T>, and return "
                "the results");
  if constexpr (Keying::kIsBatch) {
    static_assert(BatchOfList<Value> || BatchOfView<Value>,
                  "permacache: a parameter with Batch() must be a list of elements that can be "
                  "copied, such as a std::vector, or a std::span of const elements");
    CheckKey<Parameter, std::ranges::range_value_t<const Value>>();
  } else {
    CheckKey<Parameter, Value>();
  }
}

template <class Result, class... Parameters>
constexpr void CheckResult() {
  constexpr bool kHasBatch = (Parameters::Keying::kIsBatch || ...);
  constexpr bool kHasOutFiles = (Parameters::Keying::kIsOutFile || ...);
  static_assert(!std::is_void_v<Result> || kHasOutFiles,
                "permacache: the function returns nothing, so there is nothing to store. Return "
                "what it computes, or name the files that it writes, as in \"loc\"_a.OutFile()");
  static_assert(!kHasBatch || !kHasOutFiles,
                "permacache: a function cannot have both OutFile() and Batch() parameters");
  static_assert(!kHasBatch || BatchResult<std::remove_cvref_t<Result>>,
                "permacache: a function with a Batch() parameter must return a list with a result "
                "for each element, such as a std::vector");
  if constexpr (kHasBatch && BatchResult<std::remove_cvref_t<Result>>) {
    using Element = typename std::remove_cvref_t<Result>::value_type;
    static_assert(std::is_copy_constructible_v<Element>,
                  "permacache: the results in a batch must be copyable, as elements may be "
                  "repeated");
  }
  static_assert(!std::is_pointer_v<std::remove_cvref_t<Result>>,
                "permacache: the function returns a raw pointer, and what it points to would not "
                "be stored. Return the value itself, or a std::unique_ptr to it");
  if constexpr (!std::is_void_v<Result>) {
    static_cast<void>(&codec::Shape<std::remove_cvref_t<Result>>);  // refuses what cannot be stored
  }
}

// A default lives as long as the cached function; a view would outlive what it shows.
template <class Value, class Given>
inline constexpr bool kDefaultWouldDangle =
    std::ranges::view<Value> && !std::is_same_v<std::remove_cvref_t<Given>, Value> &&
    !std::is_array_v<std::remove_cvref_t<Given>>;

template <class Declared, class Description>
auto MakeParameter(Description&& description) {
  using Plain = std::remove_cvref_t<Description>;
  using Keying = std::remove_cvref_t<decltype(description.keying)>;
  if constexpr (kIsParameterName<Plain>) {
    return Parameter<Plain, Declared, NoDefault, Keying>{{}, description.keying};
  } else {
    using Value = std::remove_cvref_t<Declared>;
    static_assert(!kDefaultWouldDangle<Value, decltype(description.value)>,
                  "permacache: the default of a parameter that is a view would not live long "
                  "enough. Give a string literal, or a view of something that does");
    return Parameter<Plain, Declared, Value, Keying>{
        ConvertTo<Declared>(std::forward<Description>(description).value), description.keying};
  }
}

template <class Callable, class Result, class... Declared, size_t... kPosition,
          class... Descriptions>
auto MakeCachedFunction(OpenedFunction opened, Callable&& callable, Signature<Result, Declared...>,
                        std::index_sequence<kPosition...>, Descriptions&&... descriptions) {
  constexpr bool kUnnamed = sizeof...(Descriptions) == 0;
  static_assert(kUnnamed || sizeof...(Descriptions) == sizeof...(Declared),
                "permacache: the number of \"x\"_a is not the number of the function's parameters. "
                "Name all of them, in their order, or none");
  const auto finish = [&](auto... parameters) {
    static_assert(Binding<decltype(parameters)...>::kNamesAreUnique,
                  "permacache: two parameters have the same name");
    CheckResult<Result, decltype(parameters)...>();
    constexpr bool kHasBatch = (decltype(parameters)::Keying::kIsBatch || ...);
    constexpr bool kCanRepeat = (std::is_lvalue_reference_v<Passed<Declared>> && ...);
    static_assert(!kHasBatch || kCanRepeat,
                  "permacache: a function with a Batch() parameter may be called several times for "
                  "one call, so what it takes must be copyable, or be taken by const reference");
    (CheckParameter<kPosition, decltype(parameters)>(), ...);
    CheckOptions(opened, kHasBatch);
    return CachedFunction<std::decay_t<Callable>, Signature<Result, Declared...>,
                          decltype(parameters)...>(
        std::move(opened), std::forward<Callable>(callable), std::tuple(std::move(parameters)...));
  };
  if constexpr (kUnnamed) {
    return finish(Parameter<PositionName<kPosition>, Declared, NoDefault>{{}, {}}...);
  } else {
    return finish(MakeParameter<Declared>(std::forward<Descriptions>(descriptions))...);
  }
}

}  // namespace memoize

template <class Callable, class... Descriptions>
auto Cache::Memoize(FunctionOptions options, Callable&& callable,
                    Descriptions&&... parameters) const {
  static_assert(memoize::kHasSignature<Callable>,
                "permacache: the signature of this callable is not known, as it is a template or "
                "overloaded. Wrap it in a lambda with the parameters' types");
  static_assert((memoize::ParameterDescription<std::remove_cvref_t<Descriptions>> && ...),
                "permacache: what follows the callable describes its parameters, as in \"x\"_a or "
                "\"y\"_a = 2");
  using Signature = memoize::SignatureOf<Callable>;
  return [&]<class Result, class... Declared>(memoize::Signature<Result, Declared...> signature) {
    return memoize::MakeCachedFunction(
        OpenFunction(std::move(options)), std::forward<Callable>(callable), signature,
        std::index_sequence_for<Declared...>(), std::forward<Descriptions>(parameters)...);
  }(Signature());
}

template <class Callable, class... Descriptions>
auto Cache::Memoize(std::string_view name, Callable&& callable,
                    Descriptions&&... parameters) const {
  return Memoize(FunctionOptions{.name = std::string(name)}, std::forward<Callable>(callable),
                 std::forward<Descriptions>(parameters)...);
}

// A function that computes each result once and keeps it in the default cache, in a folder of this
// name. `callable` is a function, lambda or functor with one signature; its result must be
// one that permacache/codec/codec.h can store, its parameters such that permacache/key/key.h has
// keys for them. It may be called from several threads at once.
//
// `parameters` are the names of all parameters in their order, with defaults where wanted:
// "x"_a, "y"_a = 2. Each may say what of its argument enters the key: "x"_a.Key(StableHash),
// "x"_a.Ignore(), ("y"_a = 2).DropIfEqual(2), "path"_a.FileContents(); or what it is beyond that:
// "loc"_a.OutFile(), "texts"_a.Batch(). keying.h says what they do.
// Without names a parameter's name in the key is its position, except that the fields of a single
// struct are themselves the arguments.
//
// Throws Error if the name cannot be one or a file is in the way of its folder.
template <class Callable, class... Descriptions>
[[nodiscard]] auto Memoize(std::string_view name, Callable&& callable,
                           Descriptions&&... parameters) {
  return Cache().Memoize(name, std::forward<Callable>(callable),
                         std::forward<Descriptions>(parameters)...);
}

// The same with options: Memoize({.name = "path/h", .version = 3}, H).
template <class Callable, class... Descriptions>
[[nodiscard]] auto Memoize(FunctionOptions options, Callable&& callable,
                           Descriptions&&... parameters) {
  return Cache().Memoize(std::move(options), std::forward<Callable>(callable),
                         std::forward<Descriptions>(parameters)...);
}

}  // namespace permacache

#endif  // PERMACACHE_MEMOIZE_MEMOIZE_H_
