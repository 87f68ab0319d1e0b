#include "permacache/memoize/cache.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "permacache/memoize/error.h"
#include "permacache/memoize/failure_reporter.h"
#include "permacache/memoize/location.h"
#include "permacache/storage/storage.h"

namespace permacache {
namespace {

using SharedStore = std::shared_ptr<storage::Store>;
using Reporter = std::shared_ptr<memoize::FailureReporter>;

memoize::FunctionCache::OpenStore OpenOnDisk(const std::filesystem::path& folder,
                                             size_t memory_bytes, const FunctionOptions& options,
                                             const Reporter& failures) {
  const storage::LmdbStoreOptions lmdb{
      .environment = {.directory = folder, .memory_bytes = memory_bytes},
      .version = options.version,
      .compression = options.compression,
      .durability = options.durability,
      .on_lost = [failures](const absl::Status& status) { failures->Report(status); },
  };
  return [lmdb]() -> absl::StatusOr<SharedStore> { return storage::LmdbStore::Open(lmdb); };
}

storage::FileFormat FormatOf(const FunctionOptions& options) {
  if (options.compression == Compression::kZstd) return storage::FileFormat::kZstd;
  return options.encoding == Encoding::kJson ? storage::FileFormat::kJson
                                             : storage::FileFormat::kBinary;
}

memoize::FunctionCache::OpenStore OpenInFiles(const std::filesystem::path& folder,
                                              const FunctionOptions& options) {
  const storage::FileStoreOptions files{
      .directory = folder,
      .version = options.version,
      .format = FormatOf(options),
  };
  return [files]() -> absl::StatusOr<SharedStore> {
    return std::make_shared<storage::FileStore>(files);
  };
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

  memoize::FunctionCache::OpenStore Open(const std::filesystem::path& folder,
                                         const FunctionOptions& function,
                                         const Reporter& failures) {
    switch (options.storage) {
      case Storage::kMemory:
        return OpenInMemory(function.name, function.version);
      case Storage::kFiles:
        return OpenInFiles(folder, function);
      default:
        return OpenOnDisk(folder, options.memory_bytes, function, failures);
    }
  }

  std::shared_ptr<memoize::FileContents> OpenFileContents() {
    const std::string name(memoize::kFileContentsName);
    const Reporter failures = std::make_shared<memoize::FailureReporter>(name, options.on_failure);
    return std::make_shared<memoize::FileContents>(std::make_unique<memoize::FunctionCache>(
        name, Open(options.directory / name, {.name = name}, failures), failures));
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
  const Reporter failures = std::make_shared<memoize::FailureReporter>(
      options.name, options.on_failure ? options.on_failure : cache.on_failure);
  const std::filesystem::path folder =
      cache.storage == Storage::kMemory ? std::filesystem::path()
                                        : memoize::FunctionDirectory(cache.directory, options.name);
  memoize::FunctionCache::OpenStore open = shared_->Open(folder, options, failures);
  return {.cache = std::make_unique<memoize::FunctionCache>(std::move(options.name),
                                                            std::move(open), failures),
          .files = shared_->files,
          .key_format = options.key_format,
          .encoding = options.encoding};
}

void SyncAll() {
  const absl::Status status = storage::SyncAllEnvironments();
  if (!status.ok()) {
    throw Error("permacache: not every result could be written: " + status.ToString());
  }
}

}  // namespace permacache
