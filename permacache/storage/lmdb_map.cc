#include "permacache/storage/lmdb_map.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"

namespace permacache::storage {
namespace {

constexpr size_t kLeastMap = size_t{16} << 20;

}  // namespace

void LmdbMap::Open(int fd, size_t page_size) {
  fd_ = fd;
  page_size_ = page_size;
}

void LmdbMap::Close() {
  std::lock_guard lock(mutex_);
  last_.store(nullptr, std::memory_order_release);
  for (const auto& part : parts_) munmap(const_cast<char*>(part->bytes), part->size);
  parts_.clear();
}

absl::Status LmdbMap::Map(uint64_t first, uint64_t count, const char** pages) {
  std::lock_guard lock(mutex_);
  struct stat info;
  if (fstat(fd_, &info) != 0) return absl::ErrnoToStatus(errno, "cannot read the file's size");
  const uint64_t there = info.st_size / page_size_;
  if (count > there || first > there - count) {
    return absl::DataLossError(absl::StrCat("page ", first, " lies outside the file"));
  }
  if (parts_.empty() || parts_.back()->size < there * page_size_) {
    if (absl::Status status = AddPart(there * page_size_); !status.ok()) return status;
  }
  Part& part = *parts_.back();
  part.pages.store(there, std::memory_order_release);
  last_.store(&part, std::memory_order_release);
  *pages = part.bytes + first * page_size_;
  return absl::OkStatus();
}

// Twice what is needed, if there is so much address space, so that this is rarely done.
absl::Status LmdbMap::AddPart(size_t file_size) {
  size_t size = std::max(2 * file_size, kLeastMap);
  void* map = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd_, 0);
  if (map == MAP_FAILED) {
    size = file_size;
    map = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd_, 0);
  }
  if (map == MAP_FAILED) return absl::ErrnoToStatus(errno, "cannot map the data file");
  parts_.push_back(std::make_unique<Part>(static_cast<const char*>(map), size));
  return absl::OkStatus();
}

}  // namespace permacache::storage
