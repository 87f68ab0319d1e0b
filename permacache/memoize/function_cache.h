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
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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

  using Decode = absl::FunctionRef<absl::Status(const storage::Record& record)>;

  // Looks for a record of this key that `decode` accepts. It returns kFailedPrecondition for a
  // value of another type, which is a miss like any other. What it throws is a failure.
  enum class Lookup { kHit, kMiss, kFailure };
  Lookup Look(std::string_view key, Decode decode);

  // Whether that is a hit.
  bool Get(std::string_view key, Decode decode) { return Look(key, decode) == Lookup::kHit; }

  // See storage::Store::State. Opens nothing.
  std::optional<storage::StoreState> State() const {
    const std::shared_ptr<storage::Store>* store = store_.load(std::memory_order_acquire);
    return store == nullptr ? std::nullopt : (*store)->State();
  }

  // The same for many keys at once: calls decode(index, record) for each that there is.
  void GetMany(std::span<const std::string> keys,
               absl::FunctionRef<absl::Status(size_t index, const storage::Record& record)> decode);

  // Stores a record, whose time of creation is now; returns whether it could.
  bool Put(std::string_view key, storage::Record record);

  // The same for many. With `synced` a crash takes none of them back when this returns.
  bool PutMany(std::vector<storage::KeyedRecord> records, bool synced);

  // Runs `body`; what it throws is a failure of the cache. Returns whether it threw nothing.
  bool Guard(std::string_view doing, absl::FunctionRef<void()> body);

  // These throw Error if they cannot do it: nothing can be computed instead.
  bool Erase(std::string_view key);
  void Clear();
  int64_t Size();

  // Counts something that went wrong, and tells of it if it is the first of its kind.
  void Report(const absl::Status& status) { failures_->Report(status); }

  const std::string& name() const { return name_; }

  // For questions beyond these; throws Error if it cannot be opened.
  storage::Store& StoreOrThrow();

 private:
  enum class Patience { kWaitAfterFailure, kTryNow };
  absl::StatusOr<storage::Store*> store(Patience patience = Patience::kWaitAfterFailure);
  Lookup TryLook(std::string_view key, Decode decode);

  const std::string name_;
  const OpenStore open_;
  const std::shared_ptr<FailureReporter> failures_;

  // Lock-free, as a mutex might be held by another thread while this one forks.
  std::atomic<std::shared_ptr<storage::Store>*> store_ = nullptr;
  std::atomic<std::chrono::steady_clock::rep> next_attempt_ = 0;
  std::atomic<absl::StatusCode> last_open_ = absl::StatusCode::kOk;
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_FUNCTION_CACHE_H_
