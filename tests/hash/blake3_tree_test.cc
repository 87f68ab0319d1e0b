#include "permacache/hash/blake3_tree.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/hash/threads.h"
#include "permacache/testing/random.h"

namespace permacache::hash {
namespace {

std::vector<std::byte> RandomBytes(size_t size, std::mt19937_64& random) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

// BLAKE3 in one go, which the tests of ContentHasher compare with the official digests.
ContentDigest InOneGo(std::span<const std::byte> bytes) {
  ContentHasher hasher;
  hasher.Update(bytes);
  return hasher.Digest();
}

class Blake3TreeTest : public ::testing::Test {
 protected:
  Blake3TreeTest() { SetHashThreads(7); }
  ~Blake3TreeTest() override { SetHashThreads(0); }

  std::mt19937_64 random_ = testing::SeededRandom();
};

TEST_F(Blake3TreeTest, WorksWithTheLibraryThatIsLinked) { EXPECT_TRUE(Blake3TreesWork()); }

TEST_F(Blake3TreeTest, IsBlake3AroundEachBoundaryOfAChunkAndAPiece) {
  const std::vector<std::byte> bytes = RandomBytes(20 * 2048 + 2, random_);
  for (size_t boundary = 0; boundary < bytes.size(); boundary += 1024) {
    for (const int shift : {-65, -64, -63, -1, 0, 1, 63, 64, 65}) {
      const size_t size = std::clamp<int64_t>(static_cast<int64_t>(boundary) + shift, 0,
                                              static_cast<int64_t>(bytes.size()));
      const std::span<const std::byte> content = std::span(bytes).first(size);
      ASSERT_EQ(DigestInPieces(content, 2048, 1), InOneGo(content)) << size;
    }
  }
}

TEST_F(Blake3TreeTest, IsBlake3AroundPowersOfTwo) {
  const std::vector<std::byte> bytes = RandomBytes((1 << 21) + 1, random_);
  for (int exponent = 0; exponent <= 21; ++exponent) {
    for (const int shift : {-1, 0, 1}) {
      const std::span<const std::byte> content = std::span(bytes).first((1 << exponent) + shift);
      for (const size_t piece_size : {size_t{2048}, size_t{1} << 14, kPieceSize}) {
        ASSERT_EQ(DigestInPieces(content, piece_size, 3), InOneGo(content))
            << content.size() << " in pieces of " << piece_size;
      }
    }
  }
}

TEST_F(Blake3TreeTest, IsBlake3ForAnyNumberOfPiecesAndThreads) {
  const std::vector<std::byte> bytes = RandomBytes(700'000, random_);
  for (int round = 0; round < 200; ++round) {
    const std::span<const std::byte> content = std::span(bytes).first(random_() % bytes.size());
    const size_t piece_size = size_t{2048} << random_() % 6;
    const size_t threads = 1 + random_() % 7;
    ASSERT_EQ(DigestInPieces(content, piece_size, threads), InOneGo(content))
        << content.size() << " in pieces of " << piece_size << " by " << threads;
  }
}

TEST_F(Blake3TreeTest, TheOrderOfThePiecesDoesNotMatter) {
  for (int round = 0; round < 50; ++round) {
    const std::vector<std::byte> bytes = RandomBytes(random_() % 100'000, random_);
    Blake3Tree tree(bytes.size(), 2048);
    std::vector<size_t> order(tree.pieces());
    std::iota(order.begin(), order.end(), size_t{0});
    std::shuffle(order.begin(), order.end(), random_);
    for (const size_t piece : order) {
      tree.Hash(piece, std::span(bytes).subspan(tree.Offset(piece), tree.Size(piece)));
    }
    ASSERT_EQ(tree.Digest(), InOneGo(bytes)) << bytes.size();
  }
}

TEST_F(Blake3TreeTest, ThePiecesCoverTheContent) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, uint64_t{2048}, uint64_t{2049},
                              uint64_t{3} << 33, (uint64_t{3} << 33) + 1}) {
    const Blake3Tree tree(size, uint64_t{1} << 20);
    const size_t last = tree.pieces() - 1;
    EXPECT_EQ(tree.Offset(last) + tree.Size(last), size);
    EXPECT_EQ(tree.Size(last) == 0, size == 0);
  }
}

}  // namespace
}  // namespace permacache::hash
