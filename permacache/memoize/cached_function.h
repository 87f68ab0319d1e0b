// A function whose results are kept: what Memoize returns.
#ifndef PERMACACHE_MEMOIZE_CACHED_FUNCTION_H_
#define PERMACACHE_MEMOIZE_CACHED_FUNCTION_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "permacache/codec/codec.h"
#include "permacache/key/key.h"
#include "permacache/memoize/binding.h"
#include "permacache/memoize/cache.h"
#include "permacache/memoize/call_key.h"
#include "permacache/memoize/error.h"
#include "permacache/memoize/file_contents.h"
#include "permacache/memoize/function_cache.h"
#include "permacache/memoize/options.h"
#include "permacache/memoize/signature.h"
#include "permacache/memoize/spelling.h"

namespace permacache {

// A cheap handle: copies share one cache and one set of statistics. Every method may be called from
// any thread, and from a forked child; the function itself runs in whichever threads call it,
// perhaps in several at once.
//
// Wherever `arguments` stand, they may be given by position, by name, mixed, in braces, and left
// out where there is a default; they are converted to the parameters' types first.
//
//   R    f(arguments)            the stored result, or else that of the function, stored now.
//                                Throws what the function throws, and stores nothing then.
//                                Trouble with the cache is counted and reported, and the function
//                                computes.
//   bool f.Contains(arguments)   whether f(arguments) would be a hit. Never computes. With a file
//                                whose content cannot be read it is none, as in Lookup.
//   std::optional<R>
//        f.Lookup(arguments)     the stored result, if there is one. Never computes.
//   std::string
//        f.Key(arguments)        the canonical text of the arguments. Throws Error if the content
//                                of a file is to be in it and cannot be read.
//   bool f.Forget(arguments)     removes the result; returns whether there was one. Throws Error if
//                                it cannot.
template <class Callable, class Signature, class... Parameters>
class CachedFunction;

template <class Callable, class Result, class... Declared, class... Parameters>
class CachedFunction<Callable, memoize::Signature<Result, Declared...>, Parameters...>
    : public memoize::AllSpellings<
          CachedFunction<Callable, memoize::Signature<Result, Declared...>, Parameters...>,
          std::remove_cvref_t<Result>, Declared...> {
 public:
  using ResultType = std::remove_cvref_t<Result>;

  // What Memoize calls.
  CachedFunction(memoize::OpenedFunction opened, Callable callable,
                 std::tuple<Parameters...> parameters)
      : shared_(std::make_shared<Shared>(
            Shared{std::move(opened), std::move(callable), std::move(parameters)})) {}

  // Removes all results of this version of the function. Throws Error if it cannot.
  void Clear() const { cache().Clear(); }

  // The number of stored results. Throws Error if the cache cannot be read.
  int64_t Size() const { return cache().Size(); }

  FunctionStats Stats() const { return cache().Stats(); }

 private:
  template <class Function, class R, class... Positional>
  friend class memoize::Spelling;

  using Binding = memoize::Binding<Parameters...>;

  static constexpr size_t kEnoughForMostKeys = 256;

  template <class D>
  using Passed = memoize::Passed<D>;

  struct Shared {
    memoize::OpenedFunction opened;
    Callable callable;
    std::tuple<Parameters...> parameters;
  };

  memoize::FunctionCache& cache() const { return *shared_->opened.cache; }

  template <class Positional, class... Named>
  ResultType DoCall(Positional positional, Named&... named) const {
    return Bind(
        [this](Passed<Declared>... arguments) -> ResultType {
          const memoize::CallKey key = KeyOf(arguments...);
          if (!key.status.ok()) {
            cache().Report(key.status);
          } else if (std::optional<ResultType> stored = Find(key.text)) {
            cache().CountHit();
            return *std::move(stored);
          }
          cache().CountMiss();
          return Compute(key, std::forward<Passed<Declared>>(arguments)...);
        },
        std::move(positional), named...);
  }

  template <class Positional, class... Named>
  bool DoContains(Positional positional, Named&... named) const {
    const memoize::CallKey key = MakeKey(std::move(positional), named...);
    return key.status.ok() && cache().Get(key.text, [](std::string_view value) {
      return codec::HasShapeOf<ResultType>(value)
                 ? absl::OkStatus()
                 : absl::FailedPreconditionError("a value of another type");
    });
  }

  template <class Positional, class... Named>
  std::optional<ResultType> DoLookup(Positional positional, Named&... named) const {
    const memoize::CallKey key = MakeKey(std::move(positional), named...);
    return key.status.ok() ? Find(key.text) : std::nullopt;
  }

  template <class Positional, class... Named>
  std::string DoKey(Positional positional, Named&... named) const {
    memoize::CallKey key = MakeKey(std::move(positional), named...);
    if (!key.status.ok()) throw Error("permacache: " + std::string(key.status.message()));
    return std::move(key.text);
  }

  template <class Positional, class... Named>
  bool DoForget(Positional positional, Named&... named) const {
    return cache().Erase(DoKey(std::move(positional), named...));
  }

  template <class Positional, class... Named>
  memoize::CallKey MakeKey(Positional positional, Named&... named) const {
    return Bind([this](Passed<Declared>... arguments) { return KeyOf(arguments...); },
                std::move(positional), named...);
  }

  template <class Then, class Positional, class... Named>
  decltype(auto) Bind(Then&& then, Positional positional, Named&... named) const {
    return Binding::Bind(std::forward<Then>(then), shared_->parameters, std::move(positional),
                         named...);
  }

  // The fields of a single struct without a name are themselves the arguments.
  static constexpr bool kFieldsAreArguments =
      sizeof...(Declared) == 1 && (key::WrittenByFields<std::remove_cvref_t<Declared>> && ...) &&
      (std::is_same_v<Parameters,
                      memoize::Parameter<memoize::PositionName<0>, Declared, memoize::NoDefault>> &&
       ...);

  memoize::CallKey KeyOf(const std::remove_cvref_t<Declared>&... arguments) const {
    memoize::CallKey key;
    key.text.reserve(kEnoughForMostKeys);
    if constexpr (kFieldsAreArguments) {
      key::Output out{key.text, shared_->opened.key_format};
      (key::AppendFields(out, arguments), ...);
    } else {
      memoize::CallKeyWriter writer(key, shared_->opened.key_format, *shared_->opened.files);
      const auto by_position = std::tie(arguments...);
      [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
        (AppendMember<Binding::kOrderOfNames[kIndex]>(writer, by_position), ...);
      }
      (std::index_sequence_for<Declared...>());
      writer.End();
    }
    return key;
  }

  template <size_t kIndex, class Arguments>
  void AppendMember(memoize::CallKeyWriter& writer, const Arguments& arguments) const {
    const auto& parameter = std::get<kIndex>(shared_->parameters);
    parameter.keying.AppendMember(writer, parameter.name(), std::get<kIndex>(arguments));
  }

  std::optional<ResultType> Find(std::string_view key) const {
    std::optional<ResultType> result;
    const bool found = cache().Get(key, [&](std::string_view value) {
      absl::StatusOr<ResultType> decoded = codec::Decode<ResultType>(value);
      if (decoded.ok()) result.emplace(*std::move(decoded));
      return decoded.status();
    });
    if (!found) result.reset();
    return result;
  }

  ResultType Compute(const memoize::CallKey& key, Passed<Declared>... arguments) const {
    const auto begin = std::chrono::steady_clock::now();
    ResultType result = std::invoke(
        shared_->callable, Argument<Declared>(std::forward<Passed<Declared>>(arguments))...);
    const auto compute_time = std::chrono::steady_clock::now() - begin;
    if (MayStore(key)) {
      cache().Put(key.text, compute_time,
                  [&] { return codec::Encode(result, shared_->opened.encoding); });
    }
    return result;
  }

  // A result belongs to the files' contents of before only if they are still the same.
  bool MayStore(const memoize::CallKey& key) const {
    if (!key.status.ok()) return false;
    for (const memoize::FileContent& file : key.files) {
      if (!shared_->opened.files->IsUnchanged(file)) {
        cache().Report(memoize::ChangedMeanwhile(file));
        return false;
      }
    }
    return true;
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

  std::shared_ptr<Shared> shared_;
};

}  // namespace permacache

#endif  // PERMACACHE_MEMOIZE_CACHED_FUNCTION_H_
