// When an entry was used last: noted about once a day, so that hits need not write.
#ifndef PERMACACHE_STORAGE_LAST_USE_H_
#define PERMACACHE_STORAGE_LAST_USE_H_

#include <time.h>

#include <chrono>

#include "permacache/storage/store.h"

namespace permacache::storage {

// The system's time to a few milliseconds, at a quarter of the price.
inline TimePoint CoarseNow() {
  timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return TimePoint(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

// Whether a use now is to be noted. Not of a record that knows no time at all.
inline bool IsToBeNoted(TimePoint last_used, TimePoint now) {
  return last_used != TimePoint() && now - last_used >= std::chrono::days(1);
}

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_LAST_USE_H_
