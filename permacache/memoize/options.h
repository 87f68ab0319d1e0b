// What can be said about a cache and about a function in it, and what they tell.
#ifndef PERMACACHE_MEMOIZE_OPTIONS_H_
#define PERMACACHE_MEMOIZE_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

// Something that happened to a call, or to an element of a batch.
struct CallEvent {
  enum class Kind {
    kHit,   // answered from the cache
    kMiss,  // computed
    kWait,  // waits for another call that computes the same
  };
  Kind kind;
  std::string_view function;               // its name
  std::string_view key;                    // of the call
  bool from_memory = false;                // a hit that did not need the disk
  std::chrono::nanoseconds duration = {};  // what computing it took: of a hit, what that saved
};

// Told of every event, for logs and metrics, in the thread of the call and before that goes on;
// possibly in several at once. What it throws is ignored. Texts live as long as the call of it.
using Listener = std::function<void(const CallEvent&)>;

struct CacheOptions {
  // Where the cache lies. Default: $PERMACACHE_DIR, else $XDG_CACHE_HOME/permacache, else
  // ~/.cache/permacache. Made, for this user alone, when the first function is called.
  std::filesystem::path directory = {};

  Storage storage = Storage::kDisk;

  // Of each function, results that were read lately are kept in so many bytes of memory at most,
  // where a repeated call finds them, unless another process has stored, erased or cleared
  // something since they were read. With Storage::kDisk.
  size_t memory_bytes = size_t{64} << 20;

  // Packs: files that an export has made, which lie under the cache and are only read, so
  // that results can ship with a program. What the cache does not have is looked up in them, in
  // this order; a hit there is checked as any other and counts as one that needed the disk, and
  // copies of files that a function wrote are found, too. Needs neither a cache that can be written
  // nor packs that can be. Opened by the first call; a relative path is one of when the Cache is
  // made.
  //
  // What is computed is stored in the cache, where it hides what packs have: so Recompute replaces
  // a result. All else is about the cache alone. Size does not count results of packs; Forget and
  // Clear show them again; Explain names the nearest key of the cache.
  //
  // A pack that is missing or damaged is a failure, which each function reports, and calls go on
  // without it.
  std::vector<std::filesystem::path> packs = {};

  // Default: each kind of failure is reported once per function on stderr.
  FailureHandler on_failure = {};

  // Default: nobody.
  Listener listener = {};
};

// What a cache keeps of the files that a function writes; see "x"_a.OutFile().
enum class OutFiles {
  kCopies,        // their content, as part of the result
  kEarlierPaths,  // where they are: a later call copies one that is still what it was
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

  // Whether a call waits while another one, in any thread or process, computes the same; and how
  // long at most before it computes it, too. Default: for ever. When the other one ends without a
  // result, by an exception or because its process died, the next of those that wait computes.
  // Calls that wait for each other in a circle wait for ever, where that leads through two
  // processes or through something else, such as a pool of threads or f.Async: give such functions
  // a limit.
  bool single_flight = true;
  std::optional<std::chrono::nanoseconds> longest_wait = {};

  // The probability with which a hit is computed all the same and compared, 0 to 1. A difference is
  // a failure that names the key: the function is not pure, or was changed without a new version.
  // The stored result stays and is returned.
  double audit = 0;

  // Of a function with a batch: how many elements it is called with at most. What one such call
  // has computed is safe from a crash of the process or machine before the next begins. Default:
  // all missing elements at once.
  std::optional<size_t> chunk_size = {};

  // Of a function with a batch: told how many of the elements there are by now.
  Progress batch_progress = {};

  OutFiles out_files = OutFiles::kCopies;

  // Default: those of the cache.
  FailureHandler on_failure = {};
  Listener listener = {};
};

// How much of a batch there is to be computed.
struct BatchPlan {
  int64_t elements = 0;  // of the batch
  int64_t cached = 0;    // of them, those that have a result
  int64_t missing = 0;   // how many the function will be called with: without repetitions

  // About how long that will take, from what computing results of this function has taken so far:
  // those of the batch, else all that are counted in Stats. Nothing if nothing is known.
  std::optional<std::chrono::nanoseconds> remaining;
};

// What happened to calls. In a function with a batch each different element counts as
// a call.
struct FunctionStats {
  int64_t hits = 0;           // calls answered from the cache
  int64_t memory_hits = 0;    // those of them that did not need the disk
  int64_t misses = 0;         // calls that computed
  int64_t waits = 0;          // times a call waited for another that computed the same
  int64_t failures = 0;       // times the cache could not do its part, each kind reported once
  int64_t bytes_read = 0;     // of results from the cache
  int64_t bytes_written = 0;  // of results for it
  std::chrono::nanoseconds computed = {};  // time spent in the function
  std::chrono::nanoseconds saved = {};     // what the hits would have taken to compute

  FunctionStats& operator+=(const FunctionStats& other);
  bool operator==(const FunctionStats&) const = default;
};

}  // namespace permacache

#endif  // PERMACACHE_MEMOIZE_OPTIONS_H_
