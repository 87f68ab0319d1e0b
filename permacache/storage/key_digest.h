// The digest of a key's text, under which a store finds its record.
#ifndef PERMACACHE_STORAGE_KEY_DIGEST_H_
#define PERMACACHE_STORAGE_KEY_DIGEST_H_

#include <array>
#include <cstring>
#include <memory>
#include <string_view>

#include "xxhash.h"

namespace permacache::storage {

using KeyDigest = std::array<unsigned char, sizeof(XXH128_canonical_t)>;

// In its canonical form, the big end first.
inline KeyDigest ToDigest(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  KeyDigest digest;
  std::memcpy(digest.data(), canonical.digest, digest.size());
  return digest;
}

// XXH3's 128 bits. A collision costs a miss, as records hold the key's text.
inline KeyDigest DigestOfKey(std::string_view key) {
  return ToDigest(XXH3_128bits(key.data(), key.size()));
}

// As the bytes that an index has, which lie in the digest.
inline std::string_view BytesOf(const KeyDigest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}
std::string_view BytesOf(KeyDigest&& temporary) = delete;

// The same digest of what comes in pieces.
class Digester {
 public:
  Digester() : state_(XXH3_createState()) { XXH3_128bits_reset(state_.get()); }

  void Add(std::string_view piece) {
    XXH3_128bits_update(state_.get(), piece.data(), piece.size());
  }

  KeyDigest Digest() const { return ToDigest(XXH3_128bits_digest(state_.get())); }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_;
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_KEY_DIGEST_H_
