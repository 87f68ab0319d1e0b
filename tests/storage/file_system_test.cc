#include "permacache/storage/file_system.h"

#include <cerrno>
#include <string>

#include "gtest/gtest.h"
#include "permacache/storage/lmdb_environment.h"
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

TEST(LmdbEnvironmentDuty, NetworkFileSystemsAreRefusedWithWhatToDo) {
  const testing::TemporaryDirectory directory;
  const auto refused =
      LmdbEnvironment::Acquire({.directory = directory.path(), .stat_fs = StatFsOf<kNfs>});
  ASSERT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
  const std::string message(refused.status().message());
  EXPECT_NE(message.find(directory.path().string()), std::string::npos) << message;
  EXPECT_NE(message.find("network file system (NFS)"), std::string::npos) << message;
  EXPECT_NE(message.find("$PERMACACHE_DIR"), std::string::npos) << message;
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));

  EXPECT_TRUE(
      LmdbEnvironment::Acquire({.directory = directory.path(), .stat_fs = StatFsOf<kExt4>}).ok());
}

}  // namespace
}  // namespace permacache::storage
