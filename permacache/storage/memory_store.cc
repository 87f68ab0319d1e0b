#include "permacache/storage/memory_store.h"

#include <mutex>

namespace permacache::storage {

absl::StatusOr<bool> MemoryStore::Get(std::string_view key,
                                      absl::FunctionRef<void(const Record&)> visit) {
  std::shared_lock lock(mutex_);
  const auto found = entries_.find(std::string(key));
  if (found == entries_.end()) return false;
  const Entry& entry = found->second;
  visit({.value = entry.value, .created = entry.created, .compute_time = entry.compute_time});
  return true;
}

absl::Status MemoryStore::Put(std::string_view key, const Record& record) {
  std::unique_lock lock(mutex_);
  entries_[std::string(key)] = {std::string(record.value), record.created, record.compute_time};
  return absl::OkStatus();
}

absl::StatusOr<bool> MemoryStore::Erase(std::string_view key) {
  std::unique_lock lock(mutex_);
  return entries_.erase(std::string(key)) > 0;
}

absl::Status MemoryStore::Clear() {
  std::unique_lock lock(mutex_);
  entries_.clear();
  return absl::OkStatus();
}

absl::StatusOr<int64_t> MemoryStore::Size() {
  std::shared_lock lock(mutex_);
  return static_cast<int64_t>(entries_.size());
}

}  // namespace permacache::storage
