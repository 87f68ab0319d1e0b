// A directory of caches, one per function, as far as it knows no C++ types.
#ifndef PERMACACHE_MEMOIZE_CACHE_H_
#define PERMACACHE_MEMOIZE_CACHE_H_

#include <filesystem>
#include <memory>
#include <utility>

#include "permacache/memoize/file_contents.h"
#include "permacache/memoize/function_cache.h"
#include "permacache/memoize/options.h"

namespace permacache {
namespace memoize {

// What a cached function needs of its cache.
struct OpenedFunction {
  std::unique_ptr<FunctionCache> cache;
  std::shared_ptr<FileContents> files;  // of the whole cache
  KeyFormat key_format;
  Encoding encoding;
};

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

}  // namespace permacache

#endif  // PERMACACHE_MEMOIZE_CACHE_H_
