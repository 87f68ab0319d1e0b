// A store that fails when told to, and else does what another one does.
#ifndef PERMACACHE_TESTING_FAULTY_STORE_H_
#define PERMACACHE_TESTING_FAULTY_STORE_H_

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/storage/store.h"

namespace permacache::testing {

enum class StoreCall { kGet, kPut, kErase, kClear, kSize, kForEach };

// Every method may be called from any thread.
class FaultyStore : public storage::Store {
 public:
  explicit FaultyStore(std::shared_ptr<storage::Store> store) : store_(std::move(store)) {}

  // The next calls of this kind return this, and do nothing. OK ends it.
  void Fail(StoreCall call, absl::Status status, int times = std::numeric_limits<int>::max());

  // How many calls of this kind have failed by now.
  int hits(StoreCall call) const;

  absl::StatusOr<bool> Get(std::string_view key,
                           absl::FunctionRef<void(const storage::Record&)> visit) override;
  absl::Status Put(std::string_view key, const storage::Record& record) override;
  absl::StatusOr<bool> Erase(std::string_view key) override;
  absl::Status Clear() override;
  absl::StatusOr<int64_t> Size() override;
  absl::Status ForEach(
      storage::Depth depth,
      absl::FunctionRef<storage::Verdict(const storage::EntryInfo&)> visit) override;

 private:
  struct Fault {
    absl::Status status;
    int times = 0;
    int hits = 0;
  };

  absl::Status Hit(StoreCall call);

  const std::shared_ptr<storage::Store> store_;
  mutable std::mutex mutex_;
  std::array<Fault, 6> faults_;  // by StoreCall; guarded by mutex_
};

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTING_FAULTY_STORE_H_
