// One call of a function with a batch: "texts"_a.Batch(). Every element is a call of its own to the
// cache; the function itself gets those that are missing.
#ifndef PERMACACHE_MEMOIZE_BATCH_CALL_H_
#define PERMACACHE_MEMOIZE_BATCH_CALL_H_

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <numeric>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "permacache/catalog/error.h"
#include "permacache/memoize/calls.h"
#include "permacache/memoize/typed_function.h"

namespace permacache::memoize {

// What a function with a batch may return: a list with a result for each element.
template <class Result>
concept BatchResult = std::ranges::forward_range<Result> &&
    std::is_default_constructible_v<Result> &&
    requires(Result& result, typename Result::value_type value) {
  result.push_back(std::move(value));
};

// What may be a batch: a list to whose end elements can be added, where they stay in this order, or
// a view of an array.
template <class Value>
concept BatchOfList = std::ranges::forward_range<const Value> &&
    requires(Value& list, std::ranges::range_value_t<const Value> element) {
  list.push_back(element);
};
template <class Value>
concept BatchOfView = std::ranges::view<Value> && std::ranges::forward_range<const Value> &&
                      std::is_constructible_v < Value,
        const std::vector<std::ranges::range_value_t<const Value>>
& > ;

// What stands for an argument that all elements share.
template <class Value>
class Common {
 public:
  explicit Common(const Value& value) : value_(value) {}
  const Value& operator[](size_t) const { return value_; }
  const Value& Choose(std::span<const size_t>) const { return value_; }

 private:
  const Value& value_;
};

// The elements of an argument that is a batch.
template <class Value>
class Elements {
 public:
  explicit Elements(const Value& value) : value_(value) {
    for (auto i = std::ranges::begin(value); i != std::ranges::end(value); ++i)
      places_.push_back(i);
  }

  size_t size() const { return places_.size(); }
  decltype(auto) operator[](size_t index) const { return *places_[index]; }

  // An argument with these elements only.
  auto Choose(std::span<const size_t> indices) const {
    if constexpr (BatchOfView<Value>) {
      std::vector<std::ranges::range_value_t<const Value>> chosen;
      chosen.reserve(indices.size());
      for (const size_t index : indices) chosen.push_back(*places_[index]);
      return chosen;
    } else {
      Value chosen;
      for (const size_t index : indices) chosen.push_back(*places_[index]);
      return chosen;
    }
  }

 private:
  const Value& value_;
  std::vector<std::ranges::iterator_t<const Value>> places_;
};

namespace internal {

template <class Parameter>
using ColumnOf = std::conditional_t<Parameter::Keying::kIsBatch,
                                    Elements<std::remove_cvref_t<typename Parameter::Declared>>,
                                    Common<std::remove_cvref_t<typename Parameter::Declared>>>;

template <class Function, class Indices>
struct ColumnsOf;
template <class Function, size_t... kIndex>
struct ColumnsOf<Function, std::index_sequence<kIndex...>> {
  using Type = std::tuple<ColumnOf<typename Function::template ParameterAt<kIndex>>...>;
};

}  // namespace internal

// What there is for each argument: its elements, or itself.
template <class Function>
using ColumnsOf = typename internal::ColumnsOf<Function, typename Function::Indices>::Type;

template <class Columns, class Arguments>
Columns MakeColumns(const Arguments& arguments) {
  return std::apply([](const auto&... argument) { return Columns(argument...); }, arguments);
}

template <class Function>
class BatchCall {
 public:
  using Result = typename Function::Result;
  using Element = typename Result::value_type;
  using Value = Element;
  using Stored = Element;
  using LookedUp = std::optional<Result>;
  using KeyTexts = std::vector<std::string>;

  // Throws Error if the batches are not of equal lengths.
  BatchCall(Function& function, const Upgrades<Stored>& upgrades,
            typename Function::Arguments arguments)
      : function_(function),
        upgrades_(upgrades),
        arguments_(std::move(arguments)),
        columns_(MakeColumns<ColumnsOf<Function>>(arguments_)) {
    FindLength(typename Function::Indices());
  }

  Result Answer() {
    if (function_.calls().IsBypassed()) {
      if (!function_.calls().MayCompute()) {
        function_.calls().Refuse(!FindKeys() && length_ > 0 ? keys_.front() : "a batch");
      }
      return InvokeInChunks();
    }
    return Make([&](const TypedBatch& batch) { function_.calls().AnswerBatch(keys_, batch); });
  }

  Result Recompute() {
    if (function_.calls().IsBypassed()) return Answer();
    return Make([&](const TypedBatch& batch) { function_.calls().RecomputeBatch(keys_, batch); });
  }

  bool Contains() {
    if (FindKeys()) return false;
    size_t found = 0;
    function_.cache().GetMany(keys_, [&](size_t, const storage::Record& record) {
      found += upgrades_.Accept(record.value);
    });
    return found == keys_.size();
  }

  LookedUp Lookup() {
    if (FindKeys()) return std::nullopt;
    size_t found = 0;
    function_.cache().GetMany(keys_, [&](size_t element, const storage::Record& record) {
      found += Decode(element, record.value);
    });
    if (found < keys_.size()) return std::nullopt;
    return Assemble();
  }

  KeyTexts Key() {
    FindKeysOrThrow();
    KeyTexts texts;
    for (const size_t key : key_of_) texts.push_back(keys_[key]);
    return texts;
  }

  bool Forget() {
    FindKeysOrThrow();
    bool any = false;
    for (const std::string& key : keys_) any = function_.cache().Erase(key) || any;
    return any;
  }

  BatchPlan Plan() {
    FindKeysOrThrow();
    std::vector<bool> known(keys_.size(), false);
    BatchPlan plan = function_.calls().Plan(keys_, [&](size_t element, std::string_view value) {
      known[element] = upgrades_.Accept(value);
      return known[element];
    });
    plan.elements = static_cast<int64_t>(length_);
    for (const size_t key : key_of_) plan.cached += known[key];
    return plan;
  }

  // Of the first element that is missing, or of the first if none is.
  Explanation Explain() {
    FindKeysOrThrow();
    Explanation explanation = {.hit = true, .reason = "found: the batch has no elements"};
    for (const std::string& key : keys_) {
      explanation = function_.calls().Explain(
          {.text = key}, [&](std::string_view value) { return upgrades_.Accept(value); });
      if (!explanation.hit) break;
    }
    return explanation;
  }

 private:
  template <size_t kIndex>
  static constexpr bool kIsBatch = Function::template ParameterAt<kIndex>::Keying::kIsBatch;

  template <size_t... kIndex>
  void FindLength(std::index_sequence<kIndex...>) {
    std::string_view first;
    const auto look = [&]<size_t kAt>(std::integral_constant<size_t, kAt>) {
      if constexpr (kIsBatch<kAt>) {
        const size_t size = std::get<kAt>(columns_).size();
        const std::string_view name = Function::template ParameterAt<kAt>::name();
        if (first.empty()) {
          first = name;
          length_ = size;
        } else if (size != length_) {
          throw Error("permacache: " + function_.cache().name() + ": the batches \"" +
                      std::string(first) + "\" and \"" + std::string(name) +
                      "\" must be of equal lengths, but have " + std::to_string(length_) + " and " +
                      std::to_string(size) + " elements");
        }
      }
    };
    (look(std::integral_constant<size_t, kIndex>()), ...);
  }

  // Which keys there are, each once, and which elements have them; or why that is not known.
  std::optional<Failure> FindKeys() {
    std::unordered_map<std::string_view, size_t> known;
    known.reserve(length_);
    keys_.reserve(length_);  // they stay where they are
    key_of_.reserve(length_);
    for (size_t i = 0; i < length_; ++i) {
      CallKey key = std::apply(
          [&](const auto&... column) {
            return function_.KeyOf(std::forward_as_tuple(column[i]...));
          },
          columns_);
      if (!key.ok()) return std::move(key.failure);
      const auto before = known.find(key.text);
      key_of_.push_back(before == known.end() ? keys_.size() : before->second);
      if (before == known.end()) {
        known.emplace(keys_.emplace_back(key.text), element_of_.size());
        element_of_.push_back(i);
        files_.push_back(std::move(key.files));
      }
      GiveTextMemory(std::move(key.text));
    }
    results_.resize(keys_.size());
    return std::nullopt;
  }

  void FindKeysOrThrow() {
    if (const std::optional<Failure> failure = FindKeys()) {
      throw Error("permacache: " + failure->message);
    }
  }

  Result Invoke() {
    return std::apply([&](const auto&... argument) { return function_.Invoke(argument...); },
                      arguments_);
  }

  // All of the batch, without the cache.
  Result InvokeInChunks() {
    const size_t most = function_.calls().chunk_size().value_or(length_);
    if (length_ <= most) return Invoke();
    Result all;
    for (size_t begin = 0; begin < length_; begin += most) {
      std::vector<size_t> elements(std::min(most, length_ - begin));
      std::iota(elements.begin(), elements.end(), begin);
      for (auto&& result : InvokeOn(elements)) all.push_back(std::move(result));
    }
    return all;
  }

  // The function's results for these elements, by key.
  void Compute(std::span<const size_t> keys) {
    std::vector<size_t> elements;
    elements.reserve(keys.size());
    for (const size_t key : keys) elements.push_back(element_of_[key]);
    const bool is_all = elements.size() == length_ && std::ranges::is_sorted(elements);
    Result computed = is_all ? Invoke() : InvokeOn(elements);
    const auto count = static_cast<size_t>(std::ranges::distance(computed));
    if (count != keys.size()) {
      throw Error("permacache: " + function_.cache().name() + " was given a batch of " +
                  std::to_string(keys.size()) + " elements, but returned " + std::to_string(count) +
                  " results; it must return one for each, in their order");
    }
    size_t i = 0;
    for (auto&& result : computed) results_[keys[i++]].emplace(std::move(result));
  }

  Result InvokeOn(const std::vector<size_t>& elements) {
    return std::apply(
        [&](const auto&... column) { return function_.Invoke(column.Choose(elements)...); },
        columns_);
  }

  template <class Answer>
  Result Make(Answer answer) {
    if (const std::optional<Failure> failure = FindKeys()) {
      function_.calls().Begin(*failure, "a batch whose keys are not known", length_);
      return InvokeInChunks();
    }
    const auto compute = [&](std::span<const size_t> keys) { Compute(keys); };
    const auto decode = [&](size_t key, std::string_view value) { return Decode(key, value); };
    const auto keep = [&](std::span<const size_t> keys) { return ChangeOfFiles(keys); };
    const auto encode = [&](size_t key) {
      return codec::Encode(*results_[key], function_.opened.encoding);
    };
    const auto equals = [&](size_t key, std::string_view value) {
      return IsStoredAs(*results_[key], value, upgrades_);
    };
    answer(TypedBatch{
        .compute = compute, .decode = decode, .keep = keep, .encode = encode, .equals = equals});
    return Assemble();
  }

  bool Decode(size_t key, std::string_view value) {
    std::optional<Element> decoded = upgrades_.Decode(value);
    if (!decoded) return false;
    results_[key] = std::move(decoded);
    return true;
  }

  std::optional<Failure> ChangeOfFiles(std::span<const size_t> keys) const {
    for (const size_t key : keys) {
      if (std::optional<Failure> change = function_.ChangeOf(files_[key])) return change;
    }
    return std::nullopt;
  }

  Result Assemble() {
    Result all;
    if constexpr (requires { all.reserve(length_); }) all.reserve(length_);
    const bool once = keys_.size() == length_;
    for (const size_t key : key_of_) {
      if (once) {
        all.push_back(*std::move(results_[key]));
      } else {
        all.push_back(*results_[key]);
      }
    }
    return all;
  }

  Function& function_;
  const Upgrades<Stored>& upgrades_;
  typename Function::Arguments arguments_;
  ColumnsOf<Function> columns_;
  size_t length_ = 0;

  std::vector<std::string> keys_;                // all different
  std::vector<size_t> element_of_;               // the first element with each key
  std::vector<std::vector<FileContent>> files_;  // that are in each key
  std::vector<size_t> key_of_;                   // each element's
  std::vector<std::optional<Element>> results_;  // for each key
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_BATCH_CALL_H_
