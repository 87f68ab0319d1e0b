#include "permacache/memoize/cache.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "permacache/archive/layered_store.h"
#include "permacache/archive/packs.h"
#include "permacache/catalog/error.h"
#include "permacache/catalog/location.h"
#include "permacache/memoize/failure_reporter.h"
#include "permacache/memoize/file_contents.h"
#include "permacache/memoize/out_file_cache.h"
#include "permacache/memoize/statistics.h"
#include "permacache/storage/lazy_store.h"
#include "permacache/storage/storage.h"

namespace permacache {
namespace {

using SharedStore = std::shared_ptr<storage::Store>;
using Reporter = std::shared_ptr<memoize::FailureReporter>;

storage::LazyStore::Open OpenOnDisk(const std::filesystem::path& folder, size_t memory_bytes,
                                    const FunctionOptions& options, const Reporter& failures) {
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

storage::LazyStore::Open OpenInFiles(const std::filesystem::path& folder,
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

void CheckRanges(const FunctionOptions& options) {
  if (!(options.audit >= 0 && options.audit <= 1)) {
    throw Error("permacache: " + options.name + ": audit is a probability, from 0 to 1");
  }
  if (options.chunk_size && *options.chunk_size == 0) {
    throw Error("permacache: " + options.name + ": chunk_size must be 1 at least");
  }
}

void ThrowUnlessWritten(const absl::Status& status) {
  if (!status.ok()) {
    throw Error("permacache: not every result could be written: " + status.ToString());
  }
}

}  // namespace

struct Cache::Shared {
  CacheOptions options;
  std::shared_ptr<memoize::FileContents> files;
  std::shared_ptr<memoize::SingleFlight> turns_at_paths;
  std::shared_ptr<archive::Packs> packs;

  std::mutex mutex;
  // Stores in memory, by name and version; guarded by mutex.
  std::map<std::pair<std::string, uint32_t>, SharedStore> in_memory;

  storage::LazyStore::Open OpenInMemory(const std::string& name, uint32_t version) {
    std::lock_guard lock(mutex);
    SharedStore& store = in_memory[{name, version}];
    if (store == nullptr) store = std::make_shared<storage::MemoryStore>();
    return [store]() -> absl::StatusOr<SharedStore> { return store; };
  }

  storage::LazyStore::Open Open(const std::filesystem::path& folder,
                                const FunctionOptions& function, const Reporter& failures) {
    switch (options.storage) {
      case Storage::kMemory:
        return OpenInMemory(function.name, function.version);
      case Storage::kFiles:
        return OpenInFiles(folder, function);
      default:
        return OpenOnDisk(folder, options.memory_bytes, function, failures);
    }
  }

  // The same with packs under it, if they have anything of the function.
  storage::LazyStore::Open OpenWithPacks(const std::filesystem::path& folder,
                                         const FunctionOptions& function,
                                         const Reporter& failures) {
    storage::LazyStore::Open open = Open(folder, function, failures);
    if (packs->empty()) return open;
    return [open = std::move(open), packs = packs, name = function.name, version = function.version,
            failures]() -> absl::StatusOr<SharedStore> {
      const auto report = [failures](const absl::Status& status) { failures->Report(status); };
      std::vector<archive::PackLayer> layers = packs->Find(name, version, report);
      if (layers.empty()) return open();
      return std::make_shared<archive::LayeredStore>(open, std::move(layers), report);
    };
  }

  std::shared_ptr<memoize::FileContents> OpenFileContents() {
    const std::string name(catalog::kFileContentsName);
    const Reporter failures = std::make_shared<memoize::FailureReporter>(name, options.on_failure);
    return std::make_shared<memoize::FileContents>(std::make_unique<memoize::FunctionCache>(
        name,
        std::make_unique<storage::LazyStore>(
            Open(options.directory / name, {.name = name}, failures)),
        failures));
  }
};

Cache::Cache(CacheOptions options) : shared_(std::make_shared<Shared>()) {
  if (options.storage == Storage::kMemory) {
    options.directory.clear();
  } else {
    if (options.directory.empty()) options.directory = catalog::DefaultDirectory();
    options.directory = std::filesystem::absolute(options.directory);
  }
  shared_->turns_at_paths = std::make_shared<memoize::SingleFlight>(
      options.directory.empty() ? options.directory : options.directory / catalog::kPathsName);
  for (std::filesystem::path& pack : options.packs) pack = std::filesystem::absolute(pack);
  shared_->packs = std::make_shared<archive::Packs>(options.packs);
  shared_->options = std::move(options);
  shared_->files = shared_->OpenFileContents();
}

const std::filesystem::path& Cache::directory() const { return shared_->options.directory; }

memoize::OpenedFunction Cache::OpenFunction(FunctionOptions options) const {
  const CacheOptions& cache = shared_->options;
  catalog::CheckFunctionName(options.name);
  CheckRanges(options);
  const Reporter failures = std::make_shared<memoize::FailureReporter>(
      options.name, options.on_failure ? options.on_failure : cache.on_failure);
  const bool is_in_memory = cache.storage == Storage::kMemory;
  const std::filesystem::path folder =
      is_in_memory ? std::filesystem::path()
                   : catalog::FunctionDirectory(cache.directory, options.name);
  const auto open = [&](const std::filesystem::path& place, const std::string& name) {
    FunctionOptions of_place = options;
    of_place.name = name;
    return std::make_unique<memoize::FunctionCache>(
        options.name,
        std::make_unique<storage::LazyStore>(shared_->OpenWithPacks(place, of_place, failures)),
        failures);
  };
  const std::string out_files(catalog::kOutFilesName);
  memoize::OpenedFunction opened{.cache = open(folder, options.name),
                                 .calls = nullptr,
                                 .files = shared_->files,
                                 .out_files = std::make_shared<memoize::OutFileCache>(
                                     open(folder / out_files, options.name + "/" + out_files),
                                     shared_->files, shared_->turns_at_paths, options.out_files),
                                 .key_format = options.key_format,
                                 .encoding = options.encoding,
                                 .has_batch_options = options.chunk_size || options.batch_progress};
  opened.calls = std::make_unique<memoize::Calls>(
      *opened.cache, failures,
      memoize::Calls::Options{
          .single_flight = options.single_flight,
          .longest_wait = options.longest_wait,
          .audit = options.audit,
          .chunk_size = options.chunk_size,
          .batch_progress = options.batch_progress,
          .listener = options.listener ? options.listener : cache.listener,
          .turns_file = is_in_memory ? folder : folder / catalog::kTurnsName,
          .counts_folder = cache.storage == Storage::kDisk ? folder : std::filesystem::path()});
  return opened;
}

void memoize::CheckOptions(const OpenedFunction& opened, bool has_batch) {
  if (has_batch || !opened.has_batch_options) return;
  throw Error(
      "permacache: " + opened.cache->name() +
      ": chunk_size and batch_progress are for functions with a Batch() parameter, and this "
      "one has none");
}

void SyncAll() {
  memoize::SaveAllStatistics();
  ThrowUnlessWritten(storage::SyncAllEnvironments());
}

void CloseAll() {
  memoize::SaveAllStatistics();
  ThrowUnlessWritten(storage::CloseAllEnvironments());
}

FunctionStats ProcessStats() { return memoize::StatisticsOfThisProcess(); }

}  // namespace permacache
