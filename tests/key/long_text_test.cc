// Texts of more than 64 KiB, which are digested.
#include <cstddef>
#include <map>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/hash/hash.h"
#include "permacache/key/key.h"

namespace permacache {
namespace {

constexpr size_t kLongest = 65536;

std::string DigestText(const std::string& text) {
  return R"({".type": "digest", "blake3": ")" +
         hash::Hex(hash::DigestOfContent(std::as_bytes(std::span(text.data(), text.size())))) +
         R"(", "length": )" + std::to_string(text.size()) + "}";
}

std::string Quoted(const std::string& content) { return '"' + content + '"'; }

// With its quotes, the text of this is `length` long.
std::string ContentOfText(size_t length) { return std::string(length - 2, 'a'); }

TEST(LongText, OfTheLongestLengthIsWrittenOut) {
  const std::string content = ContentOfText(kLongest);
  EXPECT_EQ(KeyText(content), Quoted(content));
  EXPECT_EQ(KeyText(content).size(), kLongest);
}

TEST(LongText, OfOneMoreByteIsDigested) {
  const std::string content = ContentOfText(kLongest + 1);
  EXPECT_EQ(KeyText(content), DigestText(Quoted(content)));
}

// The digest is that of its bytes, not of its text.
TEST(LongText, OfAStringOfMoreBytesIsThatOfTheString) {
  const std::string longest(kLongest, '\xff');
  EXPECT_TRUE(KeyText(longest).starts_with(R"({".type": "digest")"));
  const std::string longer(kLongest + 1, '\xff');
  const std::string expected =
      R"({".type": "string", "blake3": ")" +
      hash::Hex(hash::DigestOfContent(std::as_bytes(std::span(longer.data(), longer.size())))) +
      R"(", "length": 65537})";
  EXPECT_EQ(KeyText(longer), expected);
  EXPECT_EQ(KeyText(std::u8string(longer.begin(), longer.end())), expected);
  EXPECT_EQ(KeyText(longer, KeyFormat::kPython).size(), 2 + 6 * longer.size());
}

TEST(LongText, IsMeasuredWithItsEscapes) {
  const std::string content(11000, '\x01');  // six characters each
  EXPECT_TRUE(KeyText(content).starts_with(R"({".type": "digest")"));
  EXPECT_EQ(KeyText(content.substr(0, 10000)).size(), 60002u);
}

TEST(LongText, InsideOfOthersIsDigestedFirst) {
  const std::string longer = ContentOfText(kLongest + 1);
  const std::string digest = KeyText(longer);
  EXPECT_EQ(KeyText(std::vector{longer, std::string("a")}), "[" + digest + R"(, "a"])");
  EXPECT_EQ(KeyText(std::map<std::string, std::string>{{"a", longer}}), R"({"a": )" + digest + "}");
  EXPECT_EQ(KeyText(std::set{longer}), "[" + digest + "]");
  EXPECT_EQ(KeyText(std::tuple(1, longer)), "[1, " + digest + "]");
}

TEST(LongText, OfManyShortOnesIsDigestedAsAWhole) {
  const std::vector<std::string> texts(20000, "a");
  std::string text = "[";
  for (size_t i = 0; i < texts.size(); ++i) text += i == 0 ? R"("a")" : R"(, "a")";
  text += "]";
  EXPECT_EQ(KeyText(texts), DigestText(text));
}

TEST(LongText, IsNotLongWithinPythonsFormat) {
  const std::string content = ContentOfText(kLongest + 1);
  EXPECT_EQ(KeyText(content, KeyFormat::kPython), Quoted(content));
}

TEST(LongText, DiffersIfOneCharacterDoes) {
  std::string content = ContentOfText(3 * kLongest);
  const std::string text = KeyText(content);
  content[kLongest] = 'b';
  EXPECT_NE(KeyText(content), text);
}

}  // namespace
}  // namespace permacache
