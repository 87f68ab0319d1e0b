// Digests of content in memory.
//
// A content digest is BLAKE3 with 32 bytes, computed by the code of its authors
// (https://github.com/BLAKE3-team/BLAKE3). Two contents with one digest are not to be found,
// so it may stand for the content in a key. It is the same on every machine and for any number of
// threads.
#ifndef PERMACACHE_HASH_CONTENT_DIGEST_H_
#define PERMACACHE_HASH_CONTENT_DIGEST_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/functional/function_ref.h"
#include "blake3.h"

namespace permacache::hash {

using ContentDigest = std::array<unsigned char, 32>;

// Digests content that comes in pieces, on the calling thread; where the cuts are does not matter.
// An object belongs to one thread at a time.
class ContentHasher {
 public:
  ContentHasher();

  void Update(std::span<const std::byte> bytes);

  // The digest of everything so far; more may follow.
  ContentDigest Digest() const;

 private:
  blake3_hasher state_;
};

// Digests content that is all in memory, with several threads if it is large (threads.h). It may be
// called from any thread; nobody may write to `bytes` meanwhile. For large content it allocates
// 1/8192 of its size, and throws std::bad_alloc if there is not that much.
ContentDigest DigestOfContent(std::span<const std::byte> bytes);

// Digests content of `size` bytes that is made piece by piece and never in memory as a whole.
// produce(offset, bytes) fills `bytes` with what the content has from `offset` on, a multiple of
// 256 KiB. It is called once for each piece, for large content by several threads at once and in
// any order. `bytes` is aligned as memory from `new` is. What it throws is passed on.
ContentDigest DigestOfProduced(
    uint64_t size, absl::FunctionRef<void(uint64_t offset, std::span<std::byte> bytes)> produce);

}  // namespace permacache::hash

#endif  // PERMACACHE_HASH_CONTENT_DIGEST_H_
