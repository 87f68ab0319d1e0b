// Why a call is not found in the cache: what its key has that no stored one has.
#ifndef PERMACACHE_MEMOIZE_EXPLAIN_H_
#define PERMACACHE_MEMOIZE_EXPLAIN_H_

#include <optional>
#include <string>
#include <vector>

#include "permacache/storage/record.h"

namespace permacache {

// A parameter whose text in a call's key is not that in the key of a stored call. Texts of more
// than 80 bytes are shortened around the place where the two first differ, so that they still do.
struct Difference {
  std::string parameter;  // its name; empty for a key that is no object, as a whole
  std::string here;       // empty if the parameter is absent, as one that is dropped
  std::string stored;     // the same
};

// What became of a call in the cache, and why.
struct Explanation {
  struct Nearest {
    std::string key;
    storage::TimePoint created;
    std::vector<Difference> differences;  // in the order of the names, as bytes
  };

  bool hit = false;
  std::string key = {};     // of the call
  std::string reason = {};  // in words: "found", "never computed with these arguments"

  // On a miss the stored call whose key differs in the fewest parameters; among those the one whose
  // texts differ least, then the latest.
  std::optional<Nearest> nearest = {};

  // Some lines for a log, without a newline at the end. Long keys are shortened.
  std::string ToString() const;
};

}  // namespace permacache

#endif  // PERMACACHE_MEMOIZE_EXPLAIN_H_
