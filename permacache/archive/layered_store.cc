#include "permacache/archive/layered_store.h"

#include <utility>

namespace permacache::archive {
namespace {

using std::chrono::steady_clock;
using storage::EntryInfo;
using storage::KeyedRecord;
using storage::Record;
using storage::Store;

// A store that could not be opened may be damaged, which takes time to find out again.
constexpr auto kPauseBetweenAttempts = std::chrono::seconds(1);

}  // namespace

LayeredStore::LayeredStore(OpenStore open, std::vector<PackLayer> packs, OnTrouble on_trouble)
    : open_(std::move(open)), packs_(std::move(packs)), on_trouble_(std::move(on_trouble)) {}

LayeredStore::~LayeredStore() { delete own_.load(std::memory_order_acquire); }

absl::StatusOr<Store*> LayeredStore::Own() {
  std::shared_ptr<Store>* opened = own_.load(std::memory_order_acquire);
  if (opened != nullptr) return opened->get();
  const steady_clock::time_point now = steady_clock::now();
  const absl::StatusCode last = last_open_.load(std::memory_order_relaxed);
  if (last != absl::StatusCode::kOk &&
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
  auto mine = std::make_unique<std::shared_ptr<Store>>(*std::move(store));
  if (own_.compare_exchange_strong(opened, mine.get(), std::memory_order_acq_rel)) {
    return mine.release()->get();
  }
  return opened->get();
}

bool LayeredStore::GetFromPacks(std::string_view key,
                                absl::FunctionRef<void(const Record&)> visit) {
  for (const PackLayer& layer : packs_) {
    const absl::StatusOr<bool> found = layer.pack->Get(*layer.indexes, key, visit);
    if (!found.ok()) on_trouble_(found.status());
    if (found.ok() && *found) return true;
  }
  return false;
}

absl::StatusOr<bool> LayeredStore::Get(std::string_view key,
                                       absl::FunctionRef<void(const Record&)> visit) {
  const absl::StatusOr<Store*> own = Own();
  const absl::StatusOr<bool> found = own.ok() ? (*own)->Get(key, visit) : own.status();
  if (found.ok() && *found) return found;
  if (!GetFromPacks(key, visit)) return found;
  if (!found.ok()) on_trouble_(found.status());
  return true;
}

absl::Status LayeredStore::GetMany(std::span<const std::string> keys,
                                   absl::FunctionRef<void(size_t index, const Record&)> visit) {
  std::vector<bool> is_found(keys.size());
  const absl::StatusOr<Store*> own = Own();
  const absl::Status status =
      !own.ok() ? own.status() : (*own)->GetMany(keys, [&](size_t i, const Record& record) {
        is_found[i] = true;
        visit(i, record);
      });
  for (size_t i = 0; i < keys.size(); ++i) {
    if (is_found[i]) continue;
    GetFromPacks(keys[i], [&](const Record& record) { visit(i, record); });
  }
  return status;
}

std::optional<storage::StoreState> LayeredStore::State() {
  const std::shared_ptr<Store>* own = own_.load(std::memory_order_acquire);
  return own == nullptr ? std::nullopt : (*own)->State();
}

absl::Status LayeredStore::Put(std::string_view key, const Record& record) {
  const absl::StatusOr<Store*> own = Own();
  return own.ok() ? (*own)->Put(key, record) : own.status();
}

absl::Status LayeredStore::PutMany(std::span<const KeyedRecord> entries, bool synced) {
  const absl::StatusOr<Store*> own = Own();
  return own.ok() ? (*own)->PutMany(entries, synced) : own.status();
}

absl::StatusOr<bool> LayeredStore::Erase(std::string_view key) {
  const absl::StatusOr<Store*> own = Own();
  return own.ok() ? (*own)->Erase(key) : own.status();
}

absl::Status LayeredStore::Clear() {
  const absl::StatusOr<Store*> own = Own();
  return own.ok() ? (*own)->Clear() : own.status();
}

absl::StatusOr<int64_t> LayeredStore::Size() {
  const absl::StatusOr<Store*> own = Own();
  return own.ok() ? (*own)->Size() : own.status();
}

absl::Status LayeredStore::ForEach(storage::Depth depth,
                                   absl::FunctionRef<storage::Verdict(const EntryInfo&)> visit) {
  const absl::StatusOr<Store*> own = Own();
  return own.ok() ? (*own)->ForEach(depth, visit) : own.status();
}

}  // namespace permacache::archive
