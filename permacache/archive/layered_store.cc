#include "permacache/archive/layered_store.h"

#include <utility>

namespace permacache::archive {
namespace {

using storage::EntryInfo;
using storage::KeyedRecord;
using storage::Record;
using storage::Store;

}  // namespace

LayeredStore::LayeredStore(storage::LazyStore::Open own, std::vector<PackLayer> packs,
                           OnTrouble on_trouble)
    : own_(std::move(own)), packs_(std::move(packs)), on_trouble_(std::move(on_trouble)) {}

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
  const absl::StatusOr<Store*> own = own_.Get();
  const absl::StatusOr<bool> found = own.ok() ? (*own)->Get(key, visit) : own.status();
  if (found.ok() && *found) return found;
  if (!GetFromPacks(key, visit)) return found;
  if (!found.ok()) on_trouble_(found.status());
  return true;
}

absl::Status LayeredStore::GetMany(std::span<const std::string> keys,
                                   absl::FunctionRef<void(size_t index, const Record&)> visit) {
  std::vector<bool> is_found(keys.size());
  const absl::StatusOr<Store*> own = own_.Get();
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
  Store* const own = own_.IfOpen();
  return own == nullptr ? std::nullopt : own->State();
}

absl::Status LayeredStore::Put(std::string_view key, const Record& record) {
  const absl::StatusOr<Store*> own = own_.Get();
  return own.ok() ? (*own)->Put(key, record) : own.status();
}

absl::Status LayeredStore::PutMany(std::span<const KeyedRecord> entries, bool synced) {
  const absl::StatusOr<Store*> own = own_.Get();
  return own.ok() ? (*own)->PutMany(entries, synced) : own.status();
}

absl::StatusOr<bool> LayeredStore::Erase(std::string_view key) {
  const absl::StatusOr<Store*> own = own_.Get();
  return own.ok() ? (*own)->Erase(key) : own.status();
}

absl::Status LayeredStore::Clear() {
  const absl::StatusOr<Store*> own = own_.Get();
  return own.ok() ? (*own)->Clear() : own.status();
}

absl::StatusOr<int64_t> LayeredStore::Size() {
  const absl::StatusOr<Store*> own = own_.Get();
  return own.ok() ? (*own)->Size() : own.status();
}

absl::Status LayeredStore::ForEach(storage::Depth depth,
                                   absl::FunctionRef<storage::Verdict(const EntryInfo&)> visit) {
  const absl::StatusOr<Store*> own = own_.Get();
  return own.ok() ? (*own)->ForEach(depth, visit) : own.status();
}

}  // namespace permacache::archive
