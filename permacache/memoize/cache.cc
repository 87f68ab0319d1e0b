#include "permacache/memoize/cache.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "permacache/memoize/location.h"
#include "permacache/storage/storage.h"

namespace permacache {
namespace {

using SharedStore = std::shared_ptr<storage::Store>;

memoize::FunctionCache::OpenStore OpenOnDisk(const std::filesystem::path& directory,
                                             const FunctionOptions& options) {
  const storage::LmdbStoreOptions lmdb{
      .environment = {.directory = memoize::FunctionDirectory(directory, options.name)},
      .version = options.version,
      .compression = options.compression,
  };
  return [lmdb]() -> absl::StatusOr<SharedStore> { return storage::LmdbStore::Open(lmdb); };
}

}  // namespace

struct Cache::Shared {
  CacheOptions options;

  std::mutex mutex;
  // Stores in memory, by name and version; guarded by mutex.
  std::map<std::pair<std::string, uint32_t>, SharedStore> in_memory;

  memoize::FunctionCache::OpenStore OpenInMemory(const FunctionOptions& function) {
    memoize::FunctionDirectory("", function.name);  // the same names as on disk
    std::lock_guard lock(mutex);
    SharedStore& store = in_memory[{function.name, function.version}];
    if (store == nullptr) store = std::make_shared<storage::MemoryStore>();
    return [store]() -> absl::StatusOr<SharedStore> { return store; };
  }
};

Cache::Cache(CacheOptions options) : shared_(std::make_shared<Shared>()) {
  if (options.storage == Storage::kMemory) {
    options.directory.clear();
  } else {
    if (options.directory.empty()) options.directory = memoize::DefaultDirectory();
    options.directory = std::filesystem::absolute(options.directory);
  }
  shared_->options = std::move(options);
}

const std::filesystem::path& Cache::directory() const { return shared_->options.directory; }

std::unique_ptr<memoize::FunctionCache> Cache::OpenFunction(FunctionOptions options) const {
  memoize::FunctionCache::OpenStore open = shared_->options.storage == Storage::kMemory
                                               ? shared_->OpenInMemory(options)
                                               : OpenOnDisk(shared_->options.directory, options);
  FailureHandler on_failure =
      options.on_failure ? std::move(options.on_failure) : shared_->options.on_failure;
  return std::make_unique<memoize::FunctionCache>(std::move(options.name), std::move(open),
                                                  std::move(on_failure));
}

}  // namespace permacache
