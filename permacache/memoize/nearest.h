// The stored call that explains best why another one missed.
#ifndef PERMACACHE_MEMOIZE_NEAREST_H_
#define PERMACACHE_MEMOIZE_NEAREST_H_

#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "permacache/memoize/explain.h"
#include "permacache/storage/store.h"

namespace permacache::memoize {

// The stored call that is nearest to a call of this key, if any are stored; the call itself,
// without differences, if it is. Looks at the keys of all entries and at no values, in memory that
// does not grow with their number. Entries that cannot be read are passed over.
absl::StatusOr<std::optional<Explanation::Nearest>> FindNearest(storage::Store& store,
                                                                std::string_view key);

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_NEAREST_H_
