// One call of a function, with its arguments bound: what can be done with it.
#ifndef PERMACACHE_MEMOIZE_ONE_CALL_H_
#define PERMACACHE_MEMOIZE_ONE_CALL_H_

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "permacache/catalog/error.h"
#include "permacache/memoize/calls.h"
#include "permacache/memoize/out_files.h"
#include "permacache/memoize/typed_function.h"

namespace permacache::memoize {

// What is stored of a call that writes files.
template <class Value>
struct WithFiles {
  std::vector<OutFile> files;
  Value result;
};

// What a look-up of a result gives: of one that is void, whether there is one.
template <class Result>
using Looked = std::conditional_t<std::is_void_v<Result>, bool, std::optional<ValueOf<Result>>>;

// What an object of Function's types stores as the result.
template <class Function>
using StoredOf =
    std::conditional_t<Function::kHasOutFiles, WithFiles<ValueOf<typename Function::Result>>,
                       ValueOf<typename Function::Result>>;

template <class Function>
class OneCall {
 public:
  using Result = typename Function::Result;
  using Value = ValueOf<Result>;
  using Stored = StoredOf<Function>;
  using LookedUp = Looked<Result>;
  using KeyTexts = std::string;

  OneCall(Function& function, const Upgrades<Stored>& upgrades,
          typename Function::Arguments arguments)
      : function_(function), upgrades_(upgrades), arguments_(std::move(arguments)) {
    if constexpr (kHasOutFiles) FindOutFiles(typename Function::Indices());
  }

  Result Answer() {
    if (function_.calls().IsBypassed()) {
      if (!function_.calls().MayCompute()) function_.calls().Refuse(KeyOfCall().text);
      return InvokeOnly();
    }
    if constexpr (kIsScalar) return AnswerScalar();
    if constexpr (kHasOutFiles) files_->TakeTurns();
    Make([&](const CallKey& key, const TypedCall& call) { function_.calls().Answer(key, call); });
    return Take();
  }

  Result Recompute() {
    if (function_.calls().IsBypassed()) return Answer();
    if constexpr (kHasOutFiles) files_->TakeTurns();
    Make(
        [&](const CallKey& key, const TypedCall& call) { function_.calls().Recompute(key, call); });
    return Take();
  }

  bool Contains() const {
    const CallKey key = KeyOfCall();
    if (!key.ok()) return false;
    if constexpr (kHasOutFiles) {
      std::optional<Stored> stored;
      const bool found = function_.cache().Get(key.text, [&](const storage::Record& record) {
        stored = upgrades_.Decode(record.value);
        return stored.has_value();
      });
      return found && files_->CanRestore(key.text, stored->files);
    } else {
      return function_.cache().Get(
          key.text, [&](const storage::Record& record) { return upgrades_.Accept(record.value); });
    }
  }

  LookedUp Lookup() {
    if constexpr (kHasOutFiles) files_->TakeTurns();
    const CallKey key = KeyOfCall();
    const auto decode = [&](const storage::Record& record) { return Decode(record.value); };
    const bool found = key.ok() && function_.cache().Get(key.text, decode) &&
                       Restore(key.text) == FunctionCache::Lookup::kHit;
    if constexpr (std::is_void_v<Result>) {
      return found;
    } else {
      return found ? std::optional(Take()) : std::nullopt;
    }
  }

  KeyTexts Key() const {
    CallKey key = KeyOfCall();
    if (!key.ok()) throw Error("permacache: " + key.failure->message);
    return std::move(key.text);
  }

  bool Forget() const {
    const std::string key = Key();
    if constexpr (kHasOutFiles) files_->Forget(key);
    return function_.cache().Erase(key);
  }

  Explanation Explain() const {
    Explanation explanation = function_.calls().Explain(
        KeyOfCall(), [&](std::string_view value) { return upgrades_.Accept(value); });
    if (kHasOutFiles && explanation.hit && !Contains()) {
      explanation.hit = false;
      explanation.reason = "stored, but what is kept of its files is not there any more";
    }
    return explanation;
  }

 private:
  static constexpr bool kHasOutFiles = Function::kHasOutFiles;
  static constexpr bool kIsScalar = Function::kIsScalar && SmallScalar<Value>;

  // What this thread has found a moment ago is there as long as the store is as it was.
  Result AnswerScalar() {
    Calls& calls = function_.calls();
    const ScalarCall scalars = function_.ScalarsOf(arguments_);
    const std::optional<storage::StoreState> state = calls.State();
    const RecentResult* recent = state ? FindRecentResult(scalars, *state) : nullptr;
    if (recent != nullptr) {
      calls.CountHit(
          {.from_memory = true, .bytes = recent->bytes, .compute_time = recent->compute_time});
      return recent->template Get<Value>();
    }
    std::optional<Calls::Hit> hit;
    Make([&](const CallKey& key, const TypedCall& call) { hit = calls.Answer(key, call); });
    // The state in which it was found: the one from before may know of a commit that the look-up
    // did not yet see.
    if (state && hit && hit->state.tier != 0) {
      KeepRecentResult(scalars, {.state = hit->state,
                                 .bytes = hit->bytes,
                                 .compute_time = hit->compute_time,
                                 .value = RecentResult::ToValue(*stored_)});
    }
    return Take();
  }

  CallKey KeyOfCall() const { return function_.KeyOfCall(arguments_); }

  template <size_t... kIndex>
  void FindOutFiles(std::index_sequence<kIndex...>) {
    files_.emplace(*function_.opened.out_files);
    const auto add = [&]<size_t kAt>(std::integral_constant<size_t, kAt>) {
      using Parameter = typename Function::template ParameterAt<kAt>;
      if constexpr (Parameter::Keying::kIsOutFile) {
        files_->Add(Parameter::name(), std::get<kAt>(arguments_));
      }
    };
    (add(std::integral_constant<size_t, kIndex>()), ...);
  }

  Result InvokeOnly() {
    return std::apply(
        [&](auto&&... arguments) -> Result {
          return function_.Invoke(static_cast<decltype(arguments)>(arguments)...);
        },
        std::move(arguments_));
  }

  void Compute() {
    if constexpr (kHasOutFiles) files_->LookBefore();
    if constexpr (std::is_void_v<Result>) {
      InvokeOnly();
      stored_.emplace();
    } else if constexpr (kHasOutFiles) {
      stored_.emplace(Stored{.files = {}, .result = InvokeOnly()});
    } else {
      stored_.emplace(InvokeOnly());
    }
  }

  // Calls then(key, call).
  template <class Then>
  void Make(Then then) {
    CallKey key = KeyOfCall();
    const auto compute = [&] { Compute(); };
    const auto decode = [&](std::string_view value) { return Decode(value); };
    const auto restore = [&] { return Restore(key.text); };
    const auto keep = [&](std::chrono::nanoseconds time) { return Keep(key, time); };
    const auto encode = [&] { return codec::Encode(*stored_, function_.opened.encoding); };
    const auto equals = [&](std::string_view value) { return Equals(value); };
    const auto may_audit = [&] { return MayAudit(key.text); };
    then(key, TypedCall{.compute = compute,
                        .decode = decode,
                        .restore = restore,
                        .keep = keep,
                        .encode = encode,
                        .equals = equals,
                        .may_audit = may_audit});
    GiveTextMemory(std::move(key.text));
  }

  bool Decode(std::string_view value) {
    std::optional<Stored> decoded = upgrades_.Decode(value);
    if (!decoded) return false;
    stored_ = std::move(decoded);
    return true;
  }

  bool Equals(std::string_view value) {
    if constexpr (kHasOutFiles) {
      const std::optional<Stored> before = upgrades_.Decode(value);
      if (!before || files_->Look(stored_->files)) return false;
      if (!HaveSameContents(stored_->files, before->files)) return false;
      stored_->files = before->files;  // permissions do not count
    }
    return IsStoredAs(*stored_, value, upgrades_);
  }

  std::optional<Failure> Keep(const CallKey& key, std::chrono::nanoseconds time) {
    if (std::optional<Failure> change = function_.ChangeOf(key.files)) return change;
    if constexpr (kHasOutFiles) return files_->Keep(key.text, stored_->files, time);
    return std::nullopt;
  }

  FunctionCache::Lookup Restore(const std::string& key) {
    if constexpr (kHasOutFiles) return files_->Restore(key, stored_->files);
    return FunctionCache::Lookup::kHit;
  }

  // The function would overwrite the files.
  bool MayAudit(const std::string& key) const {
    if constexpr (kHasOutFiles) return files_->CanRestoreFromElsewhere(key, stored_->files);
    return true;
  }

  Result Take() {
    if constexpr (std::is_void_v<Result>) {
      return;
    } else if constexpr (kHasOutFiles) {
      return std::move(stored_->result);
    } else {
      return *std::move(stored_);
    }
  }

  Function& function_;
  const Upgrades<Stored>& upgrades_;
  typename Function::Arguments arguments_;
  std::optional<FilesOfCall> files_;  // if the function writes any
  std::optional<Stored> stored_;      // the result, from the function or from the cache
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_ONE_CALL_H_
