// What was read of a file does not stay in this process' memory.
#include "permacache/storage/lmdb_map.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>
#include <numeric>
#include <string>

#include "permacache/testing/temporary_directory.h"

namespace permacache::storage {
namespace {

constexpr size_t kPageSize = 4096;
constexpr size_t kPages = 4096;
constexpr size_t kSize = kPages * kPageSize;

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

TEST(LmdbMap, LetsGoOfPagesThatCanBeReadAgain) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.path() / "file";
  std::ofstream(path) << std::string(kSize, 1);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  LmdbMap map;
  map.Open(file, kPageSize);
  const char* pages = nullptr;
  ASSERT_TRUE(map.Find(0, kPages, &pages).ok());
  const auto sum = [&] { return std::accumulate(pages, pages + kSize, size_t{0}); };
  EXPECT_EQ(sum(), kSize);
  const size_t before = MemoryOfFiles();
  map.LetGo();
  EXPECT_LT(MemoryOfFiles() + kSize / 2, before);
  EXPECT_EQ(sum(), kSize);
  map.Close();
  close(file);
}

}  // namespace
}  // namespace permacache::storage
