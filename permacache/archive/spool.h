// Bytes that are too many for memory, in a file without a name, which goes with the object.
#ifndef PERMACACHE_ARCHIVE_SPOOL_H_
#define PERMACACHE_ARCHIVE_SPOOL_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/storage/files.h"

namespace permacache::archive {

// Not thread-safe.
class Spool {
 public:
  // In the file system of `folder`.
  static absl::StatusOr<std::unique_ptr<Spool>> Make(const std::filesystem::path& folder);

  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  ~Spool();

  absl::Status Append(std::string_view bytes);

  // All that has been appended, mapped into memory. Nothing may be appended after it.
  absl::StatusOr<std::string_view> Map();

 private:
  Spool(storage::File file, std::filesystem::path folder)
      : file_(std::move(file)), folder_(std::move(folder)) {}

  const storage::File file_;
  const std::filesystem::path folder_;  // for messages
  uint64_t size_ = 0;
  void* map_ = nullptr;
};

}  // namespace permacache::archive

#endif  // PERMACACHE_ARCHIVE_SPOOL_H_
