// A directory of caches, one per function, as far as it knows no C++ types.
#ifndef PERMACACHE_MEMOIZE_CACHE_H_
#define PERMACACHE_MEMOIZE_CACHE_H_

#include <filesystem>
#include <memory>
#include <utility>

#include "permacache/memoize/calls.h"
#include "permacache/memoize/function_cache.h"
#include "permacache/memoize/options.h"

namespace permacache {
namespace memoize {

class FileContents;
class OutFileCache;

// What a cached function needs of its cache.
struct OpenedFunction {
  std::unique_ptr<FunctionCache> cache;
  std::unique_ptr<Calls> calls;         // which use it
  std::shared_ptr<FileContents> files;  // of the whole cache
  std::shared_ptr<OutFileCache> out_files;
  KeyFormat key_format;
  Encoding encoding;
  bool has_batch_options;
};

// Throws Error if there are options for a batch, and the function has none.
void CheckOptions(const OpenedFunction& opened, bool has_batch);

}  // namespace memoize

// A cheap handle: copies are the same cache. Every method may be called from any thread. Any number
// of objects and processes may use one directory.
class Cache {
 public:
  // Throws Error if no directory is given and there is no default. Touches no disk.
  explicit Cache(CacheOptions options = {});

  // A function whose results are kept in this cache; see permacache::Memoize.
  template <class Callable, class... Descriptions>
  [[nodiscard]] auto Memoize(FunctionOptions options, Callable&& callable,
                             Descriptions&&... parameters) const;
  template <class Callable, class... Descriptions>
  [[nodiscard]] auto Memoize(std::string_view name, Callable&& callable,
                             Descriptions&&... parameters) const;

  // Where this cache lies: an absolute path. Empty for one in memory.
  const std::filesystem::path& directory() const;

  // Housekeeping: for all functions and versions in this cache, also those that this program does
  // not know, and beside other threads and processes that use it. Nothing of it ever happens by
  // itself. Each throws Error if it could not do all of its work; what it could do is done then.
  // Not for caches in memory.

  // Removes what the limits say.
  PruneReport Prune(const PruneLimits& limits, const Progress& progress = {}) const;

  // Gives the disk back what erased and pruned results have taken. Who stores results meanwhile
  // waits.
  void Compact(const Progress& progress = {}) const;

  // Reads every result and checks it, in processes of its own, as damage may end one.
  VerifyReport Verify(const Progress& progress = {}) const;

 private:
  struct Shared;

  memoize::OpenedFunction OpenFunction(FunctionOptions options) const;

  std::shared_ptr<Shared> shared_;
};

// When it returns, every result that calls of this process have stored so far is on disk, where a
// crash of the machine cannot reach it. Throws Error if one of those that waited could not be
// written; it has been counted and reported then. May be called from any thread.
void SyncAll();

// SyncAll, and then closes all files of caches. Calls may go on meanwhile, and open again what they
// need. Throws Error as SyncAll does, when all is closed.
void CloseAll();

// What happened to all calls of this process, also through handles that are gone.
FunctionStats ProcessStats();

}  // namespace permacache

#endif  // PERMACACHE_MEMOIZE_CACHE_H_
