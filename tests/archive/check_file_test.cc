// What the fuzzer starts from, and what comes of it by chance in a second or so. With
// PERMACACHE_SEEDS=FOLDER in the environment it leaves the former in that folder.
#include "tests/archive/check_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "permacache/testing/random.h"
#include "tests/archive/cache_content.h"

namespace permacache::testing {
namespace {

std::string Check(const std::string& input) {
  return CheckFile({reinterpret_cast<const uint8_t*>(input.data()), input.size()});
}

TEST(CheckFile, FindsNothingWrongWithTheSeeds) {
  const char* folder = std::getenv("PERMACACHE_SEEDS");
  int number = 0;
  for (const std::string& seed : Seeds()) {
    EXPECT_EQ(Check(seed), "") << number;
    if (folder != nullptr) {
      WriteFile(std::filesystem::path(folder) / ("seed" + std::to_string(number)), seed);
    }
    ++number;
  }
}

TEST(CheckFile, FindsNothingWrongWithSeedsThatWereChanged) {
  std::mt19937_64 random = SeededRandom();
  const std::vector<std::string> seeds = Seeds();
  for (int i = 0; i < 500; ++i) {
    std::string input = seeds[random() % seeds.size()];
    for (uint64_t changes = 1 + random() % 4; changes > 0; --changes) {
      input[random() % input.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) input.resize(1 + random() % input.size());
    ASSERT_EQ(Check(input), "") << ::testing::PrintToString(input);
  }
}

}  // namespace
}  // namespace permacache::testing
