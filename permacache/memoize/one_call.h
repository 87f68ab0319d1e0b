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

#include "permacache/memoize/calls.h"
#include "permacache/memoize/error.h"
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
    if constexpr (kHasOutFiles) FindOutPaths(typename Function::Indices());
  }

  Result Answer() {
    if (function_.calls().IsBypassed()) {
      if (!function_.calls().MayCompute()) function_.calls().Refuse(KeyOfCall().text);
      return InvokeOnly();
    }
    if constexpr (kIsScalar) return AnswerScalar();
    TakeTurnsAtPaths();
    Make([&](const CallKey& key, const TypedCall& call) { function_.calls().Answer(key, call); });
    return Take();
  }

  Result Recompute() {
    if (function_.calls().IsBypassed()) return Answer();
    TakeTurnsAtPaths();
    Make(
        [&](const CallKey& key, const TypedCall& call) { function_.calls().Recompute(key, call); });
    return Take();
  }

  bool Contains() const {
    const CallKey key = KeyOfCall();
    if (!key.status.ok()) return false;
    std::vector<OutFile> files;
    const bool found = function_.cache().Get(key.text, [&](const storage::Record& record) {
      if constexpr (kHasOutFiles) {
        absl::StatusOr<Stored> stored = upgrades_.Decode(record.value);
        if (stored.ok()) files = std::move(stored->files);
        return stored.status();
      } else {
        return upgrades_.Accept(record.value);
      }
    });
    return found && CanRestore(key.text, files);
  }

  LookedUp Lookup() {
    TakeTurnsAtPaths();
    const CallKey key = KeyOfCall();
    const auto decode = [&](const storage::Record& record) { return Decode(record.value); };
    const bool found =
        key.status.ok() && function_.cache().Get(key.text, decode) && Restore(key.text).ok();
    if constexpr (std::is_void_v<Result>) {
      return found;
    } else {
      return found ? std::optional(Take()) : std::nullopt;
    }
  }

  KeyTexts Key() const {
    CallKey key = KeyOfCall();
    if (!key.status.ok()) throw Error("permacache: " + std::string(key.status.message()));
    return std::move(key.text);
  }

  bool Forget() const {
    const std::string key = Key();
    if constexpr (kHasOutFiles) {
      for (const OutPath& out : out_paths_) function_.opened.out_files->Forget(key, out.parameter);
    }
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
  void FindOutPaths(std::index_sequence<kIndex...>) {
    const auto add = [&]<size_t kAt>(std::integral_constant<size_t, kAt>) {
      using Parameter = typename Function::template ParameterAt<kAt>;
      if constexpr (Parameter::Keying::kIsOutFile) {
        out_paths_.push_back(MakeOutPath(Parameter::name(), std::get<kAt>(arguments_)));
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
    for (OutPath& out : out_paths_) LookBefore(out);
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
    const auto may_audit = [&] { return CanRestoreFromElsewhere(key.text); };
    then(key, TypedCall{.compute = compute,
                        .decode = decode,
                        .restore = restore,
                        .keep = keep,
                        .encode = encode,
                        .equals = equals,
                        .may_audit = may_audit});
    GiveTextMemory(std::move(key.text));
  }

  absl::Status Decode(std::string_view value) {
    absl::StatusOr<Stored> decoded = upgrades_.Decode(value);
    if (decoded.ok()) stored_.emplace(*std::move(decoded));
    return decoded.status();
  }

  bool Equals(std::string_view value) {
    if constexpr (kHasOutFiles) {
      const absl::StatusOr<Stored> before = upgrades_.Decode(value);
      if (!before.ok() || !LookAtFiles().ok()) return false;
      if (!HaveSameContents(stored_->files, before->files)) return false;
      stored_->files = before->files;  // permissions do not count
    }
    return IsStoredAs(*stored_, value, upgrades_);
  }

  absl::Status Keep(const CallKey& key, std::chrono::nanoseconds time) {
    absl::Status status = function_.CheckUnchanged(key);
    if constexpr (kHasOutFiles) {
      if (status.ok() && !turns_->are_mine()) {
        status = absl::AbortedError(
            "another call writes to the same path; the result is not stored, as its file may be "
            "that of the other");
      }
      if (status.ok()) status = LookAtFiles();
      for (size_t i = 0; status.ok() && i < out_paths_.size(); ++i) {
        status = function_.opened.out_files->Keep(key.text, out_paths_[i], stored_->files[i], time);
      }
    }
    return status;
  }

  absl::Status LookAtFiles() {
    if (AreSameFile(out_paths_)) {
      return absl::FailedPreconditionError(
          "two of the files that the function writes are one; the result is not stored");
    }
    stored_->files.clear();
    for (const OutPath& out : out_paths_) {
      absl::StatusOr<OutFile> file = function_.opened.out_files->Look(out);
      if (!file.ok()) return file.status();
      stored_->files.push_back(*std::move(file));
    }
    return absl::OkStatus();
  }

  absl::Status Restore(const std::string& key) {
    if constexpr (kHasOutFiles) {
      if (!IsOfThese(stored_->files)) return absl::NotFoundError("other files were written");
      if (AreSameFile(out_paths_)) return absl::NotFoundError("two of the files are one");
      for (size_t i = 0; i < out_paths_.size(); ++i) {
        absl::Status status =
            function_.opened.out_files->Restore(key, out_paths_[i], stored_->files[i]);
        if (!status.ok()) return status;
      }
    }
    return absl::OkStatus();
  }

  bool CanRestore(const std::string& key, const std::vector<OutFile>& files) const {
    if constexpr (kHasOutFiles) {
      if (!IsOfThese(files)) return false;
      for (size_t i = 0; i < out_paths_.size(); ++i) {
        if (!function_.opened.out_files->CanRestore(key, out_paths_[i], files[i])) return false;
      }
    }
    return true;
  }

  // The function would overwrite the files.
  bool CanRestoreFromElsewhere(const std::string& key) const {
    if constexpr (kHasOutFiles) {
      for (size_t i = 0; i < out_paths_.size(); ++i) {
        if (!function_.opened.out_files->HasSource(key, out_paths_[i], stored_->files[i])) {
          return false;
        }
      }
    }
    return true;
  }

  void TakeTurnsAtPaths() {
    if constexpr (kHasOutFiles) turns_.emplace(function_.opened.out_files->turns(), out_paths_);
  }

  bool IsOfThese(const std::vector<OutFile>& files) const {
    if (files.size() != out_paths_.size()) return false;
    for (size_t i = 0; i < files.size(); ++i) {
      if (files[i].parameter != out_paths_[i].parameter) return false;
    }
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
  std::vector<OutPath> out_paths_;
  std::optional<TurnsAtPaths> turns_;  // until what was written has been kept
  std::optional<Stored> stored_;       // the result, from the function or from the cache
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_ONE_CALL_H_
