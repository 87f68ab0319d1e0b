#include "permacache/memoize/function_cache.h"

#include <exception>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "permacache/catalog/error.h"
#include "permacache/codec/codec.h"
#include "permacache/memoize/failure_reporter.h"
#include "permacache/storage/lazy_store.h"

namespace permacache::memoize {
namespace {

// What the exception that is being handled says.
Failure FailureOfException(std::string_view doing) {
  const auto failure = [&](Failure::Kind kind, std::string_view what) -> Failure {
    return {.kind = kind, .message = absl::StrCat(std::string(doing), ": ", std::string(what))};
  };
  try {
    throw;
  } catch (const codec::DecodeError& error) {
    return failure(Failure::Kind::kDamaged, error.what());
  } catch (const std::exception& error) {
    return failure(Failure::Kind::kException, error.what());
  } catch (...) {
    return failure(Failure::Kind::kException, "an exception that is no std::exception");
  }
}

void ThrowUnlessOk(const absl::Status& status, std::string_view name, std::string_view doing) {
  if (status.ok()) return;
  throw Error(absl::StrCat("permacache: cannot ", std::string(doing), " ", std::string(name), ": ",
                           status.ToString()));
}

}  // namespace

FunctionCache::FunctionCache(std::string name, std::unique_ptr<storage::LazyStore> store,
                             std::shared_ptr<FailureReporter> failures)
    : name_(std::move(name)), store_(std::move(store)), failures_(std::move(failures)) {}

FunctionCache::~FunctionCache() = default;

void FunctionCache::Report(Failure failure) { failures_->Report(std::move(failure)); }

std::optional<storage::StoreState> FunctionCache::State() const {
  storage::Store* const store = store_->IfOpen();
  return store == nullptr ? std::nullopt : store->State();
}

bool FunctionCache::Guard(std::string_view doing, absl::FunctionRef<void()> body) {
  try {
    body();
    return true;
  } catch (...) {
    Report(FailureOfException(doing));
    return false;
  }
}

FunctionCache::Lookup FunctionCache::Look(std::string_view key, Decode decode) {
  Lookup lookup = Lookup::kFailure;
  Guard("the result cannot be read", [&] { lookup = TryLook(key, decode); });
  return lookup;
}

FunctionCache::Lookup FunctionCache::TryLook(std::string_view key, Decode decode) {
  const absl::StatusOr<storage::Store*> store = store_->Get();
  if (!store.ok()) {
    failures_->Report(store.status());
    return Lookup::kFailure;
  }
  bool is_decoded = false;
  const absl::StatusOr<bool> found =
      (*store)->Get(key, [&](const storage::Record& record) { is_decoded = decode(record); });
  if (!found.ok()) {
    failures_->Report(found.status());
    return Lookup::kFailure;
  }
  return *found && is_decoded ? Lookup::kHit : Lookup::kMiss;
}

void FunctionCache::GetMany(
    std::span<const std::string> keys,
    absl::FunctionRef<void(size_t index, const storage::Record& record)> take) {
  const absl::StatusOr<storage::Store*> store = store_->Get();
  if (!store.ok()) return failures_->Report(store.status());
  Guard("the results cannot be read", [&] {
    const absl::Status status =
        (*store)->GetMany(keys, [&](size_t index, const storage::Record& record) {
          Guard("a result cannot be read", [&] { take(index, record); });
        });
    if (!status.ok()) failures_->Report(status);
  });
}

bool FunctionCache::Put(std::string_view key, storage::Record record) {
  absl::Status status;
  Guard("the result cannot be stored", [&] {
    const absl::StatusOr<storage::Store*> store = store_->Get();
    record.created = std::chrono::system_clock::now();
    status = store.ok() ? (*store)->Put(key, record) : store.status();
    if (!status.ok()) failures_->Report(status);
  });
  return status.ok();
}

bool FunctionCache::PutMany(std::vector<storage::KeyedRecord> records, bool synced) {
  absl::Status status;
  Guard("the results cannot be stored", [&] {
    const absl::StatusOr<storage::Store*> store = store_->Get();
    const storage::TimePoint now = std::chrono::system_clock::now();
    for (storage::KeyedRecord& entry : records) entry.record.created = now;
    status = store.ok() ? (*store)->PutMany(records, synced) : store.status();
    if (!status.ok()) failures_->Report(status);
  });
  return status.ok();
}

storage::Store& FunctionCache::StoreOrThrow() {
  const absl::StatusOr<storage::Store*> store = store_->Get(storage::LazyStore::Patience::kTryNow);
  ThrowUnlessOk(store.status(), name_, "open the cache of");
  return **store;
}

bool FunctionCache::Erase(std::string_view key) {
  absl::StatusOr<bool> erased = StoreOrThrow().Erase(key);
  ThrowUnlessOk(erased.status(), name_, "forget a result of");
  return *erased;
}

void FunctionCache::Clear() { ThrowUnlessOk(StoreOrThrow().Clear(), name_, "clear the cache of"); }

int64_t FunctionCache::Size() {
  absl::StatusOr<int64_t> size = StoreOrThrow().Size();
  ThrowUnlessOk(size.status(), name_, "count the results of");
  return *size;
}

}  // namespace permacache::memoize
