// The system's time to a few milliseconds, at a quarter of the price.
#ifndef PERMACACHE_STORAGE_COARSE_CLOCK_H_
#define PERMACACHE_STORAGE_COARSE_CLOCK_H_

#include <time.h>

#include <chrono>
#include <thread>

#include "permacache/storage/store.h"

namespace permacache::storage {

inline std::chrono::nanoseconds ReadClock(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

inline TimePoint CoarseNow() { return TimePoint(ReadClock(CLOCK_REALTIME_COARSE)); }

// Time that only goes forward, and only with the kernel's ticks.
inline std::chrono::nanoseconds CoarseTick() { return ReadClock(CLOCK_MONOTONIC_COARSE); }

// Until what CoarseTick returns has changed so often.
inline void AwaitTicks(int ticks) {
  for (int i = 0; i < ticks; ++i) {
    const std::chrono::nanoseconds before = CoarseTick();
    while (CoarseTick() == before) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_COARSE_CLOCK_H_
