// A function whose results are kept: what Memoize returns.
#ifndef PERMACACHE_MEMOIZE_CACHED_FUNCTION_H_
#define PERMACACHE_MEMOIZE_CACHED_FUNCTION_H_

#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include "permacache/memoize/batch_call.h"
#include "permacache/memoize/binding.h"
#include "permacache/memoize/cache.h"
#include "permacache/memoize/one_call.h"
#include "permacache/memoize/options.h"
#include "permacache/memoize/signature.h"
#include "permacache/memoize/spelling.h"
#include "permacache/memoize/typed_function.h"

namespace permacache {

// A cheap handle: copies share one cache and one set of statistics. Every method may be called from
// any thread, and from a forked child; the function itself runs in whichever threads call it,
// perhaps in several at once for different arguments.
//
// Wherever `arguments` stand, they may be given by position, by name, mixed, in braces, and left
// out where there is a default; they are converted to the parameters' types first.
//
//   R    f(arguments)            the stored result, or else that of the function, stored now.
//                                Throws what the function throws, and stores nothing then. Waits
//                                while another thread or process computes the same; see
//                                FunctionOptions::single_flight. Trouble with the cache is counted
//                                and reported, and the function computes.
//   R    f.Recompute(arguments)  that of the function, stored in place of what there was.
//   std::future<R>
//        f.Async(arguments)      f(arguments) in another thread, with copies of the arguments; what
//                                views and pointers among them show must live until it is done. If
//                                there is no thread to be had, the call runs when it is asked for.
//                                Who drops the future waits for the call to end.
//   bool f.Contains(arguments)   whether f(arguments) would be a hit. Never computes. With a file
//                                whose content cannot be read it is none, as in Lookup.
//   std::optional<R>
//        f.Lookup(arguments)     the stored result, if there is one. Never computes. Of a function
//                                that returns nothing, whether there was one, as a bool.
//   std::string
//        f.Key(arguments)        the canonical text of the arguments. Throws Error if the content
//                                of a file is to be in it and cannot be read.
//   bool f.Forget(arguments)     removes the result; returns whether there was one. Throws Error if
//                                it cannot.
//   Explanation
//        f.Explain(arguments)    why f(arguments) would be a hit or a miss: the nearest call that
//        is
//                                stored, and in what it differs. Reads the keys of all entries.
//                                Throws Error if it cannot.
//
// Of a function that writes files ("loc"_a.OutFile()) the files are part of the result: f and
// Lookup restore them. Of one with a batch ("texts"_a.Batch()) Contains and Lookup ask for all
// elements, Key gives a std::vector of texts, Forget forgets all and tells whether there was one,
// Explain explains the first element that is missing, and there is
//
//   BatchPlan
//        f.Plan(arguments)       how many elements are there, and about how long the rest will
//        take.
template <class Callable, class Signature, class... Parameters>
class CachedFunction;

template <class Callable, class R, class... Declared, class... Parameters>
class CachedFunction<Callable, memoize::Signature<R, Declared...>, Parameters...>
    : public memoize::AllSpellings<
          CachedFunction<Callable, memoize::Signature<R, Declared...>, Parameters...>,
          std::remove_cvref_t<R>, Declared...> {
  using Function =
      memoize::TypedFunction<Callable, memoize::Signature<R, Declared...>, Parameters...>;
  using Call = std::conditional_t<Function::kHasBatch, memoize::BatchCall<Function>,
                                  memoize::OneCall<Function>>;
  using Upgrades = memoize::Upgrades<typename Call::Stored>;

 public:
  using ResultType = std::remove_cvref_t<R>;

  // What Memoize calls.
  CachedFunction(memoize::OpenedFunction opened, Callable callable,
                 std::tuple<Parameters...> parameters)
      : shared_(std::make_shared<Shared>(
            Shared{{std::move(opened), std::move(callable), std::move(parameters)}, Upgrades()})) {}

  // Lets the function serve results that it stored when they were of the type Old: `upgrade` makes
  // a result (of a batch, one element's) of an Old. Without it they are misses. To be said at once,
  // before the first call: auto f = Memoize("f", F).UpgradeFrom<OldResult>(...).
  template <class Old, class Upgrade>
  [[nodiscard]] CachedFunction UpgradeFrom(Upgrade upgrade) && {
    using Value = typename Call::Value;
    static_assert(!std::is_same_v<Old, Value>,
                  "permacache: UpgradeFrom<Old> is for results of another type than the function "
                  "has now");
    constexpr bool kIsUpgrade = std::is_invocable_r_v<Value, const Upgrade&, Old>;
    static_assert(
        kIsUpgrade,
        "permacache: what is given to UpgradeFrom<Old> must make a result of the function "
        "(of a batch, one element's) of an Old");
    if constexpr (kIsUpgrade && Function::kHasOutFiles) {
      using OldWithFiles = memoize::WithFiles<Old>;
      shared_->upgrades.template Add<OldWithFiles>(
          [upgrade = std::move(upgrade)](OldWithFiles old) -> memoize::WithFiles<Value> {
            return {std::move(old.files), upgrade(std::move(old.result))};
          });
    } else if constexpr (kIsUpgrade) {
      shared_->upgrades.template Add<Old>(std::move(upgrade));
    }
    return std::move(*this);
  }

  // Removes all results of this version of the function. Throws Error if it cannot.
  void Clear() const {
    if constexpr (Function::kHasOutFiles) memoize::ClearOutFiles(*shared_->opened.out_files);
    shared_->cache().Clear();
  }

  // The number of stored results. Throws Error if the cache cannot be read.
  int64_t Size() const { return shared_->cache().Size(); }

  // What happened to the calls in this process, through all copies of this handle.
  FunctionStats Stats() const { return shared_->calls().statistics().OfThisProcess(); }

  // In all processes that ever used this cache; with Storage::kDisk. What a process has counted is
  // added at its normal end, when the handle goes, by SyncAll, and about once a minute if it
  // computes.
  FunctionStats TotalStats() const { return shared_->calls().statistics().OfAllProcesses(); }

  // For ScopedErrorOnMiss and ScopedNoCache.
  const std::shared_ptr<memoize::Modes>& modes() const { return shared_->calls().modes(); }

 private:
  template <class F, class Result, class... Positional>
  friend class memoize::Spelling;

  template <class D>
  using Passed = memoize::Passed<D>;

  struct Shared : Function {
    Upgrades upgrades;
  };

  // Calls then(call), with the call of these arguments.
  template <class Then, class Positional, class... Named>
  decltype(auto) On(Then then, Positional positional, Named&... named) const {
    return Function::Binding::Bind(
        [&](Passed<Declared>... arguments) -> decltype(auto) {
          Call call(*shared_, shared_->upgrades,
                    typename Function::Arguments(std::forward<Passed<Declared>>(arguments)...));
          return then(call);
        },
        shared_->parameters, std::move(positional), named...);
  }

  template <class Positional, class... Named>
  auto DoAsync(Positional positional, Named&... named) const {
    return Function::Binding::Bind(
        [&](Passed<Declared>... arguments) {
          return Start(Values(std::forward<Passed<Declared>>(arguments)...));
        },
        shared_->parameters, std::move(positional), named...);
  }

  using Values = std::tuple<std::remove_cvref_t<Declared>...>;

  std::future<ResultType> Start(Values arguments) const {
    const auto values = std::make_shared<Values>(std::move(arguments));
    const auto run = [shared = shared_, values]() -> ResultType {
      return std::apply(
          [&](std::remove_cvref_t<Declared>&... value) {
            return Call(*shared, shared->upgrades,
                        typename Function::Arguments(static_cast<Passed<Declared>>(value)...))
                .Answer();
          },
          *values);
    };
    try {
      return std::async(std::launch::async, run);
    } catch (const std::system_error&) {
      return std::async(std::launch::deferred, run);
    }
  }

  std::shared_ptr<Shared> shared_;
};

}  // namespace permacache

#endif  // PERMACACHE_MEMOIZE_CACHED_FUNCTION_H_
