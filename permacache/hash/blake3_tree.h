// BLAKE3 in pieces that may be hashed in any order, by any threads.
//
// BLAKE3 is a binary tree over chunks of 1024 bytes. A piece is a power of two of them, so each
// piece but the last is a subtree, which can be hashed by itself once its position is known.
//
// All hashing is done by blake3_hasher of the BLAKE3 library. Its interface knows no positions, but
// the fields of the struct do: a hasher whose count of chunks is set continues as if so many had
// come before. Whether a library still works like that is checked once (Blake3TreesWork).
#ifndef PERMACACHE_HASH_BLAKE3_TREE_H_
#define PERMACACHE_HASH_BLAKE3_TREE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "blake3.h"
#include "permacache/hash/content_digest.h"

namespace permacache::hash {

// Large enough for the cost of a piece to vanish, small enough to lie in a core's own cache and to
// divide content of kLeastParallelSize evenly.
inline constexpr size_t kPieceSize = size_t{1} << 18;

class Blake3Tree {
 public:
  // For content of `size` bytes. `piece_size` is a power of two and at least 2048.
  explicit Blake3Tree(uint64_t size, size_t piece_size = kPieceSize);

  // At least one: there is an empty piece in empty content.
  size_t pieces() const { return values_.size() + 1; }

  // Where a piece lies in the content, and its size: that of all pieces but the last.
  uint64_t Offset(size_t piece) const { return uint64_t{piece} * piece_size_; }
  size_t Size(size_t piece) const;

  // Hashes a piece. Different pieces may be hashed at the same time.
  void Hash(size_t piece, std::span<const std::byte> bytes);

  // The digest of the content, after each piece has been hashed once.
  ContentDigest Digest() const;

 private:
  using ChainingValue = std::array<uint8_t, BLAKE3_OUT_LEN>;

  uint64_t size_;
  size_t piece_size_;
  std::vector<ChainingValue> values_;  // of all pieces but the last
  blake3_hasher last_;                 // the hasher of the last piece
};

// Whether Blake3Tree gives the digests of ContentHasher with the BLAKE3 library of this process.
// Computed by the first call.
bool Blake3TreesWork();

// DigestOfContent by a tree, with the details that it decides on.
ContentDigest DigestInPieces(std::span<const std::byte> bytes, size_t piece_size,
                             size_t most_threads);

}  // namespace permacache::hash

#endif  // PERMACACHE_HASH_BLAKE3_TREE_H_
