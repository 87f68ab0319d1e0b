#include "permacache/hash/content_digest.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "permacache/hash/hex.h"
#include "permacache/hash/threads.h"
#include "permacache/testing/random.h"

namespace permacache::hash {
namespace {

std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// The input of the official test vectors: 0, 1, ..., 250, 0, 1, ...
std::string VectorInput(size_t size) {
  std::string input(size, '\0');
  for (size_t i = 0; i < size; ++i) input[i] = static_cast<char>(i % 251);
  return input;
}

TEST(DigestOfContent, IsTheOfficialBlake3OfNothing) {
  EXPECT_EQ(Hex(DigestOfContent({})),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
}

TEST(DigestOfContent, IsTheOfficialBlake3OfOneZero) {
  EXPECT_EQ(Hex(DigestOfContent(BytesOf(VectorInput(1)))),
            "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213");
}

TEST(DigestOfContent, IsBlake3OfAbc) {
  EXPECT_EQ(Hex(DigestOfContent(BytesOf("abc"))),
            "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
}

// Beyond a chunk of 1024 bytes a tree of chunks is hashed, by other instructions.
TEST(DigestOfContent, IsTheOfficialBlake3OfManyChunks) {
  EXPECT_EQ(Hex(DigestOfContent(BytesOf(VectorInput(1024)))),
            "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7");
  EXPECT_EQ(Hex(DigestOfContent(BytesOf(VectorInput(102400)))),
            "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085");
}

TEST(ContentHasher, WhereTheCutsAreDoesNotMatter) {
  std::mt19937_64 random = testing::SeededRandom();
  for (int round = 0; round < 50; ++round) {
    const std::string input = VectorInput(random() % 20'000);
    ContentHasher hasher;
    std::string_view rest = input;
    while (!rest.empty()) {
      const size_t size = std::min<size_t>(random() % 3'000, rest.size());
      hasher.Update(BytesOf(rest.substr(0, size)));
      rest.remove_prefix(size);
    }
    ASSERT_EQ(hasher.Digest(), DigestOfContent(BytesOf(input))) << input.size();
  }
}

TEST(ContentHasher, MoreMayFollowADigest) {
  ContentHasher hasher;
  hasher.Update(BytesOf("a"));
  EXPECT_EQ(hasher.Digest(), DigestOfContent(BytesOf("a")));
  hasher.Update(BytesOf("bc"));
  EXPECT_EQ(hasher.Digest(), DigestOfContent(BytesOf("abc")));
}

TEST(DigestOfContent, EachBitMatters) {
  std::string input = VectorInput(100);
  const ContentDigest digest = DigestOfContent(BytesOf(input));
  for (size_t bit = 0; bit < 8 * input.size(); ++bit) {
    input[bit / 8] = static_cast<char>(input[bit / 8] ^ 1 << bit % 8);
    EXPECT_NE(DigestOfContent(BytesOf(input)), digest) << bit;
    input[bit / 8] = static_cast<char>(input[bit / 8] ^ 1 << bit % 8);
  }
}

TEST(DigestOfContent, IsThatOfOneHasherFromWhereThreadsAreUsed) {
  for (const size_t size : {kLeastParallelSize - 1, kLeastParallelSize, kLeastParallelSize + 1,
                            3 * kLeastParallelSize, 5 * kLeastParallelSize + 12'345}) {
    const std::string input = VectorInput(size);
    ContentHasher hasher;
    hasher.Update(BytesOf(input));
    EXPECT_EQ(DigestOfContent(BytesOf(input)), hasher.Digest()) << size;
  }
}

// Below and above the size from which on several threads share the work.
TEST(DigestOfProduced, IsThatOfTheSameContentInMemory) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1000}, kLeastParallelSize - 1,
                            kLeastParallelSize, 3 * kLeastParallelSize + 12'345}) {
    const std::string input = VectorInput(size);
    std::atomic<size_t> produced = 0;
    const ContentDigest digest =
        DigestOfProduced(size, [&](uint64_t offset, std::span<std::byte> bytes) {
          produced += bytes.size();
          std::ranges::copy(BytesOf(input).subspan(offset, bytes.size()), bytes.begin());
        });
    EXPECT_EQ(digest, DigestOfContent(BytesOf(input))) << size;
    EXPECT_EQ(produced, size);
  }
}

TEST(DigestOfProduced, PassesOnWhatIsThrown) {
  const auto fail = [](uint64_t offset, std::span<std::byte>) {
    if (offset > 0) throw std::runtime_error("no more");
  };
  EXPECT_THROW(DigestOfProduced(4 * kLeastParallelSize, fail), std::runtime_error);
}

}  // namespace
}  // namespace permacache::hash
