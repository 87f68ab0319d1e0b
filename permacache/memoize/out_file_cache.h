// What a cache keeps of the files that a function writes, file by file.
#ifndef PERMACACHE_MEMOIZE_OUT_FILE_CACHE_H_
#define PERMACACHE_MEMOIZE_OUT_FILE_CACHE_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/memoize/file_contents.h"
#include "permacache/memoize/function_cache.h"
#include "permacache/memoize/options.h"
#include "permacache/memoize/out_files.h"
#include "permacache/memoize/single_flight.h"

namespace permacache::memoize {

// What is written is the file, and not the symbolic link that leads to it, to which there may be
// none yet.
std::filesystem::path TargetOf(std::filesystem::path path);

// The same for all spellings of a path.
std::string NameOfTurn(const std::filesystem::path& path);

// Where the same content was seen, and what the file looked like then.
struct EarlierPath {
  std::string path;
  uint64_t size = 0;
  int64_t modified = 0;  // nanoseconds since 1970

  bool operator==(const EarlierPath&) const = default;
};

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

  // What lies at the path. An error if the function has not written it.
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

  void Report(Failure failure) { copies_->Report(std::move(failure)); }

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

#endif  // PERMACACHE_MEMOIZE_OUT_FILE_CACHE_H_
