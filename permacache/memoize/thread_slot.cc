#include "permacache/memoize/thread_slot.h"

#include <atomic>
#include <bit>
#include <cstdint>

namespace permacache::memoize {
namespace {

// A bit for each number that a thread has. No mutex, which a fork could leave locked; the numbers
// of threads that a child does not have are lost to it.
constinit std::atomic<uint64_t> taken = 0;

size_t Take() {
  uint64_t before = taken.load(std::memory_order_relaxed);
  for (;;) {
    const int number = std::countr_one(before);
    if (number == 64) return ThreadSlot::kNone;
    if (taken.compare_exchange_weak(before, before | uint64_t{1} << number,
                                    std::memory_order_acquire)) {
      return number;
    }
  }
}

constexpr size_t kNotAsked = ThreadSlot::kNone - 1;

// Without a destructor, as programs may call functions until their very end.
thread_local size_t number = kNotAsked;

struct GiveBack {
  ~GiveBack() {
    if (number < 64) taken.fetch_and(~(uint64_t{1} << number), std::memory_order_release);
    number = ThreadSlot::kNone;
  }
};

}  // namespace

size_t ThreadSlot::OfThisThread() {
  if (number == kNotAsked) {
    static thread_local GiveBack give_back;
    number = Take();
  }
  return number;
}

}  // namespace permacache::memoize
