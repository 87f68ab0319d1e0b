// The digest of a key's text, under which a store finds its record.
#ifndef PERMACACHE_STORAGE_KEY_DIGEST_H_
#define PERMACACHE_STORAGE_KEY_DIGEST_H_

#include <array>
#include <cstring>
#include <string_view>

#include "xxhash.h"

namespace permacache::storage {

using KeyDigest = std::array<unsigned char, sizeof(XXH128_canonical_t)>;

// XXH3's 128 bits in their canonical form, the big end first. A collision costs a miss, as records
// hold the key's text.
inline KeyDigest DigestOfKey(std::string_view key) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(key.data(), key.size()));
  KeyDigest digest;
  std::memcpy(digest.data(), canonical.digest, digest.size());
  return digest;
}

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_KEY_DIGEST_H_
