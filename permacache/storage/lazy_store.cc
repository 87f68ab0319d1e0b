#include "permacache/storage/lazy_store.h"

#include <utility>

namespace permacache::storage {
namespace {

using std::chrono::steady_clock;

constexpr auto kPauseBetweenAttempts = std::chrono::seconds(1);

}  // namespace

absl::StatusOr<Store*> LazyStore::Get(Patience patience) {
  if (Store* open = IfOpen()) return open;

  const steady_clock::time_point now = steady_clock::now();
  const absl::StatusCode last = last_open_.load(std::memory_order_relaxed);
  if (patience == Patience::kWaitAfterFailure && last != absl::StatusCode::kOk &&
      now.time_since_epoch().count() < next_attempt_.load(std::memory_order_relaxed)) {
    return absl::Status(last, "the cache could not be opened a moment ago");
  }
  absl::StatusOr<std::shared_ptr<Store>> store = open_();
  if (!store.ok()) {
    next_attempt_.store((now + kPauseBetweenAttempts).time_since_epoch().count(),
                        std::memory_order_relaxed);
    last_open_.store(store.status().code(), std::memory_order_relaxed);
    return store.status();
  }
  std::shared_ptr<Store>* others = nullptr;
  auto mine = std::make_unique<std::shared_ptr<Store>>(*std::move(store));
  if (store_.compare_exchange_strong(others, mine.get(), std::memory_order_acq_rel)) {
    return mine.release()->get();
  }
  return others->get();
}

}  // namespace permacache::storage
