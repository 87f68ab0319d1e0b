#include "permacache/hash/sha256.h"

#include <algorithm>
#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"
#include "permacache/hash/hex.h"
#include "permacache/testing/random.h"

namespace permacache::hash {
namespace {

std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string Sha256Hex(std::string_view text) { return Hex(Sha256OfContent(BytesOf(text))); }

// The examples of FIPS 180.
TEST(Sha256OfContent, IsTheOfficialOne) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Sha256Hex(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Hasher, WhereTheCutsAreDoesNotMatter) {
  std::mt19937_64 random = testing::SeededRandom();
  for (int round = 0; round < 50; ++round) {
    std::string input(random() % 5'000, '\0');
    for (char& c : input) c = static_cast<char>(random());
    Sha256Hasher hasher;
    std::string_view rest = input;
    while (!rest.empty()) {
      const size_t size = std::min<size_t>(random() % 500, rest.size());
      hasher.Update(BytesOf(rest.substr(0, size)));
      rest.remove_prefix(size);
    }
    ASSERT_EQ(hasher.Digest(), Sha256OfContent(BytesOf(input))) << input.size();
  }
}

TEST(Sha256Hasher, MoreMayFollowADigest) {
  Sha256Hasher hasher;
  EXPECT_EQ(hasher.Digest(), Sha256OfContent({}));
  hasher.Update(BytesOf("a"));
  EXPECT_EQ(hasher.Digest(), Sha256OfContent(BytesOf("a")));
  hasher.Update(BytesOf("bc"));
  EXPECT_EQ(hasher.Digest(), Sha256OfContent(BytesOf("abc")));
}

TEST(Sha256Hasher, CanBeMoved) {
  Sha256Hasher first;
  first.Update(BytesOf("a"));
  Sha256Hasher second = std::move(first);
  second.Update(BytesOf("bc"));
  first = Sha256Hasher();
  EXPECT_EQ(first.Digest(), Sha256OfContent({}));
  EXPECT_EQ(second.Digest(), Sha256OfContent(BytesOf("abc")));
}

}  // namespace
}  // namespace permacache::hash
