#include "permacache/hash/hex.h"

#include <vector>

#include "gtest/gtest.h"

namespace permacache::hash {
namespace {

TEST(Hex, WritesTwoLowerCaseDigitsPerByte) {
  const std::vector<unsigned char> bytes{0x00, 0x0f, 0xa0, 0xff};
  EXPECT_EQ(Hex(bytes), "000fa0ff");
  EXPECT_EQ(Hex({}), "");
}

}  // namespace
}  // namespace permacache::hash
