// Strings and characters of every type, whether they are Unicode or not.
#include <array>
#include <filesystem>
#include <memory_resource>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/key/key.h"

namespace permacache {
namespace {

TEST(Text, ReadsTheSameInEveryEncoding) {
  const std::string text = R"("a\"\u00e9\ud83d\ude00")";
  EXPECT_EQ(KeyText(std::string("a\"\xc3\xa9\xf0\x9f\x98\x80")), text);
  EXPECT_EQ(KeyText(std::u8string(u8"a\"\u00e9\U0001f600")), text);
  EXPECT_EQ(KeyText(std::u16string(u"a\"\u00e9\U0001f600")), text);
  EXPECT_EQ(KeyText(std::u32string(U"a\"\u00e9\U0001f600")), text);
  EXPECT_EQ(KeyText(std::wstring(L"a\"\u00e9\U0001f600")), text);
  EXPECT_EQ(KeyText(std::wstring_view(L"")), R"("")");
}

TEST(Text, ThatIsNotUtf8HasLoneSurrogates) {
  EXPECT_EQ(KeyText(std::u8string{u8'a', static_cast<char8_t>(0xff)}), R"("a\udcff")");
  EXPECT_EQ(KeyText(std::string("\xed\xa0\x80")), R"("\udced\udca0\udc80")");  // CESU-8
}

TEST(Text, ThatIsNotUtf16KeepsItsUnits) {
  EXPECT_EQ(KeyText(std::u16string{0xd800}), R"("\ud800")");
  EXPECT_EQ(KeyText(std::u16string{0xdc00, 0xd800}), R"("\udc00\ud800")");
  EXPECT_EQ(KeyText(std::u16string{0xffff, 0}), R"("\uffff\u0000")");
}

TEST(Text, ThatIsNotUtf32IsAListOfNumbers) {
  EXPECT_EQ(KeyText(std::u32string{U'a', 0xd83d, 0xde00}), "[97, 55357, 56832]");
  EXPECT_EQ(KeyText(std::u32string{0x110000}), "[1114112]");
  EXPECT_EQ(KeyText(std::u32string{0xffffffff}), "[4294967295]");
  EXPECT_EQ(KeyText(std::u32string{0x10ffff}), R"("\udbff\udfff")");
  EXPECT_NE(KeyText(std::u32string{0xd83d, 0xde00}), KeyText(std::u32string{0x1f600}));
}

TEST(Text, KeepsZerosInItsMiddle) {
  EXPECT_EQ(KeyText(std::string("a\0b", 3)), R"("a\u0000b")");
  EXPECT_EQ(KeyText(std::wstring(L"a\0b", 3)), R"("a\u0000b")");
}

TEST(Character, IsAStringOfOne) {
  EXPECT_EQ(KeyText(u8'a'), R"("a")");
  EXPECT_EQ(KeyText(static_cast<char8_t>(0x80)), R"("\udc80")");
  EXPECT_EQ(KeyText(u'\u00e9'), R"("\u00e9")");
  EXPECT_EQ(KeyText(char16_t{0xdfff}), R"("\udfff")");
  EXPECT_EQ(KeyText(U'\U0001f600'), R"("\ud83d\ude00")");
  EXPECT_EQ(KeyText(char32_t{0xd800}), "[55296]");
  EXPECT_EQ(KeyText(L'\n'), R"("\n")");
}

TEST(Literal, EndsBeforeTheZerosAtItsEnd) {
  EXPECT_EQ(KeyText("ab"), R"("ab")");
  EXPECT_EQ(KeyText(u8"ab"), R"("ab")");
  EXPECT_EQ(KeyText(u"ab"), R"("ab")");
  EXPECT_EQ(KeyText(U"ab"), R"("ab")");
  EXPECT_EQ(KeyText(L"ab"), R"("ab")");
  const char full[2] = {'a', 'b'};
  EXPECT_EQ(KeyText(full), R"("ab")");
}

TEST(Literal, InArraysIsATextHoweverLongTheArray) {
  const char names[20][8] = {"one", "two"};
  const std::string text = KeyText(names);
  EXPECT_TRUE(text.starts_with(R"(["one", "two", "", )")) << text;
}

TEST(Literal, WithZerosInItIsToldFromAShorterOne) {
  const char zero_inside[8] = "a\0b";
  const char shorter[8] = "a";
  EXPECT_EQ(KeyText(zero_inside), R"("a\u0000b")");
  EXPECT_EQ(KeyText(shorter), R"("a")");
}

template <class Char>
struct OtherTraits : std::char_traits<Char> {};

TEST(Text, OfOtherTraitsAndAllocatorsIsTheSame) {
  EXPECT_EQ(KeyText(std::basic_string<char, OtherTraits<char>>("a")), R"("a")");
  EXPECT_EQ(KeyText(std::pmr::u16string(u"a")), R"("a")");
}

class Name {  // a string of another library
 public:
  using traits_type = std::char_traits<char>;
  const char* begin() const { return text_.data(); }
  const char* end() const { return text_.data() + text_.size(); }

 private:
  std::string_view text_ = "name";
};

TEST(Text, IsKnownByItsTraits) { EXPECT_EQ(KeyText(Name()), R"("name")"); }

TEST(Text, OfCharactersInOtherContainersIsAList) {
  EXPECT_EQ(KeyText(std::vector{u8'a'}), R"(["a"])");
  EXPECT_EQ(KeyText(std::array{L'a', L'b'}), R"(["a", "b"])");
  EXPECT_EQ(KeyText(std::vector<char16_t>(70, u'a')).substr(0, 10), R"(["a", "a",)");
}

TEST(Path, ThatIsNotUtf8IsAKeyToo) {
  EXPECT_EQ(KeyText(std::filesystem::path("/tmp/\xff")), R"("/tmp/\udcff")");
  EXPECT_NE(KeyText(std::filesystem::path("a/")), KeyText(std::filesystem::path("a")));
}

}  // namespace
}  // namespace permacache
