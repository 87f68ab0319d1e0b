// The files that a function writes, as part of its result: "loc"_a.OutFile().
#ifndef PERMACACHE_MEMOIZE_OUT_FILES_H_
#define PERMACACHE_MEMOIZE_OUT_FILES_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/hash/hash.h"
#include "permacache/memoize/file_contents.h"
#include "permacache/memoize/function_cache.h"
#include "permacache/memoize/options.h"
#include "permacache/memoize/single_flight.h"

namespace permacache::memoize {

// What a call wrote to one of its paths; stored with the result.
struct OutFile {
  std::string parameter;
  hash::ContentDigest digest;
  uint64_t size = 0;
  uint32_t mode = 0;  // its permissions
};

// Where the same content was seen, and what the file looked like then.
struct EarlierPath {
  std::string path;
  uint64_t size = 0;
  int64_t modified = 0;  // nanoseconds since 1970

  bool operator==(const EarlierPath&) const = default;
};

// Where a call is to write, or to find what it wrote.
struct OutPath {
  std::string_view parameter;
  std::filesystem::path path;  // absolute: the function may change the current directory
  std::optional<FileIdentity> before = {};  // the file that was there before the function ran
};

OutPath MakeOutPath(std::string_view parameter, const std::filesystem::path& given);

// Notes what is there before the function runs. Waits for the clock of files to tick, if need be,
// so that whatever the function writes can be told from that.
void LookBefore(OutPath& out);

// The turn of this thread at the paths that a call writes to, from before it looks for its result
// until that has been kept: or it might take another call's file for its own. For all functions,
// and threads and processes, whose caches have one directory.
class TurnsAtPaths {
 public:
  // Waits for others, unless this thread has such turns already, or those of a batch: whoever has
  // the path might wait for them.
  TurnsAtPaths(SingleFlight& turns, const std::vector<OutPath>& outs);
  TurnsAtPaths(const TurnsAtPaths&) = delete;
  TurnsAtPaths& operator=(const TurnsAtPaths&) = delete;
  ~TurnsAtPaths();

  bool are_mine() const { return are_mine_; }

 private:
  std::vector<SingleFlight::Turn> turns_;
  bool are_mine_ = true;
};

// Whether two of the paths lead to one file.
bool AreSameFile(const std::vector<OutPath>& outs);

// Whether these are the same files, but for their permissions.
bool HaveSameContents(const std::vector<OutFile>& left, const std::vector<OutFile>& right);

// The out files of one function. Every method may be called from any thread, and in a forked child.
class OutFileCache {
 public:
  // `copies` keeps contents, or earlier paths.
  OutFileCache(std::unique_ptr<FunctionCache> copies, std::shared_ptr<FileContents> contents,
               std::shared_ptr<SingleFlight> turns, OutFiles how)
      : copies_(std::move(copies)),
        contents_(std::move(contents)),
        turns_(std::move(turns)),
        how_(how) {}

  // At paths.
  SingleFlight& turns() { return *turns_; }

  // What lies at the path.
  absl::StatusOr<OutFile> Look(const OutPath& out);

  // Keeps what the call with this key wrote there, which is `file`.
  absl::Status Keep(std::string_view key, const OutPath& out, const OutFile& file,
                    std::chrono::nanoseconds compute_time);

  // Makes the file at the path be that one again, whole or not at all; leaves alone one that is.
  // kNotFound if there is nothing to make it of any more.
  absl::Status Restore(std::string_view key, const OutPath& out, const OutFile& file);

  // Whether there is something to make the file of but what lies at the path itself.
  bool HasSource(std::string_view key, const OutPath& out, const OutFile& file);

  // Whether Restore would find what it needs.
  bool CanRestore(std::string_view key, const OutPath& out, const OutFile& file);

  void Forget(std::string_view key, std::string_view parameter);
  void Clear() { copies_->Clear(); }

 private:
  bool IsRight(const std::filesystem::path& path, const OutFile& file);
  absl::Status RestoreFromCopy(std::string_view key, const OutPath& out, const OutFile& file);
  absl::Status RestoreFromEarlierPath(std::string_view key, const OutPath& out,
                                      const OutFile& file);
  std::vector<EarlierPath> EarlierPaths(std::string_view key, std::string_view parameter);
  void AddEarlierPath(std::string_view key, const OutPath& out);

  const std::unique_ptr<FunctionCache> copies_;
  const std::shared_ptr<FileContents> contents_;
  const std::shared_ptr<SingleFlight> turns_;
  const OutFiles how_;
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_OUT_FILES_H_
