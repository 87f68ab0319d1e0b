#include "permacache/hash/file_digest.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "permacache/hash/blake3_tree.h"
#include "permacache/hash/run_on_threads.h"
#include "permacache/hash/threads.h"

namespace permacache::hash {
namespace {

absl::Status Changed(uint64_t size) {
  return absl::AbortedError(absl::StrCat("the file has not the expected ", size, " bytes"));
}

// Reads up to the end of `bytes` or of the file. Returns how many bytes there were.
absl::StatusOr<size_t> Read(int fd, uint64_t offset, std::span<std::byte> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got =
        pread(fd, &bytes[done], bytes.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno != EINTR) return absl::ErrnoToStatus(errno, "cannot read the file");
    if (got == 0) break;
    if (got > 0) done += static_cast<size_t>(got);
  }
  return done;
}

absl::Status CheckSize(int fd, uint64_t size) {
  struct stat info;
  if (fstat(fd, &info) != 0) return absl::ErrnoToStatus(errno, "cannot read the file's size");
  if (S_ISDIR(info.st_mode)) return absl::InvalidArgumentError("it is a directory, not a file");
  if (!S_ISREG(info.st_mode)) return absl::InvalidArgumentError("it is not a regular file");
  if (static_cast<uint64_t>(info.st_size) != size) return Changed(size);
  // What the kernel makes up, as the files of /proc, has bytes but says that it has none.
  std::byte beyond;
  const absl::StatusOr<size_t> more = Read(fd, size, {&beyond, 1});
  if (!more.ok()) return more.status();
  return *more == 0 ? absl::OkStatus() : Changed(size);
}

absl::StatusOr<ContentDigest> DigestByHasher(int fd, uint64_t size) {
  ContentHasher hasher;
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kPieceSize);
  for (uint64_t offset = 0; offset < size; offset += kPieceSize) {
    const std::span<std::byte> bytes(buffer.get(), std::min<uint64_t>(kPieceSize, size - offset));
    const absl::StatusOr<size_t> got = Read(fd, offset, bytes);
    if (!got.ok()) return got.status();
    if (*got < bytes.size()) return Changed(size);
    hasher.Update(bytes);
  }
  return hasher.Digest();
}

absl::StatusOr<ContentDigest> DigestByTree(int fd, uint64_t size) {
  Blake3Tree tree(size);
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  absl::Status failed;  // guarded by the mutex
  RunOnThreads(size / kLeastPerThread, [&] {
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kPieceSize);
    for (size_t piece = next++; piece < tree.pieces(); piece = next++) {
      const std::span<std::byte> bytes(buffer.get(), tree.Size(piece));
      const absl::StatusOr<size_t> got = Read(fd, tree.Offset(piece), bytes);
      if (got.ok() && *got == bytes.size()) {
        tree.Hash(piece, bytes);
      } else {
        const std::lock_guard<std::mutex> lock(mutex);
        failed.Update(got.ok() ? Changed(size) : got.status());
        next = tree.pieces();  // for the other threads, too
      }
    }
  });
  if (!failed.ok()) return failed;
  return tree.Digest();
}

}  // namespace

absl::StatusOr<ContentDigest> DigestOfFile(int fd, uint64_t size) {
  if (absl::Status status = CheckSize(fd, size); !status.ok()) return status;
  const bool by_tree = size >= kLeastParallelSize && Blake3TreesWork();
  const absl::StatusOr<ContentDigest> digest =
      by_tree ? DigestByTree(fd, size) : DigestByHasher(fd, size);
  if (!digest.ok()) return digest;
  if (absl::Status status = CheckSize(fd, size); !status.ok()) return status;
  return digest;
}

}  // namespace permacache::hash
