// How the pages of an LMDB data file are laid out, and whether one of them is sound by itself.
//
// The layout is that of LMDB 0.9 on 64-bit machines, as mdb.c defines it. Nothing here looks beyond
// the page that it is given, whatever that holds.
#ifndef PERMACACHE_STORAGE_LMDB_PAGE_H_
#define PERMACACHE_STORAGE_LMDB_PAGE_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "absl/status/status.h"

namespace permacache::storage::lmdb {

// Page header: number (8 bytes), padding (2), flags (2), then the bounds of the free space (2 + 2)
// or, on the first page of a large value, the number of its pages (4).
inline constexpr size_t kPageHeaderSize = 16;
inline constexpr size_t kPageFlagsOffset = 10;
inline constexpr uint16_t kMetaPage = 0x08;

inline constexpr uint32_t kMagic = 0xBEEFC0DE;
inline constexpr uint64_t kNoPage = ~uint64_t{0};
inline constexpr uint64_t kMetaPages = 2;
inline constexpr size_t kLargestPage = 32768;
inline constexpr int kDeepest = 32;

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

// The transaction that wrote this meta page last. Another process may be writing it now.
inline uint64_t TransactionOn(const char* meta_page) {
  const char* at = meta_page + kPageHeaderSize + Meta::kSize - sizeof(uint64_t);
  return __atomic_load_n(reinterpret_cast<const uint64_t*>(at), __ATOMIC_ACQUIRE);
}

absl::Status Damaged(std::string_view what);

absl::Status CheckMeta(const Meta& meta);

// Bytes as a number that is less where they come first.
inline uint64_t LoadInOrder(const char* at) {
  const auto number = Load<uint64_t>(at);
  return std::endian::native == std::endian::little ? __builtin_bswap64(number) : number;
}

// Negative, zero or positive as the key `a` comes before `b`, is the same or comes behind it.
inline int CompareKeys(std::string_view a, std::string_view b) {
  // Digests, as almost all keys are, in a few instructions.
  if (a.size() == 2 * sizeof(uint64_t) && b.size() == a.size()) {
    for (const size_t half : {size_t{0}, sizeof(uint64_t)}) {
      const uint64_t x = LoadInOrder(a.data() + half), y = LoadInOrder(b.data() + half);
      if (x != y) return x < y ? -1 : 1;
    }
    return 0;
  }
  return a.compare(b);
}

// The keys that may lie below a branch's entry: from its own key to the next entry's. One without
// data is no limit.
struct KeyRange {
  std::string_view begin, end;

  bool Has(std::string_view key) const {
    return (begin.data() == nullptr || CompareKeys(begin, key) <= 0) &&
           (end.data() == nullptr || CompareKeys(key, end) < 0);
  }
};

// One entry of a leaf page.
struct Leaf {
  std::string_view key;
  bool is_database;  // the value is a Database
  bool is_large;     // in place of the value there is the number of the page where it begins
  const char* data;
  uint64_t size;  // of the value
};

// A page of a tree. Its bytes must not change meanwhile.
class TreePage {
 public:
  // `depth` is what its parent says of it: 1 for a leaf.
  TreePage(const char* bytes, size_t size, uint64_t number, int depth)
      : bytes_(bytes),
        size_(size),
        number_(number),
        is_leaf_(depth == 1),
        lower_(Load<uint16_t>(bytes + kLowerOffset)),
        upper_(Load<uint16_t>(bytes + kUpperOffset)) {}

  // Of the page's header. Nothing below may be called on a page where it is not OK.
  absl::Status CheckHeader(bool is_free_list) const {
    // LMDB asserts that a branch has two children, except in the free list while rebalancing.
    const size_t least_end = kPageHeaderSize + (is_leaf_ || is_free_list ? 2 : 4);
    // No other flag either: LMDB writes into the read-only map where a page claims to be dirty.
    if (Load<uint16_t>(bytes_ + kPageFlagsOffset) != (is_leaf_ ? kLeafPage : kBranchPage)) {
      return Wrong("kind");
    }
    if (lower_ > upper_ || upper_ > size_ || lower_ % 2 != 0) return Wrong("bounds");
    if (lower_ < least_end) return Wrong("number of entries");
    return absl::OkStatus();
  }

  // That all entries lie on the page, and that their keys ascend within their range.
  absl::Status CheckEntries(bool is_free_list, const KeyRange& range) const;

  uint64_t number() const { return number_; }
  size_t count() const { return (lower_ - kPageHeaderSize) / 2; }

  // Whether an entry and its key lie on the page. What follows may be called only if they do.
  bool HasEntry(size_t i) const {
    const size_t offset = OffsetOf(i);
    if (offset < upper_ || offset % 2 != 0 || offset + kNodeHeaderSize > size_) return false;
    const size_t key_size = Load<uint16_t>(bytes_ + offset + kNodeKeySizeOffset);
    return key_size <= kLongestKey && key_size <= size_ - offset - kNodeHeaderSize;
  }

  std::string_view KeyOf(size_t i) const {
    const char* node = bytes_ + OffsetOf(i);
    return {node + kNodeHeaderSize, Load<uint16_t>(node + kNodeKeySizeOffset)};
  }

  // The keys that may lie below an entry of a branch that has this range itself.
  KeyRange RangeOf(size_t i, const KeyRange& range) const {
    KeyRange below = range;
    if (i > 0) below.begin = KeyOf(i);
    if (i + 1 < count()) below.end = KeyOf(i + 1);
    return below;
  }

  // The page below an entry of a branch.
  uint64_t ChildOf(size_t i) const {
    const char* node = bytes_ + OffsetOf(i);
    return Load<uint32_t>(node) | static_cast<uint64_t>(Load<uint16_t>(node + 4)) << 32;
  }

  // An entry of a leaf.
  absl::Status ReadLeaf(size_t i, Leaf* leaf) const;

  absl::Status Wrong(std::string_view what) const;

 private:
  static constexpr uint16_t kBranchPage = 0x01;
  static constexpr uint16_t kLeafPage = 0x02;
  static constexpr size_t kLowerOffset = 12;
  static constexpr size_t kUpperOffset = 14;

  // Node header: the low 32 bits of the data's size or of a child's page number (4), flags or the
  // high bits of the page number (2), the key's size (2).
  static constexpr size_t kNodeHeaderSize = 8;
  static constexpr size_t kNodeKeySizeOffset = 6;
  static constexpr size_t kLongestKey = 511;

  size_t OffsetOf(size_t i) const { return Load<uint16_t>(bytes_ + kPageHeaderSize + 2 * i); }

  const char* bytes_;
  size_t size_;
  uint64_t number_;
  bool is_leaf_;
  size_t lower_, upper_;
};

// How many pages a large value of this size has that begins on this page.
absl::Status CountPagesOfValue(const char* page, size_t page_size, uint64_t number, uint64_t size,
                               uint64_t* pages);

}  // namespace permacache::storage::lmdb

#endif  // PERMACACHE_STORAGE_LMDB_PAGE_H_
