#include "permacache/testing/faulty_store.h"

#include <cstddef>

namespace permacache::testing {

using storage::Record;

void FaultyStore::Fail(StoreCall call, absl::Status status, int times) {
  std::lock_guard lock(mutex_);
  Fault& fault = faults_[static_cast<size_t>(call)];
  fault.status = std::move(status);
  fault.times = times;
}

int FaultyStore::hits(StoreCall call) const {
  std::lock_guard lock(mutex_);
  return faults_[static_cast<size_t>(call)].hits;
}

absl::Status FaultyStore::Hit(StoreCall call) {
  std::lock_guard lock(mutex_);
  Fault& fault = faults_[static_cast<size_t>(call)];
  if (fault.status.ok() || fault.times == 0) return absl::OkStatus();
  --fault.times;
  ++fault.hits;
  return fault.status;
}

absl::StatusOr<bool> FaultyStore::Get(std::string_view key,
                                      absl::FunctionRef<void(const Record&)> visit) {
  if (absl::Status status = Hit(StoreCall::kGet); !status.ok()) return status;
  return store_->Get(key, visit);
}

absl::Status FaultyStore::Put(std::string_view key, const Record& record) {
  if (absl::Status status = Hit(StoreCall::kPut); !status.ok()) return status;
  return store_->Put(key, record);
}

absl::StatusOr<bool> FaultyStore::Erase(std::string_view key) {
  if (absl::Status status = Hit(StoreCall::kErase); !status.ok()) return status;
  return store_->Erase(key);
}

absl::Status FaultyStore::Clear() {
  if (absl::Status status = Hit(StoreCall::kClear); !status.ok()) return status;
  return store_->Clear();
}

absl::StatusOr<int64_t> FaultyStore::Size() {
  if (absl::Status status = Hit(StoreCall::kSize); !status.ok()) return status;
  return store_->Size();
}

absl::Status FaultyStore::ForEach(
    storage::Depth depth, absl::FunctionRef<storage::Verdict(const storage::EntryInfo&)> visit) {
  if (absl::Status status = Hit(StoreCall::kForEach); !status.ok()) return status;
  return store_->ForEach(depth, visit);
}

}  // namespace permacache::testing
