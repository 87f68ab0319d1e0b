// What can be said about a cache and about a function in it, and what they tell.
#ifndef PERMACACHE_MEMOIZE_OPTIONS_H_
#define PERMACACHE_MEMOIZE_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "permacache/codec/encoding.h"
#include "permacache/key/format.h"
#include "permacache/storage/prune.h"
#include "permacache/storage/store.h"
#include "permacache/storage/verify.h"

namespace permacache {

using codec::Encoding;
using storage::Compression;
using storage::Durability;
using storage::PruneLimits;
using storage::PruneReport;
using storage::VerifyReport;

// Told how far something that takes long has come, in the thread that asked for it. What it throws
// reaches the caller, at once or, where the work cannot be broken off, when it is done.
using Progress = std::function<void(int64_t done, int64_t total)>;

enum class Storage {
  kDisk,    // one LMDB environment per function
  kFiles,   // one file per result: slower, but for version control, network shares and people
  kMemory,  // nothing outlives the Cache object and the functions made from it; not to be used in
            // a child that was forked while another thread used it
};

// Something that went wrong with the cache while a call went on without it: a full disk, a
// directory that cannot be written, a damaged record. The status' code is its kind.
struct Failure {
  std::string function;  // the function's name
  absl::Status status;
};

// Called in the thread of the call concerned, or in one that writes results that waited; possibly
// in several at once. What it throws is ignored.
using FailureHandler = std::function<void(const Failure&)>;

struct CacheOptions {
  // Where the cache lies. Default: $PERMACACHE_DIR, else $XDG_CACHE_HOME/permacache, else
  // ~/.cache/permacache. Made, for this user alone, when the first function is called.
  std::filesystem::path directory = {};

  Storage storage = Storage::kDisk;

  // Of each function, results that were read lately are kept in so many bytes of memory at most,
  // where a repeated call finds them, unless another process has stored, erased or cleared
  // something since they were read. With Storage::kDisk.
  size_t memory_bytes = size_t{64} << 20;

  // Default: each kind of failure is reported once per function on stderr.
  FailureHandler on_failure = {};
};

struct FunctionOptions {
  // The path of the function's own folder in the cache, such as "wing/lift". Each part must be a
  // possible name of a folder. One name belongs to one function.
  std::string name = {};

  // Results of another version are not seen. Raise it when the function computes something else.
  uint32_t version = 0;

  // How keys are written. kPython is for who needs the keys of Python permacache.
  KeyFormat key_format = KeyFormat::kNative;

  // When a result is safe from a crash of the machine. By default one that took 10 ms or more is
  // synced to disk before the call returns; others are written within about 20 ms, many with one
  // sync. At the normal end of the process everything is written; see SyncAll().
  Durability durability = Durability::kByCost;

  // How results are stored from now on; any can be read. With Storage::kFiles and without
  // compression, JSON makes the whole file readable.
  Encoding encoding = Encoding::kBinary;
  Compression compression = Compression::kNone;

  // Default: that of the cache.
  FailureHandler on_failure = {};
};

// What happened to the calls of one cached function in this process, through all copies of one
// handle.
struct FunctionStats {
  int64_t hits = 0;      // calls answered from the cache
  int64_t misses = 0;    // calls that computed
  int64_t failures = 0;  // times the cache could not do its part, each kind reported once
};

}  // namespace permacache

#endif  // PERMACACHE_MEMOIZE_OPTIONS_H_
