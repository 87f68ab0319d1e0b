// Pins the format: bytes that change make every stored result unreadable.
//
// If this fails, the program is wrong and not the table, unless the version in FORMAT.md is raised.
#include <array>
#include <bitset>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/codec/codec.h"
#include "permacache/hash/hash.h"
#include "tests/codec/types.h"

namespace permacache::codec {
namespace {

using types::Color;
using types::Empty;
using types::FullValue;
using types::Sphere;
using types::Tree;
using types::WithSerialize;

using Table = std::vector<std::pair<std::string, std::string>>;

std::string Hex(std::string_view bytes) {
  return hash::Hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

Table EncodedValues() {
  const auto shared = std::make_shared<int32_t>(9);
  return {
      {"bool", Hex(Encode(true))},
      {"i4", Hex(Encode(int32_t{-2}))},
      {"f8", Hex(Encode(1.5))},
      {"float", Hex(Encode(0.5L))},
      {"enum", Hex(Encode(Color::kGreen))},
      {"text1", Hex(Encode(std::string("abc")))},
      {"[f8]", Hex(Encode(std::vector{1.0, -2.0}))},
      {"[bool]", Hex(Encode(std::vector{true, false}))},
      {"[u2;2]", Hex(Encode(std::array<uint16_t, 2>{1, 0x0203}))},
      {"{text1:i4}", Hex(Encode(std::map<std::string, int32_t>{{"a", 1}, {"b", 2}}))},
      {"optional(i4) empty", Hex(Encode(std::optional<int32_t>()))},
      {"optional(i4)", Hex(Encode(std::optional<int32_t>(3)))},
      {"(i4|text1)", Hex(Encode(std::variant<int32_t, std::string>("a")))},
      {"(i1,(bool,char1))", Hex(Encode(std::tuple(int8_t{-1}, std::pair(true, 'x'))))},
      {"unique(i4)", Hex(Encode(std::make_unique<int32_t>(5)))},
      {"[shared(i4)]", Hex(Encode(std::vector<std::shared_ptr<int32_t>>{shared, nullptr, shared}))},
      {"bits(10)", Hex(Encode(std::bitset<10>("1000000011")))},
      {"duration", Hex(Encode(std::chrono::duration<int64_t, std::milli>(1500)))},
      {"struct", Hex(Encode(Sphere{1.5, "glass"}))},
      {"struct empty", Hex(Encode(Empty{}))},
      {"struct recursive", Hex(Encode(Tree{1, {{2, {}}}}))},
      {"class", Hex(Encode(WithSerialize(3, "a")))},
      {"struct of everything", Hex(Encode(FullValue()))},
  };
}

TEST(Encode, GivesTheBytesOfTheGoldenFile) {
  std::ifstream file("tests/codec/encoded.golden");
  ASSERT_TRUE(file.is_open());
  Table golden;
  for (std::string line; std::getline(file, line);) {
    const size_t tab = line.find('\t');
    golden.emplace_back(line.substr(0, tab), line.substr(tab + 1));
  }
  const Table encoded = EncodedValues();
  for (size_t i = 0; i < encoded.size(); ++i) {
    ASSERT_LT(i, golden.size()) << "not in the file: " << encoded[i].first << '\t'
                                << encoded[i].second;
    EXPECT_EQ(encoded[i], golden[i]);
  }
  EXPECT_EQ(golden.size(), encoded.size());
}

}  // namespace
}  // namespace permacache::codec
