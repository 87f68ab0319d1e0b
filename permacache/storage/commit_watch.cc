#include "permacache/storage/commit_watch.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

namespace permacache::storage {
namespace {

constexpr size_t kMetaPages = 2;

// In a page: its header, then of MDB_meta the magic number, the version, the address, the size of
// the map, two databases and the last page's number.
constexpr size_t kTransactionOffset = 16 + 4 + 4 + 8 + 8 + 2 * 48 + 8;

}  // namespace

CommitWatch::~CommitWatch() {
  if (pages_ != nullptr) munmap(const_cast<char*>(pages_), kMetaPages * page_size_);
}

// Somebody may be looking: there are zeros in place of the file from one moment to the next. Should
// that fail, the file stays mapped for as long as this object lives.
void CommitWatch::Close() {
  if (pages_ == nullptr) return;
  mmap(const_cast<char*>(pages_), kMetaPages * page_size_, PROT_READ,
       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

absl::Status CommitWatch::Open(int fd, size_t page_size) {
  void* map = mmap(nullptr, kMetaPages * page_size, PROT_READ, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) return absl::ErrnoToStatus(errno, "cannot map the meta pages");
  page_size_ = page_size;
  pages_ = static_cast<const char*>(map);
  return absl::OkStatus();
}

uint64_t CommitWatch::last() const {
  const auto load = [this](size_t page) {
    const void* at = pages_ + page * page_size_ + kTransactionOffset;
    return __atomic_load_n(static_cast<const uint64_t*>(at), __ATOMIC_ACQUIRE);
  };
  return std::max(load(0), load(1));
}

}  // namespace permacache::storage
