// The contents of files as digests, which are remembered as long as a file is the same.
#ifndef PERMACACHE_MEMOIZE_FILE_CONTENTS_H_
#define PERMACACHE_MEMOIZE_FILE_CONTENTS_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "permacache/memoize/file_content.h"
#include "permacache/memoize/function_cache.h"

namespace permacache::memoize {

// Any number of objects and processes may use one store. Every method may be called from any
// thread, and in a forked child.
class FileContents {
 public:
  // A file is settled when its times are this much older than the clock: more than the coarsest
  // file systems' ticks (2 s on FAT). The clock of a file server must not be behind by more.
  static constexpr int64_t kSettlingTime = 2'500'000'000;  // nanoseconds

  // Nanoseconds since 1970, as file systems count them.
  using Clock = int64_t (*)();
  static int64_t RealTime();

  // `remembered` keeps the digests of settled files. Its failures are its own: a file is read then.
  explicit FileContents(std::unique_ptr<FunctionCache> remembered, Clock clock = RealTime)
      : remembered_(std::move(remembered)), clock_(clock) {}

  // The content of a regular file, symbolic links followed. Reads it unless it is remembered, large
  // files by several threads.
  //
  // Errors: kNotFound and others that the operating system gives; kInvalidArgument if it is not a
  // regular file; kAborted if it changes all the time. They name the path.
  absl::StatusOr<FileContent> Of(const std::filesystem::path& given);

  // Whether the file still is what it was. Reads it once more if it was not settled.
  bool IsUnchanged(const FileContent& content);

  // How often a file was read by this object, in whole or until an error.
  int64_t reads() const { return reads_.load(std::memory_order_relaxed); }

 private:
  absl::StatusOr<FileContent> ReadOnce(const std::filesystem::path& path);
  bool Recall(FileContent& content);
  void Remember(const FileContent& content, std::chrono::nanoseconds time);

  const std::unique_ptr<FunctionCache> remembered_;
  const Clock clock_;
  std::atomic<int64_t> reads_ = 0;
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_FILE_CONTENTS_H_
