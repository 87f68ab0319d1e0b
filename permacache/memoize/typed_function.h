// A function with its parameters and its cache: what every kind of call of it needs.
#ifndef PERMACACHE_MEMOIZE_TYPED_FUNCTION_H_
#define PERMACACHE_MEMOIZE_TYPED_FUNCTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "permacache/codec/codec.h"
#include "permacache/key/key.h"
#include "permacache/memoize/binding.h"
#include "permacache/memoize/cache.h"
#include "permacache/memoize/call_key.h"
#include "permacache/memoize/recent_calls.h"
#include "permacache/memoize/signature.h"

namespace permacache::memoize {

// In place of the result of a function that returns nothing.
struct Nothing {};

template <class Result>
using ValueOf = std::conditional_t<std::is_void_v<Result>, Nothing, Result>;

// Makes results of what was stored: of their type or, by functions that the user gave, of what it
// was before.
template <class Stored>
class Upgrades {
 public:
  // `upgrade` makes a Stored of an Old.
  template <class Old, class Upgrade>
  void Add(Upgrade upgrade) {
    upgrades_.push_back(
        {.is_old = &codec::HasShapeOf<Old>,
         .decode = [upgrade = std::move(upgrade)](std::string_view value) -> std::optional<Stored> {
           std::optional<Old> old = codec::Decode<Old>(value);
           if (!old) return std::nullopt;
           return upgrade(*std::move(old));
         }});
  }

  // As codec::Decode.
  std::optional<Stored> Decode(std::string_view value) const {
    if (upgrades_.empty() || codec::HasShapeOf<Stored>(value)) return codec::Decode<Stored>(value);
    for (const Upgrade& upgrade : upgrades_) {
      if (upgrade.is_old(value)) return upgrade.decode(value);
    }
    return codec::Decode<Stored>(value);
  }

  // Whether Decode would find one of the types that it knows.
  bool Accept(std::string_view value) const {
    bool is_known = codec::HasShapeOf<Stored>(value);
    for (const Upgrade& upgrade : upgrades_) is_known = is_known || upgrade.is_old(value);
    return is_known;
  }

 private:
  struct Upgrade {
    bool (*is_old)(std::string_view);
    std::function<std::optional<Stored>(std::string_view)> decode;
  };
  std::vector<Upgrade> upgrades_;
};

// Whether `result` is what these bytes hold, if need be after an upgrade. Containers without an
// order are compared in that in which they are, which a pure function repeats.
template <class Stored>
bool IsStoredAs(const Stored& result, std::string_view value, const Upgrades<Stored>& upgrades) {
  if (codec::Encode(result, codec::EncodingOf(value)) == value) return true;
  if (codec::HasShapeOf<Stored>(value)) return false;
  const std::optional<Stored> upgraded = upgrades.Decode(value);
  return upgraded && codec::Encode(result) == codec::Encode(*upgraded);
}

template <class Callable, class Signature, class... Parameters>
struct TypedFunction;

template <class Callable, class R, class... Declared, class... Parameters>
struct TypedFunction<Callable, Signature<R, Declared...>, Parameters...> {
  using Result = std::remove_cvref_t<R>;
  using Binding = memoize::Binding<Parameters...>;
  using Arguments = std::tuple<Passed<Declared>...>;
  using Indices = std::index_sequence_for<Parameters...>;

  template <size_t kIndex>
  using ParameterAt = std::tuple_element_t<kIndex, std::tuple<Parameters...>>;

  static constexpr bool kHasBatch = (Parameters::Keying::kIsBatch || ...);
  static constexpr bool kHasOutFiles = (Parameters::Keying::kIsOutFile || ...);

  // The fields of a single struct without a name are themselves the arguments.
  static constexpr bool kFieldsAreArguments =
      sizeof...(Declared) == 1 && (key::WrittenByFields<std::remove_cvref_t<Declared>> && ...) &&
      (std::is_same_v<Parameters, Parameter<PositionName<0>, Declared, NoDefault>> && ...);

  // All that its key depends on fits a ScalarCall.
  static constexpr bool kIsScalar =
      !kFieldsAreArguments && sizeof...(Declared) <= ScalarCall::kMostArguments &&
      (SmallScalar<std::remove_cvref_t<Declared>> && ...) &&
      (std::is_same_v<typename Parameters::Keying, WholeValue> && ...);

  OpenedFunction opened;
  Callable callable;
  std::tuple<Parameters...> parameters;
  uint64_t number = NewFunctionNumber();

  FunctionCache& cache() const { return *opened.cache; }
  Calls& calls() const { return *opened.calls; }

  // The key of a call in which columns[i] is what stands for argument i.
  template <class Columns>
  CallKey KeyOf(const Columns& columns) const {
    CallKey key;
    key.text = TakeTextMemory();
    if constexpr (kFieldsAreArguments) {
      key::Output out{key.text, opened.key_format};
      key::AppendFields(out, std::get<0>(columns));
    } else {
      CallKeyWriter writer(key, opened.key_format, *opened.files);
      [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
        (AppendMember<Binding::kOrderOfNames[kIndex]>(writer, columns), ...);
      }
      (Indices());
      writer.End();
    }
    return key;
  }

  // The same of a call that may well have been made a moment ago.
  CallKey KeyOfCall(const Arguments& arguments) const {
    if constexpr (kIsScalar) {
      const ScalarCall call = ScalarsOf(arguments);
      if (const std::optional<std::string_view> recent = FindRecentKey(call)) {
        CallKey key;
        key.text = TakeTextMemory();
        key.text += *recent;
        return key;
      }
      CallKey key = KeyOf(arguments);
      KeepRecentKey(call, key.text);
      return key;
    } else {
      return KeyOf(arguments);
    }
  }

  ScalarCall ScalarsOf(const Arguments& arguments) const {
    ScalarCall call{.function = number};
    [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
      (call.Set(kIndex, std::get<kIndex>(arguments)), ...);
    }
    (Indices());
    return call;
  }

  // The function need not be const.
  R Invoke(Passed<Declared>... arguments) {
    return std::invoke(callable, Argument<Declared>(std::forward<Passed<Declared>>(arguments))...);
  }

  // A result belongs to the files' contents of before only if they are still the same.
  std::optional<Failure> ChangeOf(const std::vector<FileContent>& files) const {
    return memoize::ChangeOf(files, *opened.files);
  }

 private:
  template <size_t kIndex, class Columns>
  void AppendMember(CallKeyWriter& writer, const Columns& columns) const {
    const auto& parameter = std::get<kIndex>(parameters);
    parameter.keying.AppendMember(writer, parameter.name(), std::get<kIndex>(columns));
  }

  // A bound argument as the function wants it: a copy where it takes an rvalue of something that
  // the caller still has.
  template <class D>
  static decltype(auto) Argument(Passed<D> argument) {
    using Value = std::remove_cvref_t<D>;
    if constexpr (std::is_rvalue_reference_v<D> && std::is_copy_constructible_v<Value>) {
      return Value(argument);
    } else {
      return static_cast<Passed<D>>(argument);
    }
  }
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_TYPED_FUNCTION_H_
