#include "permacache/storage/lmdb_check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "permacache/storage/lmdb_page.h"

namespace permacache::storage {
namespace {

using lmdb::CheckMeta;
using lmdb::Damaged;
using lmdb::Database;
using lmdb::KeyRange;
using lmdb::kLargestPage;
using lmdb::kMagic;
using lmdb::kMetaPage;
using lmdb::kMetaPages;
using lmdb::kPageFlagsOffset;
using lmdb::kPageHeaderSize;
using lmdb::Leaf;
using lmdb::Load;
using lmdb::Meta;
using lmdb::TreePage;

constexpr ssize_t kSector = 512;  // disks write no less

// The whole file, mapped read-only for the duration of a check.
class PageFile {
 public:
  PageFile(const char* bytes, size_t size, size_t page_size)
      : bytes_(bytes), page_size_(page_size), count_(size / page_size), used_(count_) {}

  size_t page_size() const { return page_size_; }
  bool IsUsed(uint64_t number) const { return number < count_ && used_[number]; }

  // The page of this number, which must not have been used before. Marks it.
  absl::Status Use(uint64_t number, const char** page) {
    if (number < kMetaPages || number >= count_) {
      return Damaged(absl::StrCat("page ", number, " lies outside the file"));
    }
    if (++looked_at_ % kPagesBetweenLettingGo == 0) LetGo();
    *page = bytes_ + number * page_size_;
    if (Load<uint64_t>(*page) != number) {
      return Damaged(absl::StrCat("page ", number, " has another number"));
    }
    return Mark(number, 1);
  }

  absl::Status Mark(uint64_t first, uint64_t pages) {
    if (pages > count_ || first > count_ - pages) {
      return Damaged(absl::StrCat("page ", first, " reaches beyond the end of the file"));
    }
    for (uint64_t number = first; number < first + pages; ++number) {
      if (used_[number]) return Damaged(absl::StrCat("page ", number, " is used twice"));
      used_[number] = true;
    }
    return absl::OkStatus();
  }

 private:
  // What has been read shall not count as this process' memory: the file may be larger than that.
  void LetGo() const { madvise(const_cast<char*>(bytes_), count_ * page_size_, MADV_DONTNEED); }

  static constexpr uint64_t kPagesBetweenLettingGo = 512;  // the kernel maps up to 16 for each

  const char* bytes_;
  size_t page_size_;
  uint64_t count_;
  std::vector<bool> used_;
  uint64_t looked_at_ = 0;
};

// Checks trees of pages; what their leaves mean is up to the caller, who is told for each where its
// value lies.
class TreeCheck {
 public:
  explicit TreeCheck(PageFile& file) : file_(file) {}

  template <class VisitLeaf>
  absl::Status Check(const Database& database, bool is_free_list, VisitLeaf visit) {
    if (database.root == lmdb::kNoPage) return absl::OkStatus();
    if (database.depth < 1 || database.depth > lmdb::kDeepest) {
      return Damaged("a database has an impossible depth");
    }
    return CheckPage(database.root, database.depth, is_free_list, {}, visit);
  }

 private:
  template <class VisitLeaf>
  absl::Status CheckPage(uint64_t number, int depth, bool is_free_list, const KeyRange& range,
                         VisitLeaf& visit) {
    const char* bytes = nullptr;
    if (absl::Status status = file_.Use(number, &bytes); !status.ok()) return status;
    const TreePage page(bytes, file_.page_size(), number, depth);
    if (absl::Status status = page.CheckHeader(is_free_list); !status.ok()) return status;
    if (absl::Status status = page.CheckEntries(is_free_list, range); !status.ok()) return status;
    for (size_t i = 0; i < page.count(); ++i) {
      absl::Status status = depth > 1 ? CheckPage(page.ChildOf(i), depth - 1, is_free_list,
                                                  page.RangeOf(i, range), visit)
                                      : CheckLeaf(page, i, visit);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  template <class VisitLeaf>
  absl::Status CheckLeaf(const TreePage& page, size_t i, VisitLeaf& visit) {
    Leaf leaf;
    absl::Status status = page.ReadLeaf(i, &leaf);
    if (status.ok() && leaf.is_large) {
      status = CheckLargeValue(Load<uint64_t>(leaf.data), leaf.size, &leaf.data);
    }
    return status.ok() ? visit(leaf) : status;
  }

  absl::Status CheckLargeValue(uint64_t number, uint64_t size, const char** data) {
    const char* page = nullptr;
    if (absl::Status status = file_.Use(number, &page); !status.ok()) return status;
    uint64_t pages = 0;
    absl::Status status = lmdb::CountPagesOfValue(page, file_.page_size(), number, size, &pages);
    if (!status.ok()) return status;
    *data = page + kPageHeaderSize;
    return file_.Mark(number + 1, pages - 1);
  }

  PageFile& file_;
};

// A list of free pages: its length, then their numbers in descending order.
absl::Status CheckFreePages(const Leaf& leaf, uint64_t last_page, std::vector<uint64_t>& free) {
  if (leaf.size < sizeof(uint64_t)) return Damaged("a list of free pages has no length");
  const uint64_t count = Load<uint64_t>(leaf.data);
  if (count > leaf.size / sizeof(uint64_t) - 1) {
    return Damaged("a list of free pages has a wrong length");
  }
  uint64_t previous = last_page + 1;
  for (uint64_t i = 1; i <= count; ++i) {
    const uint64_t number = Load<uint64_t>(leaf.data + i * sizeof(uint64_t));
    if (number < kMetaPages || number >= previous) {
      return Damaged("a list of free pages has a wrong entry");
    }
    previous = number;
    free.push_back(number);
  }
  return absl::OkStatus();
}

absl::Status CheckSnapshot(const char* bytes, size_t size, const Meta& meta) {
  // LMDB takes what lies behind the last page for unused and would write there.
  const size_t page_size = meta.free_list.page_size;
  PageFile file(bytes, std::min<uint64_t>(size, (meta.last_page + 1) * page_size), page_size);
  TreeCheck tree(file);

  std::vector<uint64_t> free;
  absl::Status status = tree.Check(meta.free_list, true, [&](const Leaf& leaf) {
    return CheckFreePages(leaf, meta.last_page, free);
  });
  if (!status.ok()) return status;

  status = tree.Check(meta.main, false, [&](const Leaf& leaf) {
    if (!leaf.is_database || leaf.is_large || leaf.size != Database::kSize) {
      return Damaged("the file has entries that this library never writes");
    }
    const Database generation(leaf.data);
    if (generation.flags != 0) return Damaged("a database has flags that this library never sets");
    return tree.Check(generation, false, [](const Leaf& entry) {
      return entry.is_database ? Damaged("a database lies inside another") : absl::OkStatus();
    });
  });
  if (!status.ok()) return status;

  std::ranges::sort(free);
  for (size_t i = 0; i < free.size(); ++i) {
    if (file.IsUsed(free[i]) || (i > 0 && free[i] == free[i - 1])) {
      return Damaged(absl::StrCat("page ", free[i], " is free and used"));
    }
  }
  return absl::OkStatus();
}

bool IsZero(std::string_view bytes) {
  return std::ranges::all_of(bytes, [](char byte) { return byte == 0; });
}

// Of an empty file's page there is its begin, or zeros in its place.
bool IsPartOfEmptyMetaPage(std::string_view page, uint64_t number) {
  if (IsZero(page)) return true;
  char begin[kPageHeaderSize + sizeof(kMagic)] = {};
  std::memcpy(begin, &number, sizeof(number));
  std::memcpy(begin + kPageFlagsOffset, &kMetaPage, sizeof(kMetaPage));
  std::memcpy(begin + kPageHeaderSize, &kMagic, sizeof(kMagic));
  // There has been no transaction, and behind its number there is nothing.
  constexpr size_t kTxnIdOffset = kPageHeaderSize + Meta::kSize - sizeof(uint64_t);
  return page.starts_with(std::string_view(begin, sizeof(begin))) &&
         IsZero(page.substr(kTxnIdOffset));
}

absl::StatusOr<size_t> SizeOf(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0) return absl::ErrnoToStatus(errno, "cannot read the data file's size");
  if (!S_ISREG(info.st_mode)) return Damaged("not a regular file");
  return static_cast<size_t>(info.st_size);
}

}  // namespace

absl::Status CheckMetaPages(const std::filesystem::path& file) {
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // no waiting for a pipe
  if (fd < 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return absl::ErrnoToStatus(errno, "cannot open the data file");
  }
  const absl::Cleanup close_fd = [fd] { close(fd); };
  const absl::StatusOr<size_t> size = SizeOf(fd);
  if (!size.ok()) return size.status();
  if (*size == 0) return absl::OkStatus();

  // The second meta page begins where the first says that a page ends.
  uint64_t offset = 0;
  for (uint64_t i = 0; i < kMetaPages; ++i) {
    char page[kPageHeaderSize + Meta::kSize];
    const ssize_t got = pread(fd, page, sizeof(page), static_cast<off_t>(offset));
    if (got < 0) return absl::ErrnoToStatus(errno, "cannot read the data file");
    if (got != sizeof(page)) return Damaged("the file ends within its meta pages");
    const Meta meta(page);
    if (absl::Status status = CheckMeta(meta); !status.ok()) return status;
    if (i > 0 && meta.free_list.page_size != offset) return Damaged("two different page sizes");
    // Transactions take turns on the meta pages. LMDB finds that of a transaction by its number.
    if (meta.txn_id != 0 && meta.txn_id % kMetaPages != i) {
      return Damaged("a meta page lies in the other's place");
    }
    offset = meta.free_list.page_size;
  }
  if (*size < kMetaPages * offset) return Damaged("the file ends within its meta pages");
  return absl::OkStatus();
}

absl::Status ContinueTransactions(int fd, uint64_t txn_id) {
  char begin[kPageHeaderSize + Meta::kSize];
  const auto read_page = [&](off_t offset) {
    return pread(fd, begin, sizeof(begin), offset) == sizeof(begin);
  };
  if (!read_page(0)) return absl::ErrnoToStatus(errno, "cannot read the copy of the data file");
  const off_t page_size = Meta(begin).free_list.page_size;
  // The second meta page has it all, the first is that of an empty file.
  if (!read_page(page_size)) {
    return absl::ErrnoToStatus(errno, "cannot read the copy of the data file");
  }
  if (absl::Status status = CheckMeta(Meta(begin)); !status.ok()) return status;
  for (uint64_t i = 0; i < kMetaPages; ++i) {
    const uint64_t number = txn_id - (txn_id % kMetaPages == i ? 0 : 1);
    std::memcpy(begin + sizeof(begin) - sizeof(number), &number, sizeof(number));
    const auto size = static_cast<ssize_t>(Meta::kSize);
    if (pwrite(fd, begin + kPageHeaderSize, size,
               static_cast<off_t>(i) * page_size + static_cast<off_t>(kPageHeaderSize)) != size) {
      return absl::ErrnoToStatus(errno, "cannot write the copy of the data file");
    }
  }
  return absl::OkStatus();
}

bool IsUnfinished(const std::filesystem::path& file) {
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  const absl::Cleanup close_fd = [fd] { close(fd); };
  const size_t page_size = std::min<size_t>(sysconf(_SC_PAGESIZE), kLargestPage);
  std::string bytes(kMetaPages * page_size + 1, '\0');
  const ssize_t got = pread(fd, bytes.data(), bytes.size(), 0);
  if (got < 0 || got % kSector != 0 || static_cast<size_t>(got) == bytes.size()) return false;
  bytes.resize(got);
  for (uint64_t number = 0; number < kMetaPages; ++number) {
    const size_t begin = std::min(number * page_size, bytes.size());
    if (!IsPartOfEmptyMetaPage(std::string_view(bytes).substr(begin, page_size), number)) {
      return false;
    }
  }
  return true;
}

absl::Status CheckPages(int fd, uint64_t txn_id) {
  const absl::StatusOr<size_t> size = SizeOf(fd);
  if (!size.ok()) return size.status();
  void* map = mmap(nullptr, *size, PROT_READ, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) return absl::ErrnoToStatus(errno, "cannot map the data file");
  const absl::Cleanup unmap = [&] { munmap(map, *size); };

  const char* bytes = static_cast<const char*>(map);
  const size_t page_size = Meta(bytes).free_list.page_size;
  const Meta meta(bytes + (txn_id % kMetaPages) * page_size);
  // A file without any transaction has number 0 on both.
  if (meta.txn_id != txn_id) return absl::UnavailableError("the transaction is too old");
  if (absl::Status status = CheckMeta(meta); !status.ok()) return status;
  return CheckSnapshot(bytes, *size, meta);
}

}  // namespace permacache::storage
