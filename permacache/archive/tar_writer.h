// A tar archive as it is written: members one after the other, through libarchive.
#ifndef PERMACACHE_ARCHIVE_TAR_WRITER_H_
#define PERMACACHE_ARCHIVE_TAR_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/archive/frames.h"

struct archive;

namespace permacache::archive {

// Not thread-safe.
class TarWriter {
 public:
  // The archive goes to `frames`, which must outlive the object.
  static absl::StatusOr<std::unique_ptr<TarWriter>> Make(FrameWriter& frames);

  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;
  ~TarWriter();

  // Begins a member, in a frame of its own, whose content is to follow in pieces.
  absl::Status Begin(const std::string& name, uint64_t size);
  absl::Status Append(std::string_view piece);
  absl::Status End();

  // What marks the end of a tar archive.
  absl::Status Finish();

 private:
  explicit TarWriter(FrameWriter& frames);

  absl::Status Check(int64_t outcome) const;

  FrameWriter& frames_;
  struct ::archive* const archive_;
  const std::time_t now_ = std::time(nullptr);
  absl::Status status_;  // of the last frame that was written
};

}  // namespace permacache::archive

#endif  // PERMACACHE_ARCHIVE_TAR_WRITER_H_
