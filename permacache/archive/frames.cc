#include "permacache/archive/frames.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>

#include "absl/strings/str_cat.h"

namespace permacache::archive {
namespace {

// Higher ones take longer than the rest of an export does, for some hundredths of the size.
constexpr int kZstdLevel = 1;

constexpr size_t kMostThreads = 8;

const size_t kMostCompressed = ZSTD_compressBound(kLargestFrame);

// One for each thread, as it is large and a frame is not.
ZSTD_DCtx* Decompressor() {
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  static thread_local const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  return context.get();
}

}  // namespace

FrameWriter::FrameWriter(std::function<absl::Status(std::string_view frame)> write)
    : write_(std::move(write)),
      slots_(1 + std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kMostThreads)) {
  for (Slot& slot : slots_) {
    slot.context.reset(ZSTD_createCCtx());
    slot.content.reserve(kLargestFrame);
    slot.compressed.resize(kMostCompressed);
    ZSTD_CCtx_setParameter(slot.context.get(), ZSTD_c_compressionLevel, kZstdLevel);
    ZSTD_CCtx_setParameter(slot.context.get(), ZSTD_c_checksumFlag, 1);
  }
}

size_t FrameWriter::Compress(Slot& slot) {
  return ZSTD_compress2(slot.context.get(), slot.compressed.data(), slot.compressed.size(),
                        slot.content.data(), slot.content.size());
}

absl::Status FrameWriter::Append(std::string_view bytes) {
  while (!bytes.empty() && status_.ok()) {
    std::string& content = current().content;
    const size_t size = std::min(bytes.size(), kLargestFrame - content.size());
    content += bytes.substr(0, size);
    bytes.remove_prefix(size);
    if (content.size() == kLargestFrame) (void)EndFrame();
  }
  return status_;
}

absl::Status FrameWriter::EndFrame() {
  if (current().content.empty() || !status_.ok()) return status_;
  Slot& slot = current();
  try {
    slot.size = std::async(std::launch::async, [&slot] { return Compress(slot); });
  } catch (const std::system_error&) {  // there can be no more threads
    std::promise<size_t> done;
    done.set_value(Compress(slot));
    slot.size = done.get_future();
  }
  ++frame_;
  return WriteOut(current());
}

absl::Status FrameWriter::Flush() {
  for (uint64_t frame = offsets_.size() - 1; frame < frame_; ++frame) {
    (void)WriteOut(slots_[frame % slots_.size()]);
  }
  return status_;
}

// Makes room for another frame.
absl::Status FrameWriter::WriteOut(Slot& slot) {
  if (!slot.size.valid()) return status_;
  const size_t size = slot.size.get();
  slot.content.clear();
  if (ZSTD_isError(size)) {
    status_.Update(
        absl::ResourceExhaustedError(absl::StrCat("cannot compress: ", ZSTD_getErrorName(size))));
  }
  if (!status_.ok()) return status_;
  const std::string_view frame = std::string_view(slot.compressed).substr(0, size);
  offsets_.push_back(offsets_.back() + size);
  digester_.Add(frame);
  status_ = write_(frame);
  return status_;
}

absl::StatusOr<FrameFile> FrameFile::Open(const std::filesystem::path& path) {
  // Whoever gives the path of a pipe shall not wait for its writer.
  storage::File file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.fd() < 0) return storage::ErrorOf(errno, "open", path);
  struct stat info;
  if (fstat(file.fd(), &info) != 0) return storage::ErrorOf(errno, "look at", path);
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), " is not a regular file"));
  }
  return FrameFile(std::move(file), path, static_cast<uint64_t>(info.st_size));
}

absl::Status FrameFile::Read(uint64_t offset, size_t size, std::string& bytes) const {
  if (offset > size_ || size > size_ - offset) return DataLoss("it is shorter than it says");
  bytes.resize(size);
  for (size_t done = 0; done < size;) {
    const ssize_t got =
        pread(file_.fd(), bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return storage::ErrorOf(errno, "read", path_);
    if (got == 0) return DataLoss("it was made shorter while it is read");
    done += got;
  }
  return absl::OkStatus();
}

// Every length is looked at before memory is taken for it.
absl::StatusOr<uint64_t> FrameFile::ReadFrame(uint64_t offset, uint64_t end,
                                              std::string& content) const {
  static thread_local std::string bytes;
  end = std::min(end, size_);
  if (offset >= end) return DataLoss("a frame lies beyond its end");
  const size_t most = std::min<uint64_t>(end - offset, kMostCompressed);
  if (absl::Status status = Read(offset, most, bytes); !status.ok()) return status;
  const unsigned long long content_size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (content_size == 0 || content_size > kLargestFrame) {  // as errors are
    return DataLoss("a frame states no possible length");
  }
  const size_t size = ZSTD_findFrameCompressedSize(bytes.data(), bytes.size());
  if (ZSTD_isError(size)) return DataLoss("a frame is cut short or damaged");
  content.resize(content_size);
  const size_t got =
      ZSTD_decompressDCtx(Decompressor(), content.data(), content.size(), bytes.data(), size);
  if (ZSTD_isError(got) || got != content.size()) return DataLoss("a frame is damaged");
  return offset + size;
}

absl::Status FrameFile::DataLoss(std::string_view what) const {
  return absl::DataLossError(absl::StrCat(path_.string(), " is damaged: ", std::string(what)));
}

}  // namespace permacache::archive
