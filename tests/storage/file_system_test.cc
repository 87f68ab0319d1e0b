#include "permacache/storage/file_system.h"

#include <cerrno>
#include <string>

#include "gtest/gtest.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::storage {
namespace {

constexpr long kNfs = 0x6969;
constexpr long kExt4 = 0xef53;
constexpr long kCifs = static_cast<long>(0xff534d42);

template <long kType>
int StatFsOf(const char*, struct statfs* info) {
  *info = {};
  info->f_type = kType;
  return 0;
}

int FailingStatFs(const char*, struct statfs*) {
  errno = EIO;
  return -1;
}

TEST(NetworkFileSystem, IsToldByWhatTheSystemSays) {
  EXPECT_EQ(*NetworkFileSystemOf("/", StatFsOf<kNfs>), "NFS");
  EXPECT_EQ(*NetworkFileSystemOf("/", StatFsOf<kCifs>), "CIFS");
  EXPECT_EQ(*NetworkFileSystemOf("/", StatFsOf<kExt4>), "");
}

TEST(NetworkFileSystem, IsNotThatOfThisTest) {
  const testing::TemporaryDirectory directory;
  EXPECT_EQ(*NetworkFileSystemOf(directory.path()), "");
}

TEST(NetworkFileSystem, OfADirectoryThatCannotBeLookedAtIsAnError) {
  EXPECT_FALSE(NetworkFileSystemOf("/", FailingStatFs).ok());
  EXPECT_TRUE(absl::IsNotFound(NetworkFileSystemOf("/does/not/exist").status()));
}

}  // namespace
}  // namespace permacache::storage
