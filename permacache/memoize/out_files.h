// The files that a call writes, as part of its result: "loc"_a.OutFile().
#ifndef PERMACACHE_MEMOIZE_OUT_FILES_H_
#define PERMACACHE_MEMOIZE_OUT_FILES_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "permacache/hash/hash.h"
#include "permacache/memoize/file_content.h"
#include "permacache/memoize/function_cache.h"
#include "permacache/memoize/options.h"
#include "permacache/memoize/single_flight.h"

namespace permacache::memoize {

class OutFileCache;

// What a call wrote to one of its paths; stored with the result.
struct OutFile {
  std::string parameter;
  hash::ContentDigest digest;
  uint64_t size = 0;
  uint32_t mode = 0;  // its permissions
};

// Where a call is to write, or to find what it wrote.
struct OutPath {
  std::string_view parameter;
  std::filesystem::path path;  // absolute: the function may change the current directory
  std::optional<FileIdentity> before = {};  // the file that was there before the function ran
};

// Whether these are the same files, but for their permissions.
bool HaveSameContents(const std::vector<OutFile>& left, const std::vector<OutFile>& right);

void ClearOutFiles(OutFileCache& cache);

// The files of one call. An object belongs to one thread.
class FilesOfCall {
 public:
  // `cache` has what is kept of the function's files; it must outlive the object.
  explicit FilesOfCall(OutFileCache& cache) : cache_(cache) {}
  FilesOfCall(const FilesOfCall&) = delete;
  FilesOfCall& operator=(const FilesOfCall&) = delete;
  ~FilesOfCall();

  // The call writes to this path, too.
  void Add(std::string_view parameter, const std::filesystem::path& given);

  // Makes it this thread's turn at the paths for as long as the object lives: from before the call
  // looks for its result until that has been kept, or it might take another call's file for its
  // own. For all functions, and threads and processes, whose caches have one directory. Waits for
  // others, unless this thread has such turns already, or those of a batch: whoever has the path
  // might wait for them.
  void TakeTurns();

  // Notes what is there before the function runs. Waits for the clock of files to tick, if need be,
  // so that whatever the function writes can be told from that.
  void LookBefore();

  // What the function has written, or what is wrong with that.
  std::optional<Failure> Look(std::vector<OutFile>& files) const;

  // The same, and keeps it for the call with this key. TakeTurns comes before.
  std::optional<Failure> Keep(std::string_view key, std::vector<OutFile>& files,
                              std::chrono::nanoseconds compute_time) const;

  // Makes what lies at the paths be these files again, each of them whole or not at all; leaves
  // alone those that are. A miss if there is nothing to make one of any more; failures are
  // reported.
  FunctionCache::Lookup Restore(std::string_view key, const std::vector<OutFile>& files) const;

  // Whether Restore would find what it needs.
  bool CanRestore(std::string_view key, const std::vector<OutFile>& files) const;

  // Whether it would without what lies at the paths themselves.
  bool CanRestoreFromElsewhere(std::string_view key, const std::vector<OutFile>& files) const;

  void Forget(std::string_view key) const;

 private:
  bool AreThese(const std::vector<OutFile>& files) const;

  OutFileCache& cache_;
  std::vector<OutPath> paths_;
  std::vector<SingleFlight::Turn> turns_;
  bool has_taken_turns_ = false;
  bool turns_are_mine_ = true;
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_OUT_FILES_H_
