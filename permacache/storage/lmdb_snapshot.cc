#include "permacache/storage/lmdb_snapshot.h"

#include <lmdb.h>

#include <charconv>
#include <cstddef>
#include <limits>

#include "absl/strings/str_cat.h"

namespace permacache::storage {
namespace {

using lmdb::Damaged;
using lmdb::Database;
using lmdb::KeyRange;
using lmdb::Leaf;
using lmdb::Load;
using lmdb::Meta;
using lmdb::TreePage;

// How much is checked of the pages on the way: only that the search stays within them, as they are
// known to be sound; what tells them from those of others; or all of it.
enum class Care { kLeast, kSome, kAll };

class Search {
 public:
  Search(LmdbMap& file, const Meta& meta, std::vector<LmdbMap::Piece>* pieces)
      : file_(file), last_page_(meta.last_page), pieces_(pieces) {}

  // An entry of a leaf.
  struct Found {
    TreePage page;
    size_t index;
  };

  absl::Status Find(const Database& tree, std::string_view key, Care care,
                    std::optional<Found>* found) const {
    if (tree.root == lmdb::kNoPage) return absl::OkStatus();
    if (tree.depth < 1 || tree.depth > lmdb::kDeepest) {
      return Damaged("a database has an impossible depth");
    }
    KeyRange range;
    uint64_t number = tree.root;
    for (int depth = tree.depth;; --depth) {
      const char* bytes = nullptr;
      if (absl::Status status = Go(number, 1, &bytes); !status.ok()) return status;
      const TreePage page(bytes, file_.page_size(), number, depth);
      if (absl::Status status = page.CheckHeader(false); !status.ok()) return status;
      if (care == Care::kAll) {
        if (absl::Status status = page.CheckEntries(false, range); !status.ok()) return status;
      }
      if (depth == 1) {
        absl::Status status = care == Care::kLeast ? absl::OkStatus() : CheckEnds(page, range);
        return status.ok() ? FindInLeaf(page, key, found) : status;
      }
      size_t i = 0;
      if (absl::Status status = FindChild(page, key, &i); !status.ok()) return status;
      range = page.RangeOf(i, range);
      number = page.ChildOf(i);
    }
  }

  absl::Status ReadDatabase(const Found& found, std::optional<Database>* database) const {
    Leaf leaf;
    if (absl::Status status = found.page.ReadLeaf(found.index, &leaf); !status.ok()) return status;
    if (!leaf.is_database || leaf.is_large || leaf.size != Database::kSize) {
      return Damaged("the file has entries that this library never writes");
    }
    database->emplace(leaf.data);
    if ((*database)->flags != 0) {
      return Damaged("a database has flags that this library never sets");
    }
    return absl::OkStatus();
  }

  absl::Status ReadValue(const Found& found, std::optional<std::string_view>* value) const {
    Leaf leaf;
    if (absl::Status status = found.page.ReadLeaf(found.index, &leaf); !status.ok()) return status;
    if (leaf.is_database) return Damaged("a database lies inside another");
    if (leaf.is_large) {
      absl::Status status = FindLargeValue(Load<uint64_t>(leaf.data), leaf.size, &leaf.data);
      if (!status.ok()) return status;
    }
    value->emplace(leaf.data, leaf.size);
    return absl::OkStatus();
  }

 private:
  // Where this page lies; so many from it on are there.
  absl::Status Go(uint64_t number, uint64_t count, const char** bytes) const {
    if (number < lmdb::kMetaPages || number > last_page_ || count > last_page_ - number + 1) {
      return Damaged(absl::StrCat("page ", number, " lies outside the file"));
    }
    absl::Status status = file_.Find(number, count, bytes);
    if (absl::IsResourceExhausted(status)) {
      status = file_.FindAlone(number, count, bytes, pieces_);
    }
    if (!status.ok()) return status;
    if (Load<uint64_t>(*bytes) != number) {
      return Damaged(absl::StrCat("page ", number, " has another number"));
    }
    return absl::OkStatus();
  }

  // The last entry whose key is not behind `key`. The first one's key is not looked at.
  static absl::Status FindChild(const TreePage& page, std::string_view key, size_t* i) {
    size_t low = 0, high = page.count();
    while (high - low > 1) {
      const size_t middle = low + (high - low) / 2;
      if (!page.HasEntry(middle)) return page.Wrong("entry's place");
      (lmdb::CompareKeys(page.KeyOf(middle), key) <= 0 ? low : high) = middle;
    }
    if (!page.HasEntry(low) || (high < page.count() && !page.HasEntry(high))) {
      return page.Wrong("entry's place");
    }
    *i = low;
    return absl::OkStatus();
  }

  // A leaf of another database, to which damage may lead, hardly has keys of this range alone.
  static absl::Status CheckEnds(const TreePage& page, const KeyRange& range) {
    for (const size_t end : {size_t{0}, page.count() - 1}) {
      if (!page.HasEntry(end)) return page.Wrong("entry's place");
      if (!range.Has(page.KeyOf(end))) return page.Wrong("key, which belongs on another page");
    }
    return absl::OkStatus();
  }

  static absl::Status FindInLeaf(const TreePage& page, std::string_view key,
                                 std::optional<Found>* found) {
    size_t low = 0, high = page.count();
    while (low < high) {
      const size_t middle = low + (high - low) / 2;
      if (!page.HasEntry(middle)) return page.Wrong("entry's place");
      const int order = lmdb::CompareKeys(page.KeyOf(middle), key);
      if (order == 0) {
        found->emplace(Found{page, middle});
        return absl::OkStatus();
      }
      if (order < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return absl::OkStatus();
  }

  absl::Status FindLargeValue(uint64_t number, uint64_t size, const char** data) const {
    const char* page = nullptr;
    if (absl::Status status = Go(number, 1, &page); !status.ok()) return status;
    uint64_t pages = 0;
    absl::Status status = lmdb::CountPagesOfValue(page, file_.page_size(), number, size, &pages);
    if (status.ok()) status = Go(number, pages, &page);
    *data = page + lmdb::kPageHeaderSize;
    return status;
  }

  LmdbMap& file_;
  const uint64_t last_page_;
  std::vector<LmdbMap::Piece>* const pieces_;
};

// Two databases with one root would give each other's values.
absl::Status CheckRoots(const Search& search, const TreePage& names, uint64_t root) {
  int with_this_root = 0;
  for (size_t i = 0; i < names.count(); ++i) {
    std::optional<Database> database;
    absl::Status status = search.ReadDatabase({names, i}, &database);
    if (!status.ok()) return status;
    with_this_root += database->root == root;
  }
  if (root != lmdb::kNoPage && with_this_root > 1) {
    return Damaged(absl::StrCat("page ", root, " is used twice"));
  }
  return absl::OkStatus();
}

// There are few names, so that all of a page with some can be checked each time.
absl::Status FindDatabase(const Search& search, const Database& main, std::string_view name,
                          bool is_sound, std::optional<Database>* database) {
  std::optional<Search::Found> found;
  absl::Status status = search.Find(main, name, is_sound ? Care::kLeast : Care::kAll, &found);
  if (!status.ok() || !found) return status;
  status = search.ReadDatabase(*found, database);
  if (!status.ok() || is_sound) return status;
  return CheckRoots(search, found->page, (*database)->root);
}

}  // namespace

int LmdbSnapshot::Find(const Place& place, std::string_view* bytes) {
  std::optional<std::string_view> found;
  trouble_ = TryFind(place, &found);
  if (!trouble_.ok()) return MDB_CORRUPTED;
  if (!found) return MDB_NOTFOUND;
  *bytes = *found;
  return 0;
}

absl::Status LmdbSnapshot::TryFind(const Place& place, std::optional<std::string_view>* bytes) {
  if (absl::Status status = OpenGeneration(place.generation); !status.ok()) return status;
  if (!entries_) return absl::OkStatus();
  const std::string_view key(reinterpret_cast<const char*>(place.digest.data()),
                             place.digest.size());
  const Search search(file_, *meta_, &pieces_);
  std::optional<Search::Found> found;
  absl::Status status = search.Find(*entries_, key, is_sound_ ? Care::kLeast : Care::kSome, &found);
  if (status.ok() && !found && !is_sound_) {
    status = search.Find(*entries_, key, Care::kAll, &found);
  }
  if (!status.ok() || !found) return status;
  return search.ReadValue(*found, bytes);
}

absl::Status LmdbSnapshot::OpenGeneration(uint32_t generation) {
  if (generation_ == generation) return absl::OkStatus();
  if (absl::Status status = ReadMeta(); !status.ok()) return status;
  generation_.reset();
  entries_.reset();
  char name[std::numeric_limits<uint32_t>::digits10 + 1];
  const char* const end = std::to_chars(name, name + sizeof(name), generation).ptr;
  absl::Status status =
      FindDatabase(Search(file_, *meta_, &pieces_), meta_->main,
                   std::string_view(name, static_cast<size_t>(end - name)), is_sound_, &entries_);
  if (status.ok()) generation_ = generation;
  return status;
}

// Transactions take turns on the meta pages. The next but one of the same page does as well: a
// reader keeps what is newer than itself from being reused, too.
absl::Status LmdbSnapshot::ReadMeta() {
  if (meta_) return absl::OkStatus();
  const char* metas = nullptr;
  absl::Status status = file_.Find(0, lmdb::kMetaPages, &metas);
  if (!status.ok()) return status;
  const char* const page = metas + transaction_ % lmdb::kMetaPages * file_.page_size();
  if (lmdb::TransactionOn(page) < transaction_) {
    return absl::UnavailableError("the data file does not have this transaction");
  }
  meta_.emplace(page);
  return absl::OkStatus();
}

}  // namespace permacache::storage
