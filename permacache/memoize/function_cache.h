// The cache of one function as far as it knows no C++ types: keys and values are bytes here.
//
// It stands between the calls, which must never suffer, and the store, which can fail: what goes
// wrong during a call is counted and reported, and the call goes on without the cache.
//
// Thread safety: every method may be called from any thread, and in a forked child.
#ifndef PERMACACHE_MEMOIZE_FUNCTION_CACHE_H_
#define PERMACACHE_MEMOIZE_FUNCTION_CACHE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "permacache/memoize/options.h"
#include "permacache/storage/record.h"

namespace permacache::storage {
class LazyStore;
class Store;
}  // namespace permacache::storage

namespace permacache::memoize {

class FailureReporter;

class FunctionCache {
 public:
  FunctionCache(std::string name, std::unique_ptr<storage::LazyStore> store,
                std::shared_ptr<FailureReporter> failures);
  FunctionCache(const FunctionCache&) = delete;
  FunctionCache& operator=(const FunctionCache&) = delete;
  ~FunctionCache();

  // Takes a record that was found; says whether its value is of the right type. What it throws is a
  // failure; codec::DecodeError means that the value is damaged.
  using Decode = absl::FunctionRef<bool(const storage::Record& record)>;

  // Looks for a record of this key that `decode` takes. A value of another type is a miss like any
  // other.
  enum class Lookup { kHit, kMiss, kFailure };
  Lookup Look(std::string_view key, Decode decode);

  // Whether that is a hit.
  bool Get(std::string_view key, Decode decode) { return Look(key, decode) == Lookup::kHit; }

  // See storage::Store::State. Opens nothing.
  std::optional<storage::StoreState> State() const;

  // The same for many keys at once: calls take(index, record) for each that there is. What it
  // throws is a failure, as in Decode.
  void GetMany(std::span<const std::string> keys,
               absl::FunctionRef<void(size_t index, const storage::Record& record)> take);

  // Stores a record, whose time of creation is now; returns whether it could.
  bool Put(std::string_view key, storage::Record record);

  // The same for many. With `synced` a crash takes none of them back when this returns.
  bool PutMany(std::vector<storage::KeyedRecord> records, bool synced);

  // Runs `body`; what it throws is a failure of the cache. Returns whether it threw nothing.
  bool Guard(std::string_view doing, absl::FunctionRef<void()> body);

  // These throw Error if they cannot do it: nothing can be computed instead.
  bool Erase(std::string_view key);
  void Clear();
  int64_t Size();

  // Counts something that went wrong, and tells of it if it is the first of its kind.
  void Report(Failure failure);

  const std::string& name() const { return name_; }

  // For questions beyond these; throws Error if it cannot be opened.
  storage::Store& StoreOrThrow();

 private:
  Lookup TryLook(std::string_view key, Decode decode);

  const std::string name_;
  const std::unique_ptr<storage::LazyStore> store_;
  const std::shared_ptr<FailureReporter> failures_;
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_FUNCTION_CACHE_H_
