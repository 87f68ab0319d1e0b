// A walk over the entries of one version in an environment, some at a time.
//
// A read transaction keeps the pages it can see from being used again, so it must be short: each
// part of the walk is one, and what it has seen is copied out. Not thread-safe.
#ifndef PERMACACHE_STORAGE_LMDB_SCAN_H_
#define PERMACACHE_STORAGE_LMDB_SCAN_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/storage/lmdb_environment.h"
#include "permacache/storage/place.h"
#include "permacache/storage/store.h"

namespace permacache::storage {

class LmdbScan {
 public:
  LmdbScan(uint32_t generation, Depth depth) : generation_(generation), depth_(depth) {}

  struct Seen {
    Place place;
    EntryInfo info;  // its key is the one below
    std::string key;
    std::string trace;     // tells the record from a later one
    std::string envelope;  // if its value is to be looked at
  };

  // Looks at the entries that follow those seen before. An environment that was lost meanwhile may
  // be another one the next time. kDataLoss if the way to them is damaged; nothing else of the file
  // is read.
  absl::Status LookAtSome(LmdbEnvironment& environment);

  // None of them when there are no more.
  const std::deque<Seen>& seen() const { return seen_; }

  // Calls visit(info) for one of them, with its value if that is to be looked at; not if its value
  // has gone with it meanwhile.
  absl::Status Visit(LmdbEnvironment& environment, const Seen& seen,
                     absl::FunctionRef<void(const EntryInfo&)> visit) const;

  // Erases the entries that are still what they were.
  static absl::Status Erase(LmdbEnvironment& environment, const std::vector<const Seen*>& seen);

 private:
  int ReadSome(LmdbSnapshot& snapshot);
  void Look(const Place& place, std::string_view bytes);
  static absl::StatusOr<bool> IsStillThere(LmdbEnvironment& environment, const Seen& seen);

  const uint32_t generation_;
  const Depth depth_;
  std::string last_;       // the index of the last one that was seen
  size_t pages_in_ = 0;    // how many pages have been read, and count as this process' memory
  std::deque<Seen> seen_;  // whose elements stay where they are, as `info` refers to `key`
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_LMDB_SCAN_H_
