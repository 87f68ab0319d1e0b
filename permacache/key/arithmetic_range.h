// ArithmeticRange: integers at equal distances, as an argument that is as cheap as its ends.
#ifndef PERMACACHE_KEY_ARITHMETIC_RANGE_H_
#define PERMACACHE_KEY_ARITHMETIC_RANGE_H_

#include <cstdint>

namespace permacache {

// start, start + step, ... as long as `stop` is not reached, as Python's range(start, stop, step).
// A value without threads or owners of its own; nothing is checked.
//
// std::views::iota(start, stop) of integers has the same key as an ArithmeticRange of step 1.
struct ArithmeticRange {
  int64_t start = 0;
  int64_t stop = 0;
  int64_t step = 1;

  bool operator==(const ArithmeticRange&) const = default;
};

}  // namespace permacache

#endif  // PERMACACHE_KEY_ARITHMETIC_RANGE_H_
