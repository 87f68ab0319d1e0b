// When an entry was used last: noted about once a day, so that hits need not write.
#ifndef PERMACACHE_STORAGE_LAST_USE_H_
#define PERMACACHE_STORAGE_LAST_USE_H_

#include <chrono>

#include "permacache/storage/store.h"

namespace permacache::storage {

// Whether a use now is to be noted. Not of a record that knows no time at all.
inline bool IsToBeNoted(TimePoint last_used, TimePoint now) {
  return last_used != TimePoint() && last_used <= now - std::chrono::days(1);
}

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_LAST_USE_H_
