// A store that is opened when it is first needed.
#ifndef PERMACACHE_STORAGE_LAZY_STORE_H_
#define PERMACACHE_STORAGE_LAZY_STORE_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/storage/store.h"

namespace permacache::storage {

// Every method may be called from any thread, and in a forked child.
class LazyStore {
 public:
  using Open = std::function<absl::StatusOr<std::shared_ptr<Store>>()>;

  // `open` may be called by several threads at once, and again after it failed.
  explicit LazyStore(Open open) : open_(std::move(open)) {}
  LazyStore(const LazyStore&) = delete;
  LazyStore& operator=(const LazyStore&) = delete;
  ~LazyStore() { delete store_.load(std::memory_order_acquire); }

  // Opens it, if it is not open. Where that failed a moment ago says so: a store that could not be
  // opened may be damaged, which takes time to find out again.
  enum class Patience { kWaitAfterFailure, kTryNow };
  absl::StatusOr<Store*> Get(Patience patience = Patience::kWaitAfterFailure);

  // Null if it is not open.
  Store* IfOpen() const {
    const std::shared_ptr<Store>* store = store_.load(std::memory_order_acquire);
    return store == nullptr ? nullptr : store->get();
  }

 private:
  const Open open_;

  // Lock-free, as a mutex might be held by another thread while this one forks.
  std::atomic<std::shared_ptr<Store>*> store_ = nullptr;
  std::atomic<std::chrono::steady_clock::rep> next_attempt_ = 0;
  std::atomic<absl::StatusCode> last_open_ = absl::StatusCode::kOk;
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_LAZY_STORE_H_
