#include "permacache/storage/lmdb_page.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"

namespace permacache::storage::lmdb {
namespace {

constexpr uint16_t kOverflowPage = 0x04;
constexpr size_t kPageCountOffset = 12;

constexpr uint16_t kLargeValue = 0x01;
constexpr uint16_t kSubDatabase = 0x02;

constexpr uint32_t kVersion = 1;
constexpr uint16_t kIntegerKeys = 0x08;

bool IsBefore(std::string_view a, std::string_view b, bool integers) {
  if (integers) return Load<uint64_t>(a.data()) < Load<uint64_t>(b.data());
  return CompareKeys(a, b) < 0;
}

absl::Status WrongPage(uint64_t number, std::string_view what) {
  return Damaged(absl::StrCat("page ", number, " has a wrong ", std::string(what)));
}

}  // namespace

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

absl::Status TreePage::Wrong(std::string_view what) const { return WrongPage(number_, what); }

absl::Status TreePage::CheckEntries(bool is_free_list, const KeyRange& range) const {
  for (size_t i = 0; i < count(); ++i) {
    if (!HasEntry(i)) return Wrong("entry's place");
  }
  std::optional<std::string_view> previous;
  // That of a branch's first entry is not looked at.
  for (size_t i = is_leaf_ ? 0 : 1; i < count(); ++i) {
    const std::string_view key = KeyOf(i);
    if (is_free_list && key.size() != sizeof(uint64_t)) return Wrong("key's length");
    if (previous && !IsBefore(*previous, key, is_free_list)) return Wrong("order of keys");
    if ((range.begin.data() != nullptr && IsBefore(key, range.begin, is_free_list)) ||
        (range.end.data() != nullptr && !IsBefore(key, range.end, is_free_list))) {
      return Wrong("key, which belongs on another page");
    }
    previous = key;
  }
  return absl::OkStatus();
}

absl::Status TreePage::ReadLeaf(size_t i, Leaf* leaf) const {
  const char* node = bytes_ + OffsetOf(i);
  const auto flags = Load<uint16_t>(node + 4);
  if ((flags & ~(kLargeValue | kSubDatabase)) != 0) return Wrong("entry's flags");
  leaf->key = KeyOf(i);
  leaf->is_database = (flags & kSubDatabase) != 0;
  leaf->is_large = (flags & kLargeValue) != 0;
  leaf->data = leaf->key.data() + leaf->key.size();
  leaf->size = Load<uint32_t>(node);
  const size_t room = bytes_ + size_ - leaf->data;
  if (leaf->is_large) {
    if (room < sizeof(uint64_t)) return Wrong("reference to a large value");
  } else if (leaf->size > room) {
    return Wrong("value's length");
  }
  return absl::OkStatus();
}

absl::Status CountPagesOfValue(const char* page, size_t page_size, uint64_t number, uint64_t size,
                               uint64_t* pages) {
  if (Load<uint16_t>(page + kPageFlagsOffset) != kOverflowPage) return WrongPage(number, "kind");
  *pages = Load<uint32_t>(page + kPageCountOffset);
  if (*pages < 1 || *pages * page_size < kPageHeaderSize + size) {
    return WrongPage(number, "number of pages");
  }
  return absl::OkStatus();
}

}  // namespace permacache::storage::lmdb
