// Digests of content.
//
// A content digest is BLAKE3 with 32 bytes, computed by the code of its authors
// (https://github.com/BLAKE3-team/BLAKE3). Two contents with one digest are not to be found,
// so it may stand for the content in a key. It is the same on every machine.
#ifndef PERMACACHE_HASH_HASH_H_
#define PERMACACHE_HASH_HASH_H_

#include <array>
#include <cstddef>
#include <span>
#include <string>

#include "blake3.h"

namespace permacache::hash {

using ContentDigest = std::array<unsigned char, 32>;

// Digests content that comes in pieces; where the cuts are does not matter. An object belongs to
// one thread at a time.
class ContentHasher {
 public:
  ContentHasher();

  void Update(std::span<const std::byte> bytes);

  // The digest of everything so far; more may follow.
  ContentDigest Digest() const;

 private:
  blake3_hasher state_;
};

ContentDigest DigestOfContent(std::span<const std::byte> bytes);

// Two lower-case digits per byte.
std::string Hex(std::span<const unsigned char> bytes);

}  // namespace permacache::hash

#endif  // PERMACACHE_HASH_HASH_H_
