#include "permacache/codec/archive.h"

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace permacache::codec {
namespace {

std::string Copied(std::string_view bytes, size_t width, std::endian order) {
  std::string copy(bytes.size(), '?');
  CopyLittleEndian(copy.data(), bytes.data(), bytes.size(), width, order);
  return copy;
}

TEST(CopyLittleEndian, TurnsEachNumberOfAMachineWithTheBigEndFirst) {
  EXPECT_EQ(Copied("abcdefgh", 1, std::endian::big), "abcdefgh");
  EXPECT_EQ(Copied("abcdefgh", 2, std::endian::big), "badcfehg");
  EXPECT_EQ(Copied("abcdefgh", 4, std::endian::big), "dcbahgfe");
  EXPECT_EQ(Copied("abcdefgh", 8, std::endian::big), "hgfedcba");
}

TEST(CopyLittleEndian, LeavesThoseOfAMachineWithTheLittleEndFirst) {
  for (const size_t width : {1, 2, 4, 8}) {
    EXPECT_EQ(Copied("abcdefgh", width, std::endian::little), "abcdefgh");
  }
}

TEST(CopyLittleEndian, TurningTwiceGivesBackTheSame) {
  EXPECT_EQ(Copied(Copied("abcdefgh", 4, std::endian::big), 4, std::endian::big), "abcdefgh");
}

TEST(CopyLittleEndian, CopiesNothingFromNowhere) {
  CopyLittleEndian(nullptr, nullptr, 0, 8, std::endian::little);
  CopyLittleEndian(nullptr, nullptr, 0, 8, std::endian::big);
}

TEST(Encoder, WritesTheLittleEndFirst) {
  std::string bytes = "before";
  Encoder(&bytes).PutNumber(uint32_t{0x64636261});
  EXPECT_EQ(bytes, "beforeabcd");
}

TEST(Decoder, TakesWhatTheEncoderPut) {
  std::string bytes;
  Encoder encoder(&bytes);
  encoder.PutNumber(int16_t{-2});
  encoder.PutNumber(0.1);
  Decoder decoder(bytes);
  EXPECT_EQ(decoder.TakeNumber<int16_t>(), -2);
  EXPECT_FALSE(decoder.AtEnd());
  EXPECT_EQ(decoder.TakeNumber<double>(), 0.1);
  EXPECT_TRUE(decoder.AtEnd());
}

TEST(Decoder, RefusesToTakeMoreThanThereIs) {
  Decoder decoder("abc");
  EXPECT_THROW(decoder.TakeNumber<uint32_t>(), cereal::Exception);
  EXPECT_EQ(decoder.TakeNumber<uint16_t>(), 0x6261);
  EXPECT_THROW(decoder.TakeNumber<uint16_t>(), cereal::Exception);
}

TEST(Decoder, RefusesALengthBeyondTheRest) {
  std::string bytes;
  Encoder encoder(&bytes);
  encoder.PutNumber(uint64_t{2});
  bytes += "ab";
  EXPECT_EQ(Decoder(bytes).TakeLength(), 2u);
  bytes.pop_back();
  EXPECT_THROW(Decoder(bytes).TakeLength(), cereal::Exception);
}

}  // namespace
}  // namespace permacache::codec
