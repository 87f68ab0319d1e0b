#include "permacache/storage/commit_watch.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "permacache/storage/lmdb_page.h"

namespace permacache::storage {

CommitWatch::~CommitWatch() {
  if (pages_ != nullptr) munmap(const_cast<char*>(pages_), lmdb::kMetaPages * page_size_);
}

// Somebody may be looking: zeros take the place of the file from one moment to the next. By mremap,
// as the thread sanitizer takes a fixed mmap for a write. Should that fail, the file stays mapped
// for as long as this object lives.
void CommitWatch::Close() {
  if (pages_ == nullptr) return;
  const size_t size = lmdb::kMetaPages * page_size_;
  void* zeros = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (zeros == MAP_FAILED) return;
  if (mremap(zeros, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, const_cast<char*>(pages_)) ==
      MAP_FAILED) {
    munmap(zeros, size);
  }
}

absl::Status CommitWatch::Open(int fd, size_t page_size) {
  void* map = mmap(nullptr, lmdb::kMetaPages * page_size, PROT_READ, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) return absl::ErrnoToStatus(errno, "cannot map the meta pages");
  page_size_ = page_size;
  pages_ = static_cast<const char*>(map);
  return absl::OkStatus();
}

uint64_t CommitWatch::last() const {
  return std::max(lmdb::TransactionOn(pages_), lmdb::TransactionOn(pages_ + page_size_));
}

}  // namespace permacache::storage
