#include "permacache/storage/recent_entries.h"

#include <utility>

#include "absl/cleanup/cleanup.h"

namespace permacache::storage {
bool RecentEntries::Visit(const Place& place, std::string_view key, const StoreState& seen,
                          absl::FunctionRef<void(const Record&)> visit) {
  Slot& slot = SlotOf(place);
  if (slot.seen != seen || slot.entry->place != place || slot.entry->key() != key) return false;
  ++slot.visitors;
  const absl::Cleanup leave = [&] { --slot.visitors; };
  visit(slot.entry->record(seen));
  return true;
}

bool RecentEntries::IsRepeated(const Place& place) {
  return std::exchange(SlotOf(place).candidate, place.digest) == place.digest;
}

void RecentEntries::Keep(MemoryEntry::Share entry, const StoreState& seen) {
  Slot& slot = SlotOf(entry->place);
  if (slot.visitors > 0 || entry->size() > kLargestEntry) return;
  slot.seen = seen;
  slot.entry = std::move(entry);
}

}  // namespace permacache::storage
