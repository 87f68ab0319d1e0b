#include "permacache/storage/lmdb_snapshot.h"

#include <lmdb.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>
#include <system_error>

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

  // The leaf of a tree where `key` is if it is anywhere, and the keys that may lie there; nothing
  // of an empty tree.
  absl::Status FindLeaf(const Database& tree, std::string_view key, Care care,
                        std::optional<TreePage>* leaf, KeyRange* range_of_leaf = nullptr) const {
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
        leaf->emplace(page);
        if (range_of_leaf != nullptr) *range_of_leaf = range;
        return care == Care::kSome ? CheckEnds(page, range) : absl::OkStatus();
      }
      size_t i = 0;
      if (absl::Status status = FindChild(page, key, &i); !status.ok()) return status;
      range = page.RangeOf(i, range);
      number = page.ChildOf(i);
    }
  }

  static absl::Status FindIn(const TreePage& leaf, std::string_view key, std::optional<size_t>* i) {
    size_t low = 0, high = leaf.count();
    while (low < high) {
      const size_t middle = low + (high - low) / 2;
      if (!leaf.HasEntry(middle)) return leaf.Wrong("entry's place");
      const int order = lmdb::CompareKeys(leaf.KeyOf(middle), key);
      if (order == 0) {
        *i = middle;
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

  absl::Status ReadValue(const Leaf& entry, std::string_view* value) const {
    const char* data = entry.data;
    if (entry.is_large) {
      absl::Status status = FindLargeValue(Load<uint64_t>(entry.data), entry.size, &data);
      if (!status.ok()) return status;
    }
    *value = std::string_view(data, entry.size);
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

absl::Status ReadEntry(const TreePage& leaf, size_t i, Leaf* entry) {
  absl::Status status = leaf.ReadLeaf(i, entry);
  if (status.ok() && entry->is_database) status = Damaged("a database lies inside another");
  return status;
}

absl::Status ReadDatabase(const TreePage& names, size_t i, std::optional<Database>* database) {
  Leaf entry;
  if (absl::Status status = names.ReadLeaf(i, &entry); !status.ok()) return status;
  if (!entry.is_database || entry.is_large || entry.size != Database::kSize) {
    return Damaged("the file has entries that this library never writes");
  }
  database->emplace(entry.data);
  if ((*database)->flags == 0) return absl::OkStatus();
  return Damaged("a database has flags that this library never sets");
}

absl::Status CheckNames(const TreePage& names) {
  std::vector<uint64_t> roots;
  for (size_t i = 0; i < names.count(); ++i) {
    std::optional<Database> database;
    absl::Status status = ReadDatabase(names, i, &database);
    if (!status.ok()) return status;
    if (database->root != lmdb::kNoPage) roots.push_back(database->root);
  }
  // Two databases with one root would give each other's values.
  std::ranges::sort(roots);
  const auto twice = std::ranges::adjacent_find(roots);
  if (twice == roots.end()) return absl::OkStatus();
  return Damaged(absl::StrCat("page ", *twice, " is used twice"));
}

// There are few names, so that all of a page with some can be checked each time.
absl::Status FindDatabase(const Search& search, const Database& main, std::string_view name,
                          bool is_sound, std::optional<Database>* database) {
  std::optional<TreePage> names;
  absl::Status status = search.FindLeaf(main, name, is_sound ? Care::kLeast : Care::kAll, &names);
  if (!status.ok() || !names) return status;
  if (!is_sound) status = CheckNames(*names);
  std::optional<size_t> found;
  if (status.ok()) status = Search::FindIn(*names, name, &found);
  if (!status.ok() || !found) return status;
  return ReadDatabase(*names, *found, database);
}

// Visits the leaves of a tree in their order, from the one on where what follows `after` may be,
// until `*go_on` is false. None is left out: they are checked unless they are known to be sound.
absl::Status ForEachLeaf(const Search& search, const Database& tree, std::string_view after,
                         bool is_sound,
                         absl::FunctionRef<absl::Status(const TreePage&, bool* go_on)> visit) {
  bool go_on = true;
  for (std::string_view key = after; go_on;) {
    std::optional<TreePage> leaf;
    KeyRange range;
    absl::Status status =
        search.FindLeaf(tree, key, is_sound ? Care::kLeast : Care::kAll, &leaf, &range);
    if (!status.ok() || !leaf) return status;
    if (status = visit(*leaf, &go_on); !status.ok()) return status;
    if (range.end.data() == nullptr) return absl::OkStatus();
    if (lmdb::CompareKeys(range.end, key) <= 0) return leaf->Wrong("place among the others");
    key = range.end;
  }
  return absl::OkStatus();
}

// That there is no such entry, and not only damage that hides it.
absl::Status CheckMiss(const Search& search, const Database& entries, std::string_view key) {
  std::optional<TreePage> leaf;
  absl::Status status = search.FindLeaf(entries, key, Care::kAll, &leaf);
  for (size_t i = 0; status.ok() && leaf && i < leaf->count(); ++i) {
    Leaf ignored;
    status = ReadEntry(*leaf, i, &ignored);
  }
  return status;
}

}  // namespace

int LmdbSnapshot::Find(const Place& place, std::string_view* bytes) {
  bool found = false;
  trouble_ = TryFind(place, bytes, &found);
  if (!trouble_.ok()) return MDB_CORRUPTED;
  return found ? 0 : MDB_NOTFOUND;
}

absl::Status LmdbSnapshot::TryFind(const Place& place, std::string_view* bytes, bool* found) {
  pieces_.clear();
  if (absl::Status status = OpenGeneration(place.generation); !status.ok()) return status;
  if (!entries_) return absl::OkStatus();
  const std::string_view key = BytesOf(place.digest);
  const Search search(file_, *meta_, &pieces_);
  std::optional<TreePage> leaf;
  std::optional<size_t> i;
  absl::Status status =
      search.FindLeaf(*entries_, key, is_sound_ ? Care::kLeast : Care::kSome, &leaf);
  if (status.ok() && leaf) status = Search::FindIn(*leaf, key, &i);
  if (!status.ok()) return status;
  if (!i) return is_sound_ ? absl::OkStatus() : CheckMiss(search, *entries_, key);
  *found = true;
  Leaf entry;
  status = ReadEntry(*leaf, *i, &entry);
  return status.ok() ? search.ReadValue(entry, bytes) : status;
}

int LmdbSnapshot::Walk(uint32_t generation, std::string_view after,
                       absl::FunctionRef<void(std::string_view, std::string_view)> visit) {
  bool found = false;
  trouble_ = TryWalk(generation, after, visit, &found);
  if (!trouble_.ok()) return MDB_CORRUPTED;
  return found ? 0 : MDB_NOTFOUND;
}

absl::Status LmdbSnapshot::TryWalk(
    uint32_t generation, std::string_view after,
    absl::FunctionRef<void(std::string_view, std::string_view)> visit, bool* found) {
  pieces_.clear();
  if (absl::Status status = OpenGeneration(generation); !status.ok()) return status;
  if (!entries_) return absl::OkStatus();
  const Search search(file_, *meta_, &pieces_);
  return ForEachLeaf(search, *entries_, after, is_sound_, [&](const TreePage& leaf, bool* go_on) {
    for (size_t i = 0; i < leaf.count(); ++i) {
      if (!leaf.HasEntry(i)) return leaf.Wrong("entry's place");
      if (!after.empty() && lmdb::CompareKeys(leaf.KeyOf(i), after) <= 0) continue;
      Leaf entry;
      std::string_view bytes;
      absl::Status status = ReadEntry(leaf, i, &entry);
      if (status.ok()) status = search.ReadValue(entry, &bytes);
      if (!status.ok()) return status;
      *found = true;
      *go_on = false;
      visit(entry.key, bytes);
    }
    return absl::OkStatus();
  });
}

int LmdbSnapshot::Generations(std::vector<uint32_t>* generations) {
  generations->clear();
  pieces_.clear();
  trouble_ = ReadMeta();
  if (!trouble_.ok()) return MDB_CORRUPTED;
  const auto add_all = [&](const TreePage& names, bool*) {
    absl::Status status = CheckNames(names);
    for (size_t i = 0; status.ok() && i < names.count(); ++i) {
      uint32_t generation = 0;
      const std::string_view name = names.KeyOf(i);
      const char* const last = name.data() + name.size();
      const auto [end, error] = std::from_chars(name.data(), last, generation);
      if (error == std::errc() && end == last) generations->push_back(generation);
    }
    return status;
  };
  trouble_ = ForEachLeaf(Search(file_, *meta_, &pieces_), meta_->main, {}, is_sound_, add_all);
  return trouble_.ok() ? 0 : MDB_CORRUPTED;
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
