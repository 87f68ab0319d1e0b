#include "permacache/storage/commit_watch.h"

#include <algorithm>

#include "permacache/storage/lmdb_page.h"

namespace permacache::storage {

absl::Status CommitWatch::Open(LmdbMap& file) {
  page_size_ = file.page_size();
  return file.Find(0, lmdb::kMetaPages, &pages_);
}

uint64_t CommitWatch::last() const {
  return std::max(lmdb::TransactionOn(pages_), lmdb::TransactionOn(pages_ + page_size_));
}

}  // namespace permacache::storage
