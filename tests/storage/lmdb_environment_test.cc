#include "permacache/storage/lmdb_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "permacache/testing/processes.h"
#include "permacache/testing/temporary_directory.h"
#include "tests/storage/numbers.h"

namespace permacache::testing {
namespace {

using storage::LmdbEnvironment;
using ::testing::HasSubstr;

TEST(LmdbEnvironment, ADirectoryThatWasDeletedAndMadeAnewIsAnotherEnvironment) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "cache";
  const auto before = Acquire({.directory = path});
  ASSERT_TRUE(PutNumber(*before, 1, 10).ok());
  std::filesystem::remove_all(path);
  const auto after = Acquire({.directory = path});
  EXPECT_NE(before.get(), after.get());
  EXPECT_FALSE(HasNumber(*after, 1, 10));
  ASSERT_TRUE(PutNumber(*after, 2, 10).ok());
  EXPECT_TRUE(HasNumber(*after, 2, 10));
}

// Its files of values are found by their path.
TEST(LmdbEnvironment, OfAMovedDirectoryGoesOnWhereThatIsNow) {
  const TemporaryDirectory directory;
  const auto before = Acquire({.directory = directory.path() / "before"});
  ASSERT_TRUE(PutNumber(*before, 1, 10).ok());
  std::filesystem::rename(directory.path() / "before", directory.path() / "after");
  const auto after = Acquire({.directory = directory.path() / "after"});
  EXPECT_TRUE(HasNumber(*after, 1, 10));
  EXPECT_TRUE(PutNumber(*after, 2, 10).ok());
  EXPECT_TRUE(absl::IsAborted(PutNumber(*before, 3, 10)));
  EXPECT_TRUE(HasNumber(*after, 2, 10));
}

TEST(LmdbEnvironment, IsLostWhenItsFileIsDeletedOrTruncated) {
  for (const bool deleted : {true, false}) {
    const TemporaryDirectory directory;
    const auto environment = Acquire({.directory = directory.path()});
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(PutNumber(*environment, i, 3000).ok());
    const auto file = directory.path() / "data.mdb";
    ASSERT_TRUE(HasNumber(*environment, 1, 3000));
    if (deleted) {
      std::filesystem::remove(file);
    } else {
      std::filesystem::resize_file(file, 8192);
    }
    EXPECT_TRUE(absl::IsAborted(environment->Write([](MDB_txn*) { return 0; })));
    // Reads notice with the next tick of the clock.
    absl::Status status;
    while (status.ok()) status = environment->Read([](MDB_txn*) { return 0; });
    EXPECT_TRUE(absl::IsAborted(status)) << status;
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they need the address space

// Runs `body` in a process that may map so many bytes.
template <class Body>
int WithAddressSpace(size_t bytes, Body body) {
  return WaitForProcess(StartProcess([&] { return LimitAddressSpace(bytes) ? body() : 100; }));
}

constexpr size_t kLarge = 10 << 20;

TEST(LmdbEnvironment, LeavesAddressSpaceToTheProgram) {
  const TemporaryDirectory directory;
  EXPECT_EQ(WithAddressSpace(size_t{2300} << 20,
                             [&] {
                               const auto environment = Acquire({.directory = directory.path()});
                               if (!PutNumber(*environment, 1, 10).ok()) return 1;
                               std::vector<char> needed(size_t{1000} << 20);
                               return needed.empty() ? 2 : 0;
                             }),
            0);
}

TEST(LmdbEnvironment, WithoutSpaceToGrowGoesOnReading) {
  const TemporaryDirectory directory;
  EXPECT_EQ(
      WithAddressSpace(size_t{700} << 20,
                       [&] {
                         const auto environment = Acquire({.directory = directory.path()});
                         int stored = 0;
                         while (PutNumber(*environment, stored, kLarge).ok()) ++stored;
                         if (stored < 5) return 1;
                         if (!absl::IsResourceExhausted(PutNumber(*environment, stored, kLarge)))
                           return 2;
                         return HasNumber(*environment, stored - 1, kLarge) ? 0 : 3;
                       }),
      0);
}

TEST(LmdbEnvironment, AdoptsTheGrowthOfAProcessWithMoreSpace) {
  const TemporaryDirectory directory;
  int ready[2], grown[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(grown), 0);
  const pid_t limited = StartProcess([&] {
    if (!LimitAddressSpace(size_t{600} << 20)) return 100;
    const auto environment = Acquire({.directory = directory.path()});
    if (!PutNumber(*environment, 1, 10).ok()) return 1;
    char byte = 0;
    if (write(ready[1], &byte, 1) != 1 || read(grown[0], &byte, 1) != 1) return 2;
    return HasNumber(*environment, 15, kLarge) ? 0 : 3;
  });
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  const auto environment = Acquire({.directory = directory.path()});
  for (int i = 10; i < 25; ++i) ASSERT_TRUE(PutNumber(*environment, i, kLarge).ok());
  ASSERT_EQ(write(grown[1], &byte, 1), 1);
  EXPECT_EQ(WaitForProcess(limited), 0);
}

#endif

TEST(LmdbEnvironment, ADirectoryThatCannotBeMadeIsAnErrorThatNamesIt) {
  const TemporaryDirectory directory;
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0555));
  const auto path = directory.path() / "cache";
  EXPECT_EQ(RunAsOrdinaryUser([&] {
              const absl::Status status = LmdbEnvironment::Acquire({.directory = path}).status();
              if (!absl::IsPermissionDenied(status)) return 1;
              return status.message().find(path.string()) == absl::string_view::npos ? 2 : 0;
            }),
            0);
}

TEST(LmdbEnvironment, AFileInTheDirectorysPlaceIsAnError) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "cache";
  std::ofstream(path) << "a file";
  const absl::Status status = LmdbEnvironment::Acquire({.directory = path}).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(path.string()));
}

}  // namespace
}  // namespace permacache::testing
