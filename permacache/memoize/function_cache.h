// The cache of one function as far as it knows no C++ types: keys and values are bytes here.
//
// It stands between the calls, which must never suffer, and the store, which can fail: what goes
// wrong during a call is counted and reported, and the call goes on without the cache.
//
// Thread safety: every method may be called from any thread, and in a forked child.
#ifndef PERMACACHE_MEMOIZE_FUNCTION_CACHE_H_
#define PERMACACHE_MEMOIZE_FUNCTION_CACHE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/memoize/failure_reporter.h"
#include "permacache/memoize/options.h"
#include "permacache/storage/store.h"

namespace permacache::memoize {

class FunctionCache {
 public:
  using OpenStore = std::function<absl::StatusOr<std::shared_ptr<storage::Store>>()>;

  // `open` is called when the store is first needed, perhaps by several threads at once, and again
  // after a while if it failed.
  FunctionCache(std::string name, OpenStore open, std::shared_ptr<FailureReporter> failures);
  FunctionCache(const FunctionCache&) = delete;
  FunctionCache& operator=(const FunctionCache&) = delete;
  ~FunctionCache();

  // Whether there is a record of this key that `decode` accepts. It returns kFailedPrecondition for
  // a value of another type, which is a miss like any other. What it throws is a failure.
  bool Get(std::string_view key, absl::FunctionRef<absl::Status(std::string_view value)> decode);

  // Stores the value that `encode` returns. What it throws is a failure of the cache.
  void Put(std::string_view key, std::chrono::nanoseconds compute_time,
           absl::FunctionRef<std::string()> encode);

  // These throw Error if they cannot do it: nothing can be computed instead.
  bool Erase(std::string_view key);
  void Clear();
  int64_t Size();

  // Counts something that went wrong, and tells of it if it is the first of its kind.
  void Report(const absl::Status& status) { failures_->Report(status); }

  void CountHit() { hits_.fetch_add(1, std::memory_order_relaxed); }
  void CountMiss() { misses_.fetch_add(1, std::memory_order_relaxed); }
  FunctionStats Stats() const;

 private:
  enum class Patience { kWaitAfterFailure, kTryNow };
  absl::StatusOr<storage::Store*> store(Patience patience = Patience::kWaitAfterFailure);
  storage::Store& StoreOrThrow();
  bool TryGet(std::string_view key, absl::FunctionRef<absl::Status(std::string_view value)> decode);

  const std::string name_;
  const OpenStore open_;
  const std::shared_ptr<FailureReporter> failures_;

  // Lock-free, as a mutex might be held by another thread while this one forks.
  std::atomic<std::shared_ptr<storage::Store>*> store_ = nullptr;
  std::atomic<std::chrono::steady_clock::rep> next_attempt_ = 0;
  std::atomic<absl::StatusCode> last_open_ = absl::StatusCode::kOk;

  std::atomic<int64_t> hits_ = 0;
  std::atomic<int64_t> misses_ = 0;
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_FUNCTION_CACHE_H_
