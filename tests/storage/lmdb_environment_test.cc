#include "permacache/storage/lmdb_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "permacache/testing/processes.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

using storage::LmdbEnvironment;
using storage::LmdbOptions;
using ::testing::HasSubstr;

LmdbEnvironment::Share Acquire(const LmdbOptions& options) {
  absl::StatusOr<LmdbEnvironment::Share> share = LmdbEnvironment::Acquire(options);
  EXPECT_TRUE(share.ok()) << share.status();
  return share.ok() ? *std::move(share) : nullptr;
}

absl::Status PutNumber(LmdbEnvironment& environment, int number, size_t size) {
  absl::StatusOr<MDB_dbi> database = environment.OpenGeneration(0);
  if (!database.ok()) return database.status();
  std::string key = std::to_string(number);
  std::string value(size, static_cast<char>('a' + number % 26));
  return environment.Write([&](MDB_txn* txn) {
    MDB_val k{key.size(), key.data()}, v{value.size(), value.data()};
    return mdb_put(txn, *database, &k, &v, 0);
  });
}

bool HasNumber(LmdbEnvironment& environment, int number, size_t size) {
  absl::StatusOr<MDB_dbi> database = environment.OpenGeneration(0);
  if (!database.ok()) return false;
  std::string key = std::to_string(number);
  const std::string expected(size, static_cast<char>('a' + number % 26));
  bool found = false;
  const absl::Status status = environment.Read([&](MDB_txn* txn) {
    MDB_val k{key.size(), key.data()}, v;
    const int error = mdb_get(txn, *database, &k, &v);
    if (error == 0) found = std::string_view(static_cast<char*>(v.mv_data), v.mv_size) == expected;
    return error == MDB_NOTFOUND ? 0 : error;
  });
  return status.ok() && found;
}

TEST(LmdbEnvironment, TwoSpellingsOfOnePathAreOneEnvironment) {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path() / "real");
  std::filesystem::create_directory_symlink(directory.path() / "real", directory.path() / "link");
  const auto plain = Acquire({.directory = directory.path() / "real"});
  const auto detour = Acquire({.directory = directory.path() / "link" / ".." / "real"});
  const auto link = Acquire({.directory = directory.path() / "link"});
  EXPECT_EQ(plain.get(), detour.get());
  EXPECT_EQ(plain.get(), link.get());
}

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

// Each of them starts with a map of 64 KiB and has to notice that the others grew it.
TEST(LmdbEnvironment, GrowsFromATinyMapUnderSeveralProcesses) {
  constexpr int kProcesses = 4;
  constexpr int kEntries = 150;
  constexpr size_t kSize = 3000;
  const TemporaryDirectory directory;
  const LmdbOptions options = {.directory = directory.path(), .map_size = size_t{1} << 16};
  const int failed = RunProcesses(kProcesses, [&](int p) {
    const auto environment = Acquire(options);
    for (int i = 0; i < kEntries; ++i) {
      const absl::Status status = PutNumber(*environment, p * kEntries + i, kSize);
      if (!status.ok()) {
        fprintf(stderr, "%s\n", status.ToString().c_str());
        return 1;
      }
      if (!HasNumber(*environment, p * kEntries + i, kSize)) return 2;
    }
    return 0;
  });
  EXPECT_EQ(failed, 0);
  const auto environment = Acquire(options);
  for (int i = 0; i < kProcesses * kEntries; ++i) {
    EXPECT_TRUE(HasNumber(*environment, i, kSize)) << i;
  }
}

TEST(LmdbEnvironment, AForkedChildAcquiresItsOwn) {
  const TemporaryDirectory directory;
  const LmdbOptions options = {.directory = directory.path()};
  const auto environment = Acquire(options);
  const uint64_t forks = storage::ForkCount();
  ASSERT_TRUE(PutNumber(*environment, 1, 10).ok());
  const int failed = RunProcesses(2, [&](int p) {
    if (storage::ForkCount() != forks + 1) return 1;
    const auto own = Acquire(options);
    if (own.get() == environment.get()) return 2;
    if (!HasNumber(*own, 1, 10)) return 3;
    return PutNumber(*own, 10 + p, 10).ok() ? 0 : 4;
  });
  EXPECT_EQ(failed, 0);
  EXPECT_TRUE(HasNumber(*environment, 10, 10));
  EXPECT_TRUE(HasNumber(*environment, 11, 10));
  EXPECT_TRUE(PutNumber(*environment, 2, 10).ok());
}

TEST(LmdbEnvironment, SlotsOfReadersThatWereKilledAreFreed) {
  const TemporaryDirectory directory;
  const LmdbOptions options = {.directory = directory.path()};
  const auto environment = Acquire(options);
  ASSERT_TRUE(PutNumber(*environment, 1, 10).ok());
  // Far more readers than a lock file has slots, each killed inside its transaction.
  for (int round = 0; round < 40; ++round) {
    RunProcesses(30, [&](int) {
      const auto own = Acquire(options);
      return own->Read([](MDB_txn*) -> int { _exit(1); }).ok() ? 0 : 1;
    });
  }
  EXPECT_TRUE(HasNumber(*environment, 1, 10));
  EXPECT_TRUE(HasNumber(*Acquire(options), 1, 10));
}

TEST(LmdbEnvironment, ARenamedDirectoryIsTheSameEnvironment) {
  const TemporaryDirectory directory;
  const auto before = Acquire({.directory = directory.path() / "before"});
  ASSERT_TRUE(PutNumber(*before, 1, 10).ok());
  std::filesystem::rename(directory.path() / "before", directory.path() / "after");
  const auto after = Acquire({.directory = directory.path() / "after"});
  EXPECT_EQ(before.get(), after.get());
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

TEST(LmdbEnvironment, PagesHeldByAReaderThatWasKilledAreUsedAgain) {
  const TemporaryDirectory directory;
  const LmdbOptions options = {.directory = directory.path()};
  const auto environment = Acquire(options);
  ASSERT_TRUE(PutNumber(*environment, 0, 3000).ok());
  RunProcesses(1, [&](int) {
    return Acquire(options)->Read([](MDB_txn*) -> int { _exit(1); }).ok() ? 0 : 1;
  });
  for (int i = 0; i < 4000; ++i) ASSERT_TRUE(PutNumber(*environment, 0, 3000).ok());
  EXPECT_LT(std::filesystem::file_size(directory.path() / "data.mdb"), uintmax_t{8} << 20);
}

TEST(LmdbEnvironment, AGarbledOrMissingLockFileIsMadeAnew) {
  for (const std::string& bytes : {std::string(), std::string("short"), std::string(100000, 'x')}) {
    const TemporaryDirectory directory;
    const LmdbOptions options = {.directory = directory.path()};
    ASSERT_TRUE(PutNumber(*Acquire(options), 1, 10).ok());
    std::filesystem::remove(directory.path() / "lock.mdb");
    if (!bytes.empty()) std::ofstream(directory.path() / "lock.mdb") << bytes;
    const auto environment = Acquire(options);
    EXPECT_TRUE(HasNumber(*environment, 1, 10));
    EXPECT_TRUE(PutNumber(*environment, 2, 10).ok());
  }
}

TEST(LmdbEnvironment, TheMapIsSmallerWhereAddressSpaceIsShort) {
  const TemporaryDirectory directory;
  const auto environment =
      Acquire({.directory = directory.path(), .map_size = size_t{1} << 50});  // no machine has it
  ASSERT_NE(environment, nullptr);
  ASSERT_TRUE(PutNumber(*environment, 1, 10).ok());
  EXPECT_TRUE(HasNumber(*environment, 1, 10));
}

// Root may write everything, so the body runs without its privileges.
template <class Body>
int AsOrdinaryUser(Body body) {
  return WaitForProcess(StartProcess([&] { return DropPrivileges() ? body() : 100; }));
}

TEST(LmdbEnvironment, AReadOnlyFileCanBeReadAndNotWritten) {
  const TemporaryDirectory directory;
  const LmdbOptions options = {.directory = directory.path()};
  {
    const auto environment = Acquire(options);
    ASSERT_TRUE(PutNumber(*environment, 1, 10).ok());
  }
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0700));
  std::filesystem::permissions(directory.path() / "data.mdb", std::filesystem::perms(0444));
  std::filesystem::permissions(directory.path() / "lock.mdb", std::filesystem::perms(0600));
  EXPECT_EQ(AsOrdinaryUser([&] {
              const auto environment = Acquire(options);
              if (environment == nullptr || !environment->read_only()) return 1;
              if (!HasNumber(*environment, 1, 10)) return 2;
              if (!absl::IsNotFound(environment->OpenGeneration(7).status())) return 3;
              return absl::IsPermissionDenied(PutNumber(*environment, 2, 10)) ? 0 : 4;
            }),
            0);
}

TEST(LmdbEnvironment, ADirectoryThatCannotBeMadeIsAnErrorThatNamesIt) {
  const TemporaryDirectory directory;
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0555));
  const auto path = directory.path() / "cache";
  EXPECT_EQ(AsOrdinaryUser([&] {
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
