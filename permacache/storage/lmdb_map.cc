#include "permacache/storage/lmdb_map.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "permacache/storage/address_space.h"
#include "permacache/storage/lmdb_page.h"

namespace permacache::storage {
namespace {

constexpr size_t kLeastMap = size_t{16} << 20;

bool IsWithin(uint64_t first, uint64_t count, uint64_t there) {
  return count <= there && first <= there - count;
}

absl::Status Outside(uint64_t page) {
  return absl::DataLossError(absl::StrCat("page ", page, " lies outside the file"));
}

absl::Status CannotMap() { return absl::ErrnoToStatus(errno, "cannot map the data file"); }

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

void LmdbMap::LetGo() {
  std::lock_guard lock(mutex_);
  for (const auto& part : parts_) {
    madvise(const_cast<char*>(part->bytes), part->size, MADV_DONTNEED);
  }
}

LmdbMap::Piece::~Piece() {
  if (map_ != nullptr) munmap(map_, size_);
}

absl::Status LmdbMap::FindAlone(uint64_t first, uint64_t count, const char** pages,
                                std::vector<Piece>* pieces) const {
  const absl::StatusOr<uint64_t> there = CountPages();
  if (!there.ok()) return there.status();
  if (!IsWithin(first, count, *there)) return Outside(first);
  // LMDB's pages may be smaller than the system's.
  const uint64_t begin = first * page_size_;
  const uint64_t aside = begin % static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const size_t size = aside + count * page_size_;
  void* map = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd_, static_cast<off_t>(begin - aside));
  if (map == MAP_FAILED) return CannotMap();
  pieces->emplace_back(map, size);
  *pages = static_cast<const char*>(map) + aside;
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> LmdbMap::CountPages() const {
  struct stat info;
  if (fstat(fd_, &info) != 0) return absl::ErrnoToStatus(errno, "cannot read the file's size");
  return info.st_size / page_size_;
}

absl::Status LmdbMap::Map(uint64_t first, uint64_t count, const char** pages) {
  std::lock_guard lock(mutex_);
  const absl::StatusOr<uint64_t> there = CountPages();
  if (!there.ok()) return there.status();
  if (!IsWithin(first, count, *there)) return Outside(first);
  if (parts_.empty() || parts_.back()->size < *there * page_size_) {
    if (absl::Status status = AddPart(*there * page_size_); !status.ok()) return status;
  }
  Part& part = *parts_.back();
  part.pages.store(std::min(*there, part.size / page_size_), std::memory_order_release);
  last_.store(&part, std::memory_order_release);
  if (!part.Has(first, count)) return absl::ResourceExhaustedError("too little address space");
  *pages = part.bytes + first * page_size_;
  return absl::OkStatus();
}

// If it can be, twice as large as the file, so that this is rarely done. Does nothing where address
// space is short, but for the first pages: everybody needs them.
absl::Status LmdbMap::AddPart(size_t file_size) {
  size_t size = std::max(2 * file_size, kLeastMap);
  if (!IsSpaceFor(2 * size)) size = file_size;
  if (!IsSpaceFor(2 * size)) {
    if (!parts_.empty()) return absl::OkStatus();
    size = lmdb::kMetaPages * page_size_;
  }
  void* map = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd_, 0);
  if (map == MAP_FAILED) return CannotMap();
  parts_.push_back(std::make_unique<Part>(static_cast<const char*>(map), size));
  return absl::OkStatus();
}

}  // namespace permacache::storage
