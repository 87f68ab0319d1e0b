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

memoize::FunctionCache::OpenStore OpenOnDisk(const std::filesystem::path& folder, uint32_t version,
                                             Compression compression) {
  const storage::LmdbStoreOptions lmdb{
      .environment = {.directory = folder},
      .version = version,
      .compression = compression,
  };
  return [lmdb]() -> absl::StatusOr<SharedStore> { return storage::LmdbStore::Open(lmdb); };
}

}  // namespace

struct Cache::Shared {
  CacheOptions options;
  std::shared_ptr<memoize::FileContents> files;

  std::mutex mutex;
  // Stores in memory, by name and version; guarded by mutex.
  std::map<std::pair<std::string, uint32_t>, SharedStore> in_memory;

  memoize::FunctionCache::OpenStore OpenInMemory(const std::string& name, uint32_t version) {
    std::lock_guard lock(mutex);
    SharedStore& store = in_memory[{name, version}];
    if (store == nullptr) store = std::make_shared<storage::MemoryStore>();
    return [store]() -> absl::StatusOr<SharedStore> { return store; };
  }

  std::shared_ptr<memoize::FileContents> OpenFileContents() {
    const std::string name(memoize::kFileContentsName);
    return std::make_shared<memoize::FileContents>(std::make_unique<memoize::FunctionCache>(
        name,
        options.storage == Storage::kMemory
            ? OpenInMemory(name, 0)
            : OpenOnDisk(options.directory / name, 0, Compression::kNone),
        options.on_failure));
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
  shared_->files = shared_->OpenFileContents();
}

const std::filesystem::path& Cache::directory() const { return shared_->options.directory; }

memoize::OpenedFunction Cache::OpenFunction(FunctionOptions options) const {
  const CacheOptions& cache = shared_->options;
  memoize::CheckFunctionName(options.name);
  memoize::FunctionCache::OpenStore open =
      cache.storage == Storage::kMemory
          ? shared_->OpenInMemory(options.name, options.version)
          : OpenOnDisk(memoize::FunctionDirectory(cache.directory, options.name), options.version,
                       options.compression);
  FailureHandler on_failure = options.on_failure ? options.on_failure : cache.on_failure;
  return {.cache = std::make_unique<memoize::FunctionCache>(std::move(options.name),
                                                            std::move(open), std::move(on_failure)),
          .files = shared_->files,
          .key_format = options.key_format};
}

}  // namespace permacache
