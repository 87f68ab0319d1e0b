// A stream of bytes as frames of zstd, each of which can be read without the others.
//
// To whoever unpacks the file as a whole they are one compressed stream, as zstd's format has it.
#ifndef PERMACACHE_ARCHIVE_FRAMES_H_
#define PERMACACHE_ARCHIVE_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/storage/files.h"
#include "permacache/storage/key_digest.h"
#include "zstd.h"

namespace permacache::archive {

// How many bytes a frame holds at most. A look-up in a pack unpacks one; what is compressed
// together is not much smaller from here on.
inline constexpr size_t kLargestFrame = size_t{128} << 10;

using storage::Digester;
using storage::KeyDigest;

// Compresses several frames at once, in threads that live for one frame. Not thread-safe.
class FrameWriter {
 public:
  // `write` is given the frames, one after the other, in the thread that calls.
  explicit FrameWriter(std::function<absl::Status(std::string_view frame)> write);

  // What is returned is the first thing that went wrong since the object was made.
  absl::Status Append(std::string_view bytes);

  // What is appended next begins a frame.
  absl::Status EndFrame();

  // The number of the frame to which is added what is appended next, and where in it that begins.
  uint64_t frame() const { return frame_; }
  size_t offset_in_frame() const { return current().content.size(); }

  // Writes all frames that have been ended. Then it is known of each where in the file it begins.
  absl::Status Flush();
  uint64_t OffsetOf(uint64_t frame) const { return offsets_[frame]; }

  // Of all that has been written.
  uint64_t size() const { return offsets_.back(); }
  KeyDigest Digest() const { return digester_.Digest(); }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };

  // A frame that is being filled or compressed.
  struct Slot {
    std::unique_ptr<ZSTD_CCtx, Free> context;
    std::string content;
    std::string compressed;
    std::future<size_t> size;  // of what is compressed, or an error of zstd
  };

  static size_t Compress(Slot& slot);

  const Slot& current() const { return slots_[frame_ % slots_.size()]; }
  Slot& current() { return slots_[frame_ % slots_.size()]; }
  absl::Status WriteOut(Slot& slot);

  const std::function<absl::Status(std::string_view)> write_;
  std::vector<Slot> slots_;  // taken in turn
  uint64_t frame_ = 0;
  std::vector<uint64_t> offsets_ = {0};  // of the frames that were written, and of the next
  Digester digester_;
  absl::Status status_;
};

// A file of frames. Every method may be called from any thread, and in a forked child.
class FrameFile {
 public:
  // kNotFound if there is none, kInvalidArgument if it is not a regular file.
  static absl::StatusOr<FrameFile> Open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  uint64_t size() const { return size_; }

  // Fills `bytes` with `size` bytes from `offset` on. kDataLoss if the file does not have them.
  absl::Status Read(uint64_t offset, size_t size, std::string& bytes) const;

  // Fills `content` with that of the frame that begins at `offset` and ends at `end` or before.
  // Returns where it ends. kDataLoss if there is no sound frame.
  absl::StatusOr<uint64_t> ReadFrame(uint64_t offset, uint64_t end, std::string& content) const;

  // Says that something is wrong with this file.
  absl::Status DataLoss(std::string_view what) const;

 private:
  FrameFile(storage::File file, std::filesystem::path path, uint64_t size)
      : file_(std::move(file)), path_(std::move(path)), size_(size) {}

  storage::File file_;
  std::filesystem::path path_;
  uint64_t size_;
};

}  // namespace permacache::archive

#endif  // PERMACACHE_ARCHIVE_FRAMES_H_
