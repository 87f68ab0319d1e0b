// The keys of a thread's latest calls with a few numbers as arguments.
//
// To write numbers as text takes longer than the rest of a hit, so that of calls which repeat is
// remembered.
#ifndef PERMACACHE_MEMOIZE_RECENT_KEYS_H_
#define PERMACACHE_MEMOIZE_RECENT_KEYS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

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

// Appends the key of this call to the empty `text`, if this thread has remembered it.
bool FindRecentKey(const ScalarCall& call, std::string* text);

// Remembers a key, in place of another one.
void KeepRecentKey(const ScalarCall& call, std::string_view text);

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_RECENT_KEYS_H_
