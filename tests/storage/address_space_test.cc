// Files that are mapped and have been read do not stay in this process' memory.
#include "permacache/storage/address_space.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>
#include <numeric>
#include <string>

#include "permacache/testing/temporary_directory.h"

namespace permacache::storage {
namespace {

constexpr size_t kSize = size_t{16} << 20;

// How much of this process' memory is that of files, in bytes.
size_t MemoryOfFiles() {
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;) {
    size_t kilobytes = 0;
    if (name == "RssFile:" && status >> kilobytes) return kilobytes << 10;
  }
  ADD_FAILURE() << "the system does not say";
  return 0;
}

class LetGoTest : public ::testing::Test {
 protected:
  LetGoTest() {
    const std::string path = directory_.path() / "file";
    std::ofstream(path) << std::string(kSize, 1);
    file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  }
  ~LetGoTest() override {
    munmap(map_, kSize);
    close(file_);
  }

  void Map(int protection, int flags) {
    map_ = static_cast<char*>(mmap(nullptr, kSize, protection, flags, file_, 0));
    ASSERT_NE(map_, MAP_FAILED);
  }

  size_t Sum() const { return std::accumulate(map_, map_ + kSize, size_t{0}); }

  const testing::TemporaryDirectory directory_;
  int file_ = -1;
  char* map_ = nullptr;
};

TEST_F(LetGoTest, WhatWasReadIsNoLongerThisProcessMemoryAndCanBeReadAgain) {
  Map(PROT_READ, MAP_SHARED);
  EXPECT_EQ(Sum(), kSize);
  const size_t before = MemoryOfFiles();
  LetGoOfFileAt(map_ + kSize / 2);
  EXPECT_LT(MemoryOfFiles() + kSize / 2, before);
  EXPECT_EQ(Sum(), kSize);
}

TEST_F(LetGoTest, WhatWasWrittenToAMapOfOnesOwnStays) {
  Map(PROT_READ | PROT_WRITE, MAP_PRIVATE);
  map_[5] = 3;
  LetGoOfFileAt(map_);
  EXPECT_EQ(map_[5], 3);
}

}  // namespace
}  // namespace permacache::storage
