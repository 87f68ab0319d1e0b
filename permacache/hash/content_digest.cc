#include "permacache/hash/content_digest.h"

#include "permacache/hash/blake3_tree.h"
#include "permacache/hash/run_on_threads.h"
#include "permacache/hash/threads.h"

namespace permacache::hash {

ContentHasher::ContentHasher() { blake3_hasher_init(&state_); }

void ContentHasher::Update(std::span<const std::byte> bytes) {
  blake3_hasher_update(&state_, bytes.data(), bytes.size());
}

ContentDigest ContentHasher::Digest() const {
  ContentDigest digest;
  blake3_hasher_finalize(&state_, digest.data(), digest.size());
  return digest;
}

ContentDigest DigestOfContent(std::span<const std::byte> bytes) {
  if (bytes.size() >= kLeastParallelSize && Blake3TreesWork()) {
    return DigestInPieces(bytes, kPieceSize, bytes.size() / kLeastPerThread);
  }
  ContentHasher hasher;
  hasher.Update(bytes);
  return hasher.Digest();
}

}  // namespace permacache::hash
