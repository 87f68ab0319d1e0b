#include "permacache/memoize/modes.h"

#include "absl/strings/str_cat.h"

namespace permacache {

const std::shared_ptr<memoize::Modes>& memoize::Modes::OfAllFunctions() {
  // Never destroyed: programs use caches until their very end.
  static const auto* const modes = new std::shared_ptr<Modes>(std::make_shared<Modes>());
  return *modes;
}

CacheMissError::CacheMissError(const std::string& function, const std::string& key)
    : Error(absl::StrCat("permacache: ", function, " has no result for ", key,
                         ", and a ScopedErrorOnMiss forbids to compute it")),
      function_(function),
      key_(key) {}

}  // namespace permacache
