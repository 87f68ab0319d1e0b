// Ctrl-C: a command stops at the next entry, between two changes of the cache. A second one ends
// the process at once, which does the cache no harm either.
#ifndef PERMACACHE_CLI_INTERRUPT_H_
#define PERMACACHE_CLI_INTERRUPT_H_

#include <atomic>

namespace permacache::cli {

// Thrown by StopIfInterrupted.
struct Interrupted {};

// From now on SIGINT is noted.
void CatchInterrupts();

const std::atomic<bool>& interrupted();

// Throws Interrupted if there was a SIGINT.
void StopIfInterrupted();

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_INTERRUPT_H_
