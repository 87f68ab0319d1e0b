// Small numbers for threads.
#ifndef PERMACACHE_MEMOIZE_THREAD_SLOT_H_
#define PERMACACHE_MEMOIZE_THREAD_SLOT_H_

#include <cstddef>

namespace permacache::memoize {

class ThreadSlot {
 public:
  // Greater than the number of any thread.
  static constexpr size_t kNone = ~size_t{0};

  // No two threads have the same number at one time, and what one has written before it ended can
  // be seen by the next that has its number. kNone while the thread ends, and for threads beyond
  // the first few dozens.
  static size_t OfThisThread();
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_THREAD_SLOT_H_
