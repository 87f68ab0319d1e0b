// How many threads hash large content and files.
//
// A digest is the same for any number of threads. The threads are started for each large digest and
// have ended when it returns: no thread of the library lives on, and a forked child can start its
// own.
#ifndef PERMACACHE_HASH_THREADS_H_
#define PERMACACHE_HASH_THREADS_H_

#include <cstddef>

namespace permacache {

// Sets how many threads of this process may hash at a time; 0 or less, the default, means one for
// each CPU that the calling thread may run on. It holds for all calls together: when many threads
// hash large content at once, each does so alone rather than starting more. 1 keeps each digest on
// the thread that asked for it. A digest that is being computed keeps its threads. May be called at
// any time, from any thread.
void SetHashThreads(int threads);

// How many threads of this process may hash at a time: what was set, or the number of CPUs. May be
// called from any thread.
int HashThreads();

namespace hash {

// Below this many bytes starting a thread costs more than it saves, and one thread is used.
inline constexpr size_t kLeastParallelSize = size_t{1} << 21;

}  // namespace hash
}  // namespace permacache

#endif  // PERMACACHE_HASH_THREADS_H_
