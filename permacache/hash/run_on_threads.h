// One piece of work on several threads at once, within what SetHashThreads allows.
#ifndef PERMACACHE_HASH_RUN_ON_THREADS_H_
#define PERMACACHE_HASH_RUN_ON_THREADS_H_

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "permacache/hash/threads.h"

namespace permacache::hash {

// A thread that gets less to hash than this many bytes is not worth starting.
inline constexpr size_t kLeastPerThread = kLeastParallelSize / 2;

// Calls `work` on this thread and at the same time on up to `most` - 1 others; returns when all
// calls have returned. How many there are depends on what other callers use just now and on whether
// the system can start threads, so `work` must find out by itself what is left to do. If a call
// throws, this throws the same after the others have returned.
void RunOnThreads(size_t most, absl::FunctionRef<void()> work);

}  // namespace permacache::hash

#endif  // PERMACACHE_HASH_RUN_ON_THREADS_H_
