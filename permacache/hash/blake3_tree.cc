#include "permacache/hash/blake3_tree.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "permacache/hash/run_on_threads.h"

namespace permacache::hash {
namespace {

constexpr size_t kLine = 64;              // of a cache
constexpr size_t kBeginning = 3 * kLine;  // of a chunk

// A hasher as it is after `chunks` chunks, but that the chaining values on its stack (the subtrees
// that are complete, one for each binary digit of `chunks`) are zero.
blake3_hasher HasherAfter(uint64_t chunks) {
  blake3_hasher hasher;
  blake3_hasher_init(&hasher);
  hasher.chunk.chunk_counter = chunks;
  hasher.cv_stack_len = static_cast<uint8_t>(std::popcount(chunks));
  std::fill_n(hasher.cv_stack, hasher.cv_stack_len * BLAKE3_OUT_LEN, uint8_t{0});
  return hasher;
}

// Merges the topmost subtrees on the stack until `left` are left. The library keeps one for each
// binary digit 1 of its count of chunks, but does not merge before it knows that more will follow,
// as the last merge of all is another one: give it a byte and take it back.
void MergeTo(int left, blake3_hasher& hasher) {
  const blake3_chunk_state before = hasher.chunk;
  hasher.chunk.chunk_counter = (uint64_t{1} << left) - 1;
  blake3_hasher_update(&hasher, "", 1);
  hasher.chunk = before;
}

}  // namespace

Blake3Tree::Blake3Tree(uint64_t size, size_t piece_size)
    : size_(size), piece_size_(piece_size), values_(size == 0 ? 0 : (size - 1) / piece_size) {}

size_t Blake3Tree::Size(size_t piece) const {
  return static_cast<size_t>(std::min<uint64_t>(piece_size_, size_ - Offset(piece)));
}

void Blake3Tree::Hash(size_t piece, std::span<const std::byte> bytes) {
  blake3_hasher hasher = HasherAfter(Offset(piece) / BLAKE3_CHUNK_LEN);
  const int below = hasher.cv_stack_len;
  blake3_hasher_update(&hasher, bytes.data(), bytes.size());
  if (piece == values_.size()) {
    last_ = hasher;
    return;
  }
  MergeTo(below + 1, hasher);
  std::copy_n(&hasher.cv_stack[below * BLAKE3_OUT_LEN], BLAKE3_OUT_LEN, values_[piece].begin());
}

ContentDigest Blake3Tree::Digest() const {
  blake3_hasher complete = HasherAfter(0);
  for (size_t i = 0; i < values_.size(); ++i) {
    std::copy(values_[i].begin(), values_[i].end(),
              &complete.cv_stack[complete.cv_stack_len++ * BLAKE3_OUT_LEN]);
    MergeTo(std::popcount(i + 1), complete);
  }
  blake3_hasher all = last_;
  std::copy_n(complete.cv_stack, complete.cv_stack_len * BLAKE3_OUT_LEN, all.cv_stack);
  ContentDigest digest;
  blake3_hasher_finalize(&all, digest.data(), digest.size());
  return digest;
}

ContentDigest DigestInPieces(std::span<const std::byte> bytes, size_t piece_size,
                             size_t most_threads) {
  Blake3Tree tree(bytes.size(), piece_size);
  const auto piece_of = [&](size_t piece) {
    return bytes.subspan(tree.Offset(piece), tree.Size(piece));
  };
  std::atomic<size_t> next = 0;
  RunOnThreads(most_threads, [&] {
    for (size_t piece = next++; piece < tree.pieces();) {
      const size_t following = next++;
      if (following < tree.pieces()) {
        // Ask for the beginning of each of its chunks. The CPU's own prefetchers follow a chunk
        // from there, but do not foresee the next sixteen when those of now come to their ends.
        // Fewer lines are too little for them to start; more push out what is in use. This is not
        // a function, as GCC drops calls of one that only prefetches: it seems to have no effect.
        const std::span<const std::byte> ahead = piece_of(following);
        for (size_t i = 0; i + kBeginning <= ahead.size(); i += BLAKE3_CHUNK_LEN) {
          for (size_t j = 0; j < kBeginning; j += kLine) {
            __builtin_prefetch(&ahead[i + j], /*rw=*/0, /*locality=*/0);
          }
        }
      }
      tree.Hash(piece, piece_of(piece));
      piece = following;
    }
  });
  return tree.Digest();
}

bool Blake3TreesWork() {
  // Not a static variable with an initializer: a fork in the middle of that would leave it locked.
  static std::atomic<int> works = -1;
  if (works < 0) {
    std::array<std::byte, 7 * 2048 + 1500> bytes;
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i % 251);
    ContentHasher hasher;
    hasher.Update(bytes);
    works = DigestInPieces(bytes, 2048, 1) == hasher.Digest();
  }
  return works == 1;
}

}  // namespace permacache::hash
