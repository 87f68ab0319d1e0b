#include "permacache/storage/lmdb_check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace permacache::storage {
namespace {

// Page header: number (8 bytes), padding (2), flags (2), then the bounds of the free space (2 + 2)
// or, on the first page of a large value, the number of its pages (4).
constexpr size_t kPageHeaderSize = 16;
constexpr size_t kPageFlagsOffset = 10;
constexpr size_t kLowerOffset = 12;
constexpr size_t kUpperOffset = 14;
constexpr size_t kPageCountOffset = 12;

constexpr uint16_t kBranchPage = 0x01;
constexpr uint16_t kLeafPage = 0x02;
constexpr uint16_t kOverflowPage = 0x04;
constexpr uint16_t kMetaPage = 0x08;

// Node header: the low 32 bits of the data's size or of a child's page number (4), flags or the
// high bits of the page number (2), the key's size (2).
constexpr size_t kNodeHeaderSize = 8;
constexpr size_t kNodeKeySizeOffset = 6;
constexpr uint16_t kLargeValue = 0x01;
constexpr uint16_t kSubDatabase = 0x02;
constexpr size_t kLongestKey = 511;

constexpr uint32_t kMagic = 0xBEEFC0DE;
constexpr uint32_t kVersion = 1;
constexpr uint16_t kIntegerKeys = 0x08;
constexpr uint64_t kNoPage = ~uint64_t{0};
constexpr uint64_t kMetaPages = 2;
constexpr size_t kLargestPage = 32768;
constexpr ssize_t kSector = 512;  // disks write no less
constexpr int kDeepest = 32;

template <class T>
T Load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

// MDB_db: padding (4), flags (2), depth (2), then the numbers of pages and entries, and the root.
struct Database {
  static constexpr size_t kSize = 48;

  explicit Database(const char* at)
      : page_size(Load<uint32_t>(at)),
        flags(Load<uint16_t>(at + 4)),
        depth(Load<uint16_t>(at + 6)),
        root(Load<uint64_t>(at + 40)) {}

  uint32_t page_size;  // in the free list's database only
  uint16_t flags;
  uint16_t depth;
  uint64_t root;
};

// MDB_meta: magic (4), version (4), address (8), map size (8), the free list's and the main
// database, the last page's number (8), the transaction's (8).
struct Meta {
  static constexpr size_t kDatabasesOffset = 24;
  static constexpr size_t kSize = kDatabasesOffset + 2 * Database::kSize + 16;

  explicit Meta(const char* page)
      : page_flags(Load<uint16_t>(page + kPageFlagsOffset)),
        magic(Load<uint32_t>(page + kPageHeaderSize)),
        version(Load<uint32_t>(page + kPageHeaderSize + 4)),
        free_list(page + kPageHeaderSize + kDatabasesOffset),
        main(page + kPageHeaderSize + kDatabasesOffset + Database::kSize),
        last_page(Load<uint64_t>(page + kPageHeaderSize + kSize - 16)),
        txn_id(Load<uint64_t>(page + kPageHeaderSize + kSize - 8)) {}

  uint16_t page_flags;
  uint32_t magic;
  uint32_t version;
  Database free_list;
  Database main;
  uint64_t last_page;
  uint64_t txn_id;
};

absl::Status Damaged(std::string_view what) { return absl::DataLossError(std::string(what)); }

absl::Status CheckMeta(const Meta& meta) {
  if (meta.page_flags != kMetaPage || meta.magic != kMagic) return Damaged("not an LMDB file");
  if (meta.version != kVersion) return Damaged("an LMDB file of a version that is not known");
  const uint32_t page_size = meta.free_list.page_size;
  if (page_size < 512 || page_size > kLargestPage || (page_size & (page_size - 1)) != 0) {
    return Damaged("a meta page has an impossible page size");
  }
  if ((meta.free_list.flags & ~kIntegerKeys) != 0 || meta.main.flags != 0) {
    return Damaged("a meta page has flags that this library never sets");
  }
  // 2^46 bytes: what a process can map at most.
  if (meta.last_page < kMetaPages - 1 || meta.last_page >= (uint64_t{1} << 46) / page_size) {
    return Damaged("a meta page has an impossible last page");
  }
  return absl::OkStatus();
}

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
  const char* bytes_;
  size_t page_size_;
  uint64_t count_;
  std::vector<bool> used_;
};

// One entry of a leaf page.
struct Leaf {
  std::string_view key;
  uint16_t flags;
  const char* data;  // kNodeHeaderSize + key behind the node's begin; of a large value its page
  uint64_t size;
};

// The keys that may lie below a branch's entry: from its own key to the next entry's.
struct KeyRange {
  std::optional<std::string_view> begin, end;
};

// Checks trees of pages; what their leaves mean is up to the caller.
class TreeCheck {
 public:
  explicit TreeCheck(PageFile& file) : file_(file) {}

  template <class VisitLeaf>
  absl::Status Check(const Database& database, bool is_free_list, VisitLeaf visit) {
    if (database.root == kNoPage) return absl::OkStatus();
    if (database.depth < 1 || database.depth > kDeepest) {
      return Damaged("a database has an impossible depth");
    }
    return CheckPage(database.root, database.depth, is_free_list, {}, visit);
  }

 private:
  template <class VisitLeaf>
  absl::Status CheckPage(uint64_t number, int depth, bool is_free_list, const KeyRange& range,
                         VisitLeaf& visit) {
    const char* page = nullptr;
    if (absl::Status status = file_.Use(number, &page); !status.ok()) return status;
    const uint16_t flags = Load<uint16_t>(page + kPageFlagsOffset);
    // No other flag either: LMDB writes into the read-only map where a page claims to be dirty.
    if (flags != (depth > 1 ? kBranchPage : kLeafPage)) return Wrong(number, "kind");
    const size_t lower = Load<uint16_t>(page + kLowerOffset);
    const size_t upper = Load<uint16_t>(page + kUpperOffset);
    if (lower < kPageHeaderSize || lower > upper || upper > file_.page_size() || lower % 2 != 0) {
      return Wrong(number, "bounds");
    }
    const size_t count = (lower - kPageHeaderSize) / 2;
    // LMDB asserts that a branch has two children, except in the free list while rebalancing.
    if (count < (depth > 1 && !is_free_list ? 2 : 1)) return Wrong(number, "number of entries");

    for (size_t i = 0; i < count; ++i) {
      if (absl::Status status = CheckNode(number, page, i, upper); !status.ok()) return status;
    }
    if (absl::Status status = CheckKeys(number, page, count, depth, is_free_list, range);
        !status.ok()) {
      return status;
    }
    for (size_t i = 0; i < count; ++i) {
      const char* node = NodeOf(page, i);
      const KeyRange below = {i == 0 ? range.begin : KeyOf(node),
                              i + 1 == count ? range.end : KeyOf(NodeOf(page, i + 1))};
      absl::Status status = depth > 1
                                ? CheckPage(Child(node), depth - 1, is_free_list, below, visit)
                                : CheckLeaf(number, page, node, visit);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // That the entry and its key lie on the page.
  absl::Status CheckNode(uint64_t number, const char* page, size_t i, size_t upper) {
    const size_t offset = Load<uint16_t>(page + kPageHeaderSize + 2 * i);
    if (offset < upper || offset % 2 != 0 || offset + kNodeHeaderSize > file_.page_size()) {
      return Wrong(number, "entry's place");
    }
    const size_t key_size = Load<uint16_t>(page + offset + kNodeKeySizeOffset);
    const size_t room = file_.page_size() - offset - kNodeHeaderSize;
    if (key_size > kLongestKey || key_size > room) return Wrong(number, "key's length");
    return absl::OkStatus();
  }

  // That the keys ascend within their range. That of a branch's first entry is not looked at.
  static absl::Status CheckKeys(uint64_t number, const char* page, size_t count, int depth,
                                bool is_free_list, const KeyRange& range) {
    std::optional<std::string_view> previous;
    for (size_t i = depth > 1 ? 1 : 0; i < count; ++i) {
      const std::string_view key = KeyOf(NodeOf(page, i));
      if (is_free_list && key.size() != sizeof(uint64_t)) return Wrong(number, "key's length");
      if (previous && !IsBefore(*previous, key, is_free_list)) {
        return Wrong(number, "order of keys");
      }
      if ((range.begin && IsBefore(key, *range.begin, is_free_list)) ||
          (range.end && !IsBefore(key, *range.end, is_free_list))) {
        return Wrong(number, "key, which belongs on another page");
      }
      previous = key;
    }
    return absl::OkStatus();
  }

  template <class VisitLeaf>
  absl::Status CheckLeaf(uint64_t number, const char* page, const char* node, VisitLeaf& visit) {
    const std::string_view key = KeyOf(node);
    Leaf leaf{key, Load<uint16_t>(node + 4), key.data() + key.size(), Load<uint32_t>(node)};
    const size_t room = page + file_.page_size() - leaf.data;
    if ((leaf.flags & ~(kLargeValue | kSubDatabase)) != 0) return Wrong(number, "entry's flags");
    if (leaf.flags & kLargeValue) {
      if (room < sizeof(uint64_t)) return Wrong(number, "reference to a large value");
      absl::Status status = CheckLargeValue(Load<uint64_t>(leaf.data), leaf.size, &leaf.data);
      if (!status.ok()) return status;
    } else if (leaf.size > room) {
      return Wrong(number, "value's length");
    }
    return visit(leaf);
  }

  absl::Status CheckLargeValue(uint64_t number, uint64_t size, const char** data) {
    const char* page = nullptr;
    if (absl::Status status = file_.Use(number, &page); !status.ok()) return status;
    if (Load<uint16_t>(page + kPageFlagsOffset) != kOverflowPage) {
      return Wrong(number, "kind");
    }
    const uint64_t pages = Load<uint32_t>(page + kPageCountOffset);
    if (pages < 1 || pages * file_.page_size() < kPageHeaderSize + size) {
      return Wrong(number, "number of pages");
    }
    *data = page + kPageHeaderSize;
    return file_.Mark(number + 1, pages - 1);
  }

  static uint64_t Child(const char* node) {
    return Load<uint32_t>(node) | static_cast<uint64_t>(Load<uint16_t>(node + 4)) << 32;
  }

  static const char* NodeOf(const char* page, size_t i) {
    return page + Load<uint16_t>(page + kPageHeaderSize + 2 * i);
  }

  static std::string_view KeyOf(const char* node) {
    return {node + kNodeHeaderSize, Load<uint16_t>(node + kNodeKeySizeOffset)};
  }

  static bool IsBefore(std::string_view a, std::string_view b, bool integers) {
    if (integers) return Load<uint64_t>(a.data()) < Load<uint64_t>(b.data());
    return a < b;
  }

  static absl::Status Wrong(uint64_t page, std::string_view what) {
    return Damaged(absl::StrCat("page ", page, " has a wrong ", std::string(what)));
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
    if (leaf.flags != kSubDatabase || leaf.size != Database::kSize) {
      return Damaged("the file has entries that this library never writes");
    }
    const Database generation(leaf.data);
    if (generation.flags != 0) return Damaged("a database has flags that this library never sets");
    return tree.Check(generation, false, [](const Leaf& entry) {
      return entry.flags & kSubDatabase ? Damaged("a database lies inside another")
                                        : absl::OkStatus();
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
