// A tar archive from anybody, read through libarchive: plain files, one after the other.
#ifndef PERMACACHE_ARCHIVE_TAR_READER_H_
#define PERMACACHE_ARCHIVE_TAR_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/archive/frames.h"

struct archive;

namespace permacache::archive {

struct TarMember {
  std::string name;
  uint64_t size;  // as it is stated, which is not more than the rest of the file can hold
};

// Not thread-safe. After an error an object is of no more use.
class TarReader {
 public:
  // Reads the first `end` bytes of `file`, which must outlive the object. Takes no more of them
  // into memory than a frame.
  static absl::StatusOr<std::unique_ptr<TarReader>> Make(const FrameFile& file, uint64_t end);

  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;
  ~TarReader();

  // The next member, if there is one; what has not been read of the last one is left out.
  // kInvalidArgument for one that is not a plain file, kDataLoss for a damaged archive, and if
  // there is more in the file after its end.
  absl::StatusOr<std::optional<TarMember>> Next();

  // Calls visit(piece) with the next `size` bytes of the member, in pieces, which are valid during
  // the call. kDataLoss if it has less. What `visit` returns ends the reading if it is not OK.
  absl::Status Read(uint64_t size, absl::FunctionRef<absl::Status(std::string_view)> visit);

  // How far in the file it is.
  uint64_t offset() const { return offset_; }

 private:
  TarReader(const FrameFile& file, uint64_t end);

  static ptrdiff_t ReadFrame(struct ::archive* archive, void* reader, const void** bytes);

  absl::Status Trouble(std::string_view doing) const;

  const FrameFile& file_;
  const uint64_t end_;
  struct ::archive* const archive_;
  uint64_t offset_ = 0;
  std::string frame_;
  absl::Status status_;         // of the last frame that was read
  std::string_view block_;      // what has come of the member and was not read yet
  uint64_t member_offset_ = 0;  // where in the member the next block must begin
};

}  // namespace permacache::archive

#endif  // PERMACACHE_ARCHIVE_TAR_READER_H_
