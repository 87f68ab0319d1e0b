#include "permacache/memoize/function_cache.h"

#include <exception>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "permacache/memoize/error.h"

namespace permacache::memoize {
namespace {

using std::chrono::steady_clock;

// A store that could not be opened may be damaged, which takes time to find out again.
constexpr auto kPauseBetweenAttempts = std::chrono::seconds(1);

// What the exception that is being handled says.
std::string CurrentException() {
  try {
    throw;
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

void ThrowUnlessOk(const absl::Status& status, std::string_view name, std::string_view doing) {
  if (status.ok()) return;
  throw Error(absl::StrCat("permacache: cannot ", std::string(doing), " ", std::string(name), ": ",
                           status.ToString()));
}

}  // namespace

FunctionCache::FunctionCache(std::string name, OpenStore open,
                             std::shared_ptr<FailureReporter> failures)
    : name_(std::move(name)), open_(std::move(open)), failures_(std::move(failures)) {}

FunctionCache::~FunctionCache() { delete store_.load(std::memory_order_acquire); }

absl::StatusOr<storage::Store*> FunctionCache::store(Patience patience) {
  std::shared_ptr<storage::Store>* opened = store_.load(std::memory_order_acquire);
  if (opened != nullptr) return opened->get();

  const steady_clock::time_point now = steady_clock::now();
  const absl::StatusCode last = last_open_.load(std::memory_order_relaxed);
  if (patience == Patience::kWaitAfterFailure && last != absl::StatusCode::kOk &&
      now.time_since_epoch().count() < next_attempt_.load(std::memory_order_relaxed)) {
    return absl::Status(last, "the cache could not be opened a moment ago");
  }
  absl::StatusOr<std::shared_ptr<storage::Store>> store = open_();
  if (!store.ok()) {
    next_attempt_.store((now + kPauseBetweenAttempts).time_since_epoch().count(),
                        std::memory_order_relaxed);
    last_open_.store(store.status().code(), std::memory_order_relaxed);
    return store.status();
  }
  auto mine = std::make_unique<std::shared_ptr<storage::Store>>(*std::move(store));
  if (store_.compare_exchange_strong(opened, mine.get(), std::memory_order_acq_rel)) {
    return mine.release()->get();
  }
  return opened->get();
}

bool FunctionCache::Guard(std::string_view doing, absl::FunctionRef<void()> body) {
  try {
    body();
    return true;
  } catch (...) {
    Report(absl::InternalError(absl::StrCat(std::string(doing), ": ", CurrentException())));
    return false;
  }
}

FunctionCache::Lookup FunctionCache::Look(std::string_view key, Decode decode) {
  Lookup lookup = Lookup::kFailure;
  Guard("the result cannot be read", [&] { lookup = TryLook(key, decode); });
  return lookup;
}

FunctionCache::Lookup FunctionCache::TryLook(std::string_view key, Decode decode) {
  absl::StatusOr<storage::Store*> store = this->store();
  if (!store.ok()) {
    Report(store.status());
    return Lookup::kFailure;
  }
  absl::Status decoded;
  const absl::StatusOr<bool> found =
      (*store)->Get(key, [&](const storage::Record& record) { decoded = decode(record); });
  if (!found.ok()) {
    Report(found.status());
    return Lookup::kFailure;
  }
  if (decoded.ok()) return *found ? Lookup::kHit : Lookup::kMiss;
  if (absl::IsFailedPrecondition(decoded)) return Lookup::kMiss;
  Report(decoded);
  return Lookup::kFailure;
}

void FunctionCache::GetMany(
    std::span<const std::string> keys,
    absl::FunctionRef<absl::Status(size_t index, const storage::Record& record)> decode) {
  absl::StatusOr<storage::Store*> store = this->store();
  if (!store.ok()) return Report(store.status());
  Guard("the results cannot be read", [&] {
    const absl::Status status =
        (*store)->GetMany(keys, [&](size_t index, const storage::Record& record) {
          Guard("a result cannot be read", [&] {
            const absl::Status decoded = decode(index, record);
            if (!decoded.ok() && !absl::IsFailedPrecondition(decoded)) Report(decoded);
          });
        });
    if (!status.ok()) Report(status);
  });
}

bool FunctionCache::Put(std::string_view key, storage::Record record) {
  absl::Status status;
  Guard("the result cannot be stored", [&] {
    absl::StatusOr<storage::Store*> store = this->store();
    record.created = std::chrono::system_clock::now();
    status = store.ok() ? (*store)->Put(key, record) : store.status();
    if (!status.ok()) Report(status);
  });
  return status.ok();
}

bool FunctionCache::PutMany(std::vector<storage::KeyedRecord> records, bool synced) {
  absl::Status status;
  Guard("the results cannot be stored", [&] {
    absl::StatusOr<storage::Store*> store = this->store();
    const storage::TimePoint now = std::chrono::system_clock::now();
    for (storage::KeyedRecord& entry : records) entry.record.created = now;
    status = store.ok() ? (*store)->PutMany(records, synced) : store.status();
    if (!status.ok()) Report(status);
  });
  return status.ok();
}

storage::Store& FunctionCache::StoreOrThrow() {
  absl::StatusOr<storage::Store*> store = this->store(Patience::kTryNow);
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
