#include "permacache/hash/content_digest.h"

#include <algorithm>
#include <atomic>
#include <memory>

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

namespace {

constexpr size_t kPage = 4096;

// Where a large array begins at a page, one thread gains 6 to 13 % by the tree's prefetching. Where
// it does not, as the memory of a std::vector, the CPU does as well by itself.
bool GainsFromTree(std::span<const std::byte> bytes) {
  return HashThreads() > 1 || reinterpret_cast<uintptr_t>(bytes.data()) % kPage == 0;
}

}  // namespace

ContentDigest DigestOfContent(std::span<const std::byte> bytes) {
  if (bytes.size() >= kLeastParallelSize && GainsFromTree(bytes) && Blake3TreesWork()) {
    return DigestInPieces(bytes, kPieceSize, bytes.size() / kLeastPerThread);
  }
  ContentHasher hasher;
  hasher.Update(bytes);
  return hasher.Digest();
}

ContentDigest DigestOfProduced(
    uint64_t size, absl::FunctionRef<void(uint64_t offset, std::span<std::byte> bytes)> produce) {
  Blake3Tree tree(size);
  const bool by_tree = size >= kLeastParallelSize && Blake3TreesWork();
  ContentHasher hasher;
  std::atomic<size_t> next = 0;
  RunOnThreads(by_tree ? size / kLeastPerThread : 1, [&] {
    const auto buffer =
        std::make_unique_for_overwrite<std::byte[]>(std::min<uint64_t>(size, kPieceSize));
    for (size_t piece = next++; piece < tree.pieces(); piece = next++) {
      const std::span<std::byte> bytes(buffer.get(), tree.Size(piece));
      produce(tree.Offset(piece), bytes);
      if (by_tree) {
        tree.Hash(piece, bytes);
      } else {
        hasher.Update(bytes);
      }
    }
  });
  return by_tree ? tree.Digest() : hasher.Digest();
}

}  // namespace permacache::hash
