#include "permacache/storage/store.h"

#include "absl/strings/str_cat.h"

namespace permacache::storage {

absl::Status Store::GetMany(std::span<const std::string> keys,
                            absl::FunctionRef<void(size_t index, const Record&)> visit) {
  absl::Status trouble;
  for (size_t i = 0; i < keys.size(); ++i) {
    const absl::StatusOr<bool> found =
        Get(keys[i], [&](const Record& record) { visit(i, record); });
    trouble.Update(TroubleOf("keys", i, found.status()));
  }
  return trouble;
}

absl::Status Store::PutMany(std::span<const KeyedRecord> entries, bool) {
  absl::Status trouble;
  for (size_t i = 0; i < entries.size(); ++i) {
    trouble.Update(TroubleOf("entries", i, Put(entries[i].key, entries[i].record)));
  }
  return trouble;
}

absl::Status Store::TroubleOf(std::string_view list, size_t index, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(std::string(list), "[", index, "]: ", status.message()));
}

}  // namespace permacache::storage
