// A store with packs under it: what it does not have is looked up in them, one after the other.
//
// Only the store itself is written, erased, cleared, counted and walked over; packs never change.
// So an entry that is put hides those of the packs, and one that is erased may show one of them
// again.
//
// Where the store or a pack fails, the others answer all the same, and the trouble is told.
//
// Thread safety: every method may be called from any thread, and in a forked child.
#ifndef PERMACACHE_ARCHIVE_LAYERED_STORE_H_
#define PERMACACHE_ARCHIVE_LAYERED_STORE_H_

#include <cstddef>
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
#include "permacache/archive/pack.h"
#include "permacache/storage/lazy_store.h"
#include "permacache/storage/store.h"

namespace permacache::archive {

// What a pack has of one version of a function.
struct PackLayer {
  std::shared_ptr<const Pack> pack;
  const Pack::Indexes* indexes;  // which live as long as the pack
};

class LayeredStore : public storage::Store {
 public:
  using OnTrouble = std::function<void(const absl::Status&)>;

  // `own` may fail to open: packs can be read where no store can be made. `on_trouble` is told what
  // is not returned, possibly in several threads at once.
  LayeredStore(storage::LazyStore::Open own, std::vector<PackLayer> packs, OnTrouble on_trouble);

  absl::StatusOr<bool> Get(std::string_view key,
                           absl::FunctionRef<void(const storage::Record&)> visit) override;
  absl::Status Put(std::string_view key, const storage::Record& record) override;

  // That of the store. What was found in a pack carries none, as the store may get such an entry.
  std::optional<storage::StoreState> State() override;

  absl::Status GetMany(
      std::span<const std::string> keys,
      absl::FunctionRef<void(size_t index, const storage::Record&)> visit) override;
  absl::Status PutMany(std::span<const storage::KeyedRecord> entries, bool synced) override;
  absl::StatusOr<bool> Erase(std::string_view key) override;
  absl::Status Clear() override;
  absl::StatusOr<int64_t> Size() override;
  absl::Status ForEach(
      storage::Depth depth,
      absl::FunctionRef<storage::Verdict(const storage::EntryInfo&)> visit) override;

 private:
  bool GetFromPacks(std::string_view key, absl::FunctionRef<void(const storage::Record&)> visit);

  storage::LazyStore own_;
  const std::vector<PackLayer> packs_;
  const OnTrouble on_trouble_;
};

}  // namespace permacache::archive

#endif  // PERMACACHE_ARCHIVE_LAYERED_STORE_H_
