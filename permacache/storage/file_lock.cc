#include "permacache/storage/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "permacache/storage/files.h"

namespace permacache::storage {

absl::Status FileLock::Open(const std::filesystem::path& path) {
  fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  return fd_ >= 0 ? absl::OkStatus() : ErrorOf(errno, "open", path);
}

int FileLock::Lock() {
  mutex_.lock();
  while (flock(fd_, LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    const int error = errno;
    mutex_.unlock();
    return error;
  }
  return 0;
}

void FileLock::Unlock() {
  flock(fd_, LOCK_UN);
  mutex_.unlock();
}

void FileLock::Close() {
  if (const int fd = std::exchange(fd_, -1); fd >= 0) close(fd);
}

}  // namespace permacache::storage
