// What goes wrong with the cache of one function while calls go on: counted, and told once per
// kind.
#ifndef PERMACACHE_MEMOIZE_FAILURE_REPORTER_H_
#define PERMACACHE_MEMOIZE_FAILURE_REPORTER_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "permacache/memoize/options.h"

namespace permacache::memoize {

// What the library's rooms below tell as a status, as users are told of it.
Failure FailureOf(const absl::Status& status);

// Every method may be called from any thread, and in a forked child.
class FailureReporter {
 public:
  // Without a handler failures are told on stderr.
  FailureReporter(std::string function, FailureHandler handler);

  // Counts it, and tells of it if it is the first of its kind. What the handler throws is ignored.
  void Report(Failure failure);
  void Report(const absl::Status& status) { Report(FailureOf(status)); }

  // Counts it and tells of it in any case.
  void Tell(Failure failure);

  int64_t failures() const { return failures_.load(std::memory_order_relaxed); }

 private:
  const std::string function_;
  const FailureHandler handler_;
  std::atomic<int64_t> failures_ = 0;
  std::atomic<uint32_t> reported_ = 0;  // a bit per kind
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_FAILURE_REPORTER_H_
