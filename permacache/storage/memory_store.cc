#include "permacache/storage/memory_store.h"

#include <mutex>
#include <vector>

#include "permacache/storage/coarse_clock.h"
#include "permacache/storage/last_use.h"

namespace permacache::storage {

absl::StatusOr<bool> MemoryStore::Get(std::string_view key,
                                      absl::FunctionRef<void(const Record&)> visit) {
  std::shared_lock lock(mutex_);
  const auto found = entries_.find(std::string(key));
  if (found == entries_.end()) return false;
  Entry& entry = found->second;
  const TimePoint now = CoarseNow();
  if (IsToBeNoted(entry.last_used, now)) entry.last_used = now;
  visit({.value = entry.value,
         .created = entry.created,
         .compute_time = entry.compute_time,
         .from_memory = true});
  return true;
}

absl::Status MemoryStore::Put(std::string_view key, const Record& record) {
  std::unique_lock lock(mutex_);
  Entry& entry = entries_[std::string(key)];
  entry.value = record.value;
  entry.created = record.created;
  entry.compute_time = record.compute_time;
  entry.last_used = record.created;
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

// Looks at one entry at a time, so that nobody waits for `visit`.
absl::Status MemoryStore::ForEach(Depth depth, absl::FunctionRef<Verdict(const EntryInfo&)> visit) {
  for (const std::string& key : Keys()) {
    EntryInfo info = {.key = key};
    std::string value;
    {
      std::shared_lock lock(mutex_);
      const auto found = entries_.find(key);
      if (found == entries_.end()) continue;
      const Entry& entry = found->second;
      info.created = entry.created;
      info.last_used = entry.last_used;
      info.compute_time = entry.compute_time;
      info.bytes = sizeof(Entry) + key.size() + entry.value.size();
      if (depth == Depth::kValues) value = entry.value;
    }
    info.value = value;
    const Verdict verdict = visit(info);
    if (verdict == Verdict::kStop) break;
    if (verdict == Verdict::kKeep) continue;
    std::unique_lock lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second.created != info.created ||
        found->second.last_used.load() != info.last_used) {
      continue;
    }
    entries_.erase(found);
  }
  return absl::OkStatus();
}

std::vector<std::string> MemoryStore::Keys() {
  std::vector<std::string> keys;
  std::shared_lock lock(mutex_);
  keys.reserve(entries_.size());
  for (const auto& [key, entry] : entries_) keys.push_back(key);
  return keys;
}

}  // namespace permacache::storage
