// Where an entry lies in an environment.
#ifndef PERMACACHE_STORAGE_PLACE_H_
#define PERMACACHE_STORAGE_PLACE_H_

#include <compare>
#include <cstdint>

#include "permacache/storage/key_digest.h"

namespace permacache::storage {

struct Place {
  uint32_t generation;  // the version of the function
  KeyDigest digest;     // of the key's text

  friend auto operator<=>(const Place&, const Place&) = default;
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_PLACE_H_
