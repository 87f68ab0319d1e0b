// Looks entries up in an LMDB data file that may be damaged.
//
// LMDB follows what it reads wherever that leads, so it may be let at a file only when every page
// has been checked, which takes time for a large one. This reads the few pages that lead to one
// entry, and stays within them and the file whatever they hold.
#ifndef PERMACACHE_STORAGE_LMDB_SNAPSHOT_H_
#define PERMACACHE_STORAGE_LMDB_SNAPSHOT_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "permacache/storage/lmdb_map.h"
#include "permacache/storage/lmdb_page.h"
#include "permacache/storage/place.h"

namespace permacache::storage {

// The entries as one transaction has left them. Valid while a read transaction is open, which keeps
// other processes from reusing pages. Not thread-safe.
class LmdbSnapshot {
 public:
  // Of the read transaction's number. What is seen may be newer, but is of one moment. `is_sound`
  // tells that all of the file has been checked, which saves some work.
  LmdbSnapshot(LmdbMap& file, uint64_t transaction, bool is_sound)
      : file_(file), transaction_(transaction), is_sound_(is_sound) {}

  // Returns an LMDB error code, MDB_NOTFOUND if there is no such entry. `*bytes` lie where they are
  // until the next call.
  //
  // What is found is what the file says, and as good as its own checksum. That there is nothing is
  // certain: the pages that say so are checked as CheckPages does it.
  int Find(const Place& place, std::string_view* bytes);

  // Calls visit(index, bytes) for some entries of a version in their order: those of one page that
  // are behind `after`, or the first of all if that is empty. Both lie where they are during the
  // call. Returns as Find does, MDB_NOTFOUND behind the last one; after another error some may have
  // been visited. That nothing lies between those that are visited is certain, too.
  int Walk(uint32_t generation, std::string_view after,
           absl::FunctionRef<void(std::string_view index, std::string_view bytes)> visit);

  // The versions that have a database, in the order of their names. Returns 0 or an error.
  int Generations(std::vector<uint32_t>* generations);

  // Why one of these returned an error.
  //   kDataLoss     a page on the way is damaged, or another process was writing a meta page
  //   kUnavailable  the file does not have this transaction
  const absl::Status& trouble() const { return trouble_; }

  uint64_t transaction() const { return transaction_; }

 private:
  absl::Status TryFind(const Place& place, std::string_view* bytes, bool* found);
  absl::Status TryWalk(uint32_t generation, std::string_view after,
                       absl::FunctionRef<void(std::string_view, std::string_view)> visit,
                       bool* found);
  absl::Status ReadMeta();
  absl::Status OpenGeneration(uint32_t generation);

  LmdbMap& file_;
  const uint64_t transaction_;
  const bool is_sound_;
  std::optional<lmdb::Meta> meta_;
  std::vector<LmdbMap::Piece> pieces_;  // that were needed

  // The one that was looked into last. A database without a root has no entries.
  std::optional<uint32_t> generation_;
  std::optional<lmdb::Database> entries_;

  absl::Status trouble_;
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_LMDB_SNAPSHOT_H_
