// A thread's latest calls with a few numbers as arguments: their keys and results.
//
// To write numbers as text takes longer than the rest of a hit, and where the result is a number
// too, the look-up takes longer than to see that nothing has changed since the last one.
#ifndef PERMACACHE_MEMOIZE_RECENT_CALLS_H_
#define PERMACACHE_MEMOIZE_RECENT_CALLS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <type_traits>

#include "permacache/storage/record.h"

namespace permacache::memoize {

// Numbers and booleans, which have no more to them than these bytes, and whose text is nobody's to
// choose.
template <class T>
concept SmallScalar = std::is_arithmetic_v<T> && sizeof(T) <= sizeof(uint64_t);

struct ScalarCall {
  static constexpr size_t kMostArguments = 4;

  uint64_t function = 0;  // its number; none has this one
  std::array<uint64_t, kMostArguments> arguments = {};

  template <SmallScalar T>
  void Set(size_t index, T argument) {
    std::memcpy(&arguments[index], &argument, sizeof(argument));
  }

  friend bool operator==(const ScalarCall&, const ScalarCall&) = default;
};

// A number that no other function of this process has or had.
uint64_t NewFunctionNumber();

// The key of this call, if this thread has remembered it. Valid until the next call of a function
// here.
std::optional<std::string_view> FindRecentKey(const ScalarCall& call);

// Remembers a key, in place of another one.
void KeepRecentKey(const ScalarCall& call, std::string_view text);

// The result of a call, as it was found.
struct RecentResult {
  storage::StoreState state = {};  // of the store in which it was found
  size_t bytes = 0;                // of its record's value
  std::chrono::nanoseconds compute_time = {};
  uint64_t value = 0;

  template <SmallScalar T>
  static uint64_t ToValue(T result) {
    uint64_t value = 0;
    std::memcpy(&value, &result, sizeof(result));
    return value;
  }

  template <SmallScalar T>
  T Get() const {
    T result;
    std::memcpy(&result, &value, sizeof(result));
    return result;
  }
};

// Null unless this thread has remembered a result in this very state. Valid until the next call of
// a function here.
const RecentResult* FindRecentResult(const ScalarCall& call, const storage::StoreState& state);

// Remembers a result beside its key, if that is remembered.
void KeepRecentResult(const ScalarCall& call, const RecentResult& result);

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_RECENT_CALLS_H_
