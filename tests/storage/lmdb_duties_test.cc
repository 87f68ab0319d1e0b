// What LMDB asks of who embeds it, one after the other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lmdb.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "permacache/memoize/memoize.h"
#include "permacache/storage/lmdb_environment.h"
#include "permacache/storage/lmdb_store.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/temporary_directory.h"
#include "tests/storage/numbers.h"

namespace permacache::testing {
namespace {

using namespace permacache::literals;
using storage::LmdbEnvironment;
using storage::LmdbOptions;
using storage::LmdbStore;
using ::testing::HasSubstr;

// LMDB's own handle.
MDB_env* HandleOf(LmdbEnvironment& environment) {
  MDB_env* handle = nullptr;
  const absl::Status status = environment.Read([&](MDB_txn* txn) {
    handle = mdb_txn_env(txn);
    return 0;
  });
  EXPECT_TRUE(status.ok()) << status;
  return handle;
}

size_t MapSizeOf(MDB_env* handle) {
  MDB_envinfo info;
  mdb_env_info(handle, &info);
  return info.me_mapsize;
}

// The reader table, of all processes.
struct Readers {
  int slots = 0;
  int live = 0;  // inside a transaction
};

Readers ReadersOf(MDB_env* handle) {
  // A line per slot, under a heading, ends with the transaction or a hyphen.
  const auto count = [](const char* line, void* readers) {
    if (std::strstr(line, "txnid") != nullptr || line[0] == '(') return 0;
    ++static_cast<Readers*>(readers)->slots;
    static_cast<Readers*>(readers)->live += !std::string_view(line).ends_with("-\n");
    return 0;
  };
  Readers readers;
  EXPECT_GE(mdb_reader_list(handle, count, &readers), 0);
  return readers;
}

// What one process tells another.
class Signal {
 public:
  Signal() { EXPECT_EQ(pipe(ends_), 0); }
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  ~Signal() {
    for (const int end : ends_) close(end);
  }

  void Give() { EXPECT_EQ(write(ends_[1], "", 1), 1); }
  void Take() {
    char byte;
    EXPECT_EQ(read(ends_[0], &byte, 1), 1);
  }

 private:
  int ends_[2];
};

// The map is full.

TEST(LmdbDuty, AFullMapIsDoubledAndNobodySeesIt) {
  const TemporaryDirectory directory(ParentInMemory());
  const auto environment = Acquire({.directory = directory.path(), .map_size = size_t{1} << 16});
  MDB_env* const handle = HandleOf(*environment);
  int growths = 0;
  for (int i = 0; i < 200; ++i) {
    const size_t before = MapSizeOf(handle);
    ASSERT_TRUE(PutNumber(*environment, i, 20'000).ok());
    const size_t after = MapSizeOf(handle);
    growths += after != before;
    EXPECT_TRUE(after == before || after >= 2 * before) << before << " to " << after;
  }
  EXPECT_GE(growths, 6);
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(HasNumber(*environment, i, 20'000));
}

TEST(LmdbDuty, TheMapIsSmallerWhereAddressSpaceIsShort) {
  const TemporaryDirectory directory;
  const auto environment =
      Acquire({.directory = directory.path(), .map_size = size_t{1} << 50});  // no machine has it
  ASSERT_NE(environment, nullptr);
  ASSERT_TRUE(PutNumber(*environment, 1, 10).ok());
  EXPECT_TRUE(HasNumber(*environment, 1, 10));
}

// Growing with live transactions corrupts.

TEST(LmdbDuty, GrowingWaitsForTheTransactionsOfThisProcess) {
  constexpr int kReaders = 3;
  constexpr size_t kSize = 3000;
  const TemporaryDirectory directory(ParentInMemory());
  const auto environment = Acquire({.directory = directory.path(), .map_size = size_t{1} << 16});
  ASSERT_TRUE(PutNumber(*environment, 0, kSize).ok());
  const MDB_dbi database = environment->OpenGeneration(0).value();
  std::atomic<bool> ends = false;
  std::atomic<int> wrong = 0;
  // What a transaction has seen stays in its place until the transaction ends.
  const auto read = [&] {
    while (!ends) {
      const absl::Status status = environment->Read([&](MDB_txn* txn) {
        MDB_val key{1, const_cast<char*>("0")}, value;
        if (int error = mdb_get(txn, database, &key, &value); error != 0) return error;
        const auto* const bytes = static_cast<const char*>(value.mv_data);
        for (size_t i = 0; i < value.mv_size; ++i) {
          wrong += bytes[i] != 'a';
          if (i % 500 == 0) std::this_thread::yield();
        }
        return 0;
      });
      wrong += !status.ok();
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) readers.emplace_back(read);
  for (int i = 1; i < 100; ++i) EXPECT_TRUE(PutNumber(*environment, i, 100'000).ok());
  ends = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
}

// Each of them starts with a map of 64 KiB and has to notice that the others grew it.
TEST(LmdbDuty, TheGrowthOfOtherProcessesIsAdopted) {
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

// One environment opened twice in a process breaks locks.

TEST(LmdbDuty, TwoSpellingsOfOnePathAreOneEnvironment) {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path() / "real");
  std::filesystem::create_directory_symlink(directory.path() / "real", directory.path() / "link");
  const auto plain = Acquire({.directory = directory.path() / "real"});
  const auto detour = Acquire({.directory = directory.path() / "link" / ".." / "real"});
  const auto link = Acquire({.directory = directory.path() / "link"});
  EXPECT_EQ(plain.get(), detour.get());
  EXPECT_EQ(plain.get(), link.get());
}

// Fork.

TEST(LmdbDuty, AForkedChildAcquiresItsOwn) {
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

// Stale readers, a full table of readers.

TEST(LmdbDuty, PagesHeldByAReaderThatWasKilledAreUsedAgain) {
  const TemporaryDirectory directory(ParentInMemory());
  const LmdbOptions options = {.directory = directory.path()};
  const auto environment = Acquire(options);
  ASSERT_TRUE(PutNumber(*environment, 0, 3000).ok());
  RunProcesses(1, [&](int) {
    return Acquire(options)->Read([](MDB_txn*) -> int { _exit(1); }).ok() ? 0 : 1;
  });
  for (int i = 0; i < 4000; ++i) ASSERT_TRUE(PutNumber(*environment, 0, 3000).ok());
  EXPECT_LT(std::filesystem::file_size(directory.path() / "data.mdb"), uintmax_t{8} << 20);
}

// Another program, which has the environment open by LMDB alone and holds as many read transactions
// as it can get, until it is told to end them and then itself.
int HoldAllReaders(const std::filesystem::path& directory, Signal& changed, Signal& go_on) {
  MDB_env* handle = nullptr;
  mdb_env_create(&handle);
  if (mdb_env_open(handle, directory.c_str(), MDB_NOTLS, 0600) != 0) return 1;
  std::vector<MDB_txn*> readers(1);
  int error = 0;
  while ((error = mdb_txn_begin(handle, nullptr, MDB_RDONLY, &readers.back())) == 0) {
    readers.push_back(nullptr);
  }
  readers.pop_back();
  changed.Give();
  go_on.Take();
  for (MDB_txn* reader : readers) mdb_txn_abort(reader);
  changed.Give();
  go_on.Take();
  if (error != MDB_READERS_FULL) return 2;
  return readers.size() > 1000 ? 0 : 3;
}

// Reads while another transaction has the one slot that this process has by now.
absl::Status ReadWithAnotherSlot(LmdbEnvironment& environment) {
  absl::Status status;
  EXPECT_TRUE(
      environment
          .Read([&](MDB_txn*) {
            std::thread([&] { status = environment.Read([](MDB_txn*) { return 0; }); }).join();
            return 0;
          })
          .ok());
  return status;
}

TEST(LmdbDuty, AFullTableOfReadersIsAnErrorUntilThereIsRoom) {
  const TemporaryDirectory directory;
  const auto environment = Acquire({.directory = directory.path()});
  ASSERT_TRUE(PutNumber(*environment, 1, 10).ok());
  Signal changed, go_on;
  const pid_t other =
      StartProcess([&] { return HoldAllReaders(directory.path(), changed, go_on); });
  changed.Take();
  EXPECT_TRUE(absl::IsResourceExhausted(ReadWithAnotherSlot(*environment)));
  EXPECT_TRUE(PutNumber(*environment, 2, 10).ok());
  EXPECT_TRUE(HasNumber(*environment, 2, 10));
  go_on.Give();
  changed.Take();
  EXPECT_TRUE(ReadWithAnotherSlot(*environment).ok());
  go_on.Give();
  EXPECT_EQ(WaitForProcess(other), 0);
}

TEST(LmdbDuty, SlotsOfReadersThatWereKilledAreFreed) {
  const TemporaryDirectory directory;
  const auto environment = Acquire({.directory = directory.path()});
  ASSERT_TRUE(PutNumber(*environment, 1, 10).ok());
  Signal changed, go_on;
  const pid_t other =
      StartProcess([&] { return HoldAllReaders(directory.path(), changed, go_on); });
  changed.Take();
  kill(other, SIGKILL);
  EXPECT_EQ(WaitForProcess(other), -SIGKILL);
  EXPECT_TRUE(ReadWithAnotherSlot(*environment).ok());
}

// A long read transaction makes the file grow.

// A function's cache, and another program that writes to its environment.
class BusyCache {
 public:
  BusyCache() : store_(LmdbStore::Open({.environment = {.directory = folder()}}).value()) {}

  Cache cache() const { return Cache({.directory = directory_.path()}); }
  std::filesystem::path folder() const { return directory_.path() / "f"; }
  size_t file_size() const { return std::filesystem::file_size(folder() / "data.mdb"); }

  // Takes a few pages, and gives back others unless a transaction holds them.
  void Write() { EXPECT_TRUE(store_->Put("other", {.value = std::string(3000, 'v')}).ok()); }

 private:
  const TemporaryDirectory directory_{ParentInMemory()};
  const std::unique_ptr<LmdbStore> store_;
};

constexpr int kManyWrites = 1000;
constexpr size_t kFewPages = size_t{1} << 20;  // far from what those would take one after the other

TEST(LmdbDuty, NoTransactionIsHeldWhileAFunctionComputes) {
  BusyCache busy;
  const auto environment = Acquire({.directory = busy.folder()});
  MDB_env* const handle = HandleOf(*environment);
  int computed = 0;
  const auto f = busy.cache().Memoize(
      "f",
      [&](int x) {
        ++computed;
        EXPECT_GT(ReadersOf(handle).slots, 0);
        EXPECT_EQ(ReadersOf(handle).live, 0);
        for (int i = 0; i < kManyWrites; ++i) busy.Write();
        EXPECT_LT(busy.file_size(), kFewPages);
        return x;
      },
      "x"_a);
  EXPECT_EQ(f(1), 1);
  EXPECT_EQ(computed, 1);
}

TEST(LmdbDuty, NoTransactionIsHeldOnceAResultIsDecoded) {
  BusyCache busy;
  const auto f = busy.cache().Memoize(
      "f", [](int x) { return std::string(100, 'r') + std::to_string(x); }, "x"_a);
  EXPECT_EQ(f(1).size(), 101u);
  for (int i = 0; i < kManyWrites; ++i) {
    ASSERT_TRUE(f.Lookup(1).has_value());
    busy.Write();
  }
  EXPECT_LT(busy.file_size(), kFewPages);
  EXPECT_EQ(ReadersOf(HandleOf(*Acquire({.directory = busy.folder()}))).live, 0);
}

// That such a transaction would be noticed.
TEST(LmdbDuty, ATransactionThatIsHeldMakesTheFileGrow) {
  BusyCache busy;
  busy.Write();
  const auto environment = Acquire({.directory = busy.folder()});
  EXPECT_TRUE(environment
                  ->Read([&](MDB_txn* txn) {
                    EXPECT_EQ(ReadersOf(mdb_txn_env(txn)).live, 1);
                    std::thread([&] {
                      for (int i = 0; i < kManyWrites; ++i) busy.Write();
                    }).join();
                    return 0;
                  })
                  .ok());
  EXPECT_GT(busy.file_size(), 4 * kFewPages);
}

// One read transaction per thread.

TEST(LmdbDuty, ThreadsOneAfterTheOtherShareASlot) {
  const TemporaryDirectory directory;
  const auto environment = Acquire({.directory = directory.path()});
  ASSERT_TRUE(PutNumber(*environment, 1, 10).ok());
  for (int i = 0; i < 300; ++i) {
    std::thread([&] { EXPECT_TRUE(HasNumber(*environment, 1, 10)); }).join();
  }
  EXPECT_EQ(ReadersOf(HandleOf(*environment)).slots, 1);
}

// Write transactions belong to a thread.

TEST(LmdbDuty, AnyThreadMayWrite) {
  constexpr int kThreads = 8;
  constexpr int kEntries = 20;
  const TemporaryDirectory directory;
  const auto environment = Acquire({.directory = directory.path()});
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEntries; ++i) {
        EXPECT_TRUE(PutNumber(*environment, t * kEntries + i, 100).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kThreads * kEntries; ++i) EXPECT_TRUE(HasNumber(*environment, i, 100)) << i;
}

// If it kept the writers' lock the other process would wait for ever.
TEST(LmdbDuty, OthersMayWriteWhileAFunctionComputes) {
  BusyCache busy;
  int failed = -1;
  const auto f = busy.cache().Memoize(
      "f",
      [&](int x) {
        failed = RunProcesses(1, [&](int) {
          return PutNumber(*Acquire({.directory = busy.folder()}), 1, 10).ok() ? 0 : 1;
        });
        return x;
      },
      "x"_a);
  EXPECT_EQ(f(1), 1);
  EXPECT_EQ(failed, 0);
}

// Keys end at 511 bytes.

TEST(LmdbDuty, KeysMayBeLonger) {
  const TemporaryDirectory directory;
  const auto environment = Acquire({.directory = directory.path()});
  EXPECT_EQ(mdb_env_get_maxkeysize(HandleOf(*environment)), 511);
  const auto store = LmdbStore::Open({.environment = {.directory = directory.path()}}).value();
  std::vector<std::string> keys;
  for (const size_t size : {510, 511, 512, 100'000}) {
    for (const char last : {'a', 'b'}) keys.push_back(std::string(size, 'k') + last);
  }
  for (const std::string& key : keys) ASSERT_TRUE(store->Put(key, {.value = key}).ok());
  for (const std::string& key : keys) {
    const auto is_same = [&](const storage::Record& record) { EXPECT_TRUE(record.value == key); };
    EXPECT_TRUE(store->Get(key, is_same).value()) << key.size();
  }
}

// Large values need pages that follow each other, and a commit of 2 GiB fails; huge_values_test has
// such a value.

TEST(LmdbDuty, LargeValuesTakeNoPages) {
  const TemporaryDirectory directory;
  const auto store = *LmdbStore::Open({.environment = {.directory = directory.path()}});
  const std::string value(3 * storage::ValueFiles::kLeastSize, 'v');
  ASSERT_TRUE(store->Put("key", {.value = value}).ok());
  EXPECT_LT(std::filesystem::file_size(directory.path() / "data.mdb"), uintmax_t{1} << 20);
  bool same = false;
  ASSERT_TRUE(*store->Get("key", [&](const storage::Record& r) { same = r.value == value; }));
  EXPECT_TRUE(same);
}

// Network file systems.

int StatFsOfNfs(const char*, struct statfs* info) {
  *info = {};
  info->f_type = 0x6969;
  return 0;
}

TEST(LmdbDuty, NetworkFileSystemsAreRefusedWithWhatToDo) {
  const TemporaryDirectory directory;
  const auto refused =
      LmdbEnvironment::Acquire({.directory = directory.path(), .stat_fs = StatFsOfNfs});
  ASSERT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
  const std::string message(refused.status().message());
  EXPECT_THAT(message, HasSubstr(directory.path().string()));
  EXPECT_THAT(message, HasSubstr("network file system (NFS)"));
  EXPECT_THAT(message, HasSubstr("$PERMACACHE_DIR"));
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
  EXPECT_TRUE(LmdbEnvironment::Acquire({.directory = directory.path()}).ok());
}

// Durability flags; WRITEMAP.

TEST(LmdbDuty, EachCommitIsSyncedWhateverTheDurability) {
  for (const Durability durability :
       {Durability::kByCost, Durability::kSynced, Durability::kGrouped}) {
    const TemporaryDirectory directory;
    const auto store =
        LmdbStore::Open({.environment = {.directory = directory.path()}, .durability = durability})
            .value();
    ASSERT_TRUE(store->Put("key", {.value = "value"}).ok());
    unsigned flags = 0;
    ASSERT_EQ(mdb_env_get_flags(HandleOf(*Acquire({.directory = directory.path()})), &flags), 0);
    EXPECT_EQ(flags & (MDB_NOSYNC | MDB_NOMETASYNC | MDB_MAPASYNC), 0u);
  }
}

TEST(LmdbDuty, StrayWritesCannotReachTheFile) {
  const TemporaryDirectory directory;
  const auto environment = Acquire({.directory = directory.path()});
  ASSERT_TRUE(PutNumber(*environment, 1, 3000).ok());
  unsigned flags = 0;
  ASSERT_EQ(mdb_env_get_flags(HandleOf(*environment), &flags), 0);
  EXPECT_EQ(flags & MDB_WRITEMAP, 0u);
  const int code = WaitForProcess(StartProcess([&] {
    std::signal(SIGSEGV, SIG_DFL);
    const auto own = Acquire({.directory = directory.path()});
    const MDB_dbi database = own->OpenGeneration(0).value();
    return own->Read([&](MDB_txn* txn) {
                MDB_val key{1, const_cast<char*>("1")}, value;
                if (int error = mdb_get(txn, database, &key, &value); error != 0) return error;
                *static_cast<volatile char*>(value.mv_data) = 'x';
                return 0;
              }).ok()
               ? 0
               : 1;
  }));
  EXPECT_EQ(code, -SIGSEGV);
  EXPECT_TRUE(HasNumber(*environment, 1, 3000));
}

// A writer that is killed.

TEST(LmdbDuty, AWriterKilledInsideItsTransactionHoldsUpNobody) {
  const TemporaryDirectory directory;
  const LmdbOptions options = {.directory = directory.path()};
  const auto environment = Acquire(options);
  ASSERT_TRUE(PutNumber(*environment, 1, 3000).ok());
  for (int round = 0; round < 10; ++round) {
    Signal inside, killed_soon;
    const pid_t victim = StartProcess([&] {
      const auto own = Acquire(options);
      const MDB_dbi database = own->OpenGeneration(0).value();
      return own->Write([&](MDB_txn* txn) {
                  MDB_val key{1, const_cast<char*>("1")}, value{5, const_cast<char*>("wrong")};
                  mdb_put(txn, database, &key, &value, 0);
                  inside.Give();
                  killed_soon.Take();
                  return raise(SIGKILL);
                }).ok()
                 ? 0
                 : 1;
    });
    inside.Take();
    // Another one waits for its turn, or soon will.
    const pid_t next = StartProcess([&] {
      const auto own = Acquire(options);
      killed_soon.Give();
      return PutNumber(*own, 2, 3000 + round).ok() ? 0 : 1;
    });
    EXPECT_EQ(WaitForProcess(victim), -SIGKILL);
    EXPECT_EQ(WaitForProcess(next), 0);
    EXPECT_TRUE(PutNumber(*environment, 3, 3000 + round).ok());
    EXPECT_TRUE(HasNumber(*environment, 1, 3000));
    EXPECT_TRUE(HasNumber(*environment, 2, 3000 + round));
    EXPECT_TRUE(HasNumber(*environment, 3, 3000 + round));
  }
}

// Versions of LMDB whose mdb_env_close harms others.

TEST(LmdbDuty, ClosingIsSafeInAllVersionsButSome) {
  EXPECT_TRUE(storage::IsClosingSafe(0, 9, 18));
  EXPECT_TRUE(storage::IsClosingSafe(0, 9, 24));
  EXPECT_TRUE(storage::IsClosingSafe(0, 9, 25));
  for (int patch = 26; patch <= 31; ++patch) EXPECT_FALSE(storage::IsClosingSafe(0, 9, patch));
  EXPECT_TRUE(storage::IsClosingSafe(0, 9, 32));
  EXPECT_TRUE(storage::IsClosingSafe(0, 9, 33));
  EXPECT_TRUE(storage::IsClosingSafe(0, 10, 0));
  EXPECT_TRUE(storage::IsClosingSafe(1, 0, 0));
}

TEST(LmdbDuty, WhoReleasesItsShareDoesNotDisturbOthersThatWrite) {
  constexpr int kRounds = 20;
  const TemporaryDirectory directory;
  const LmdbOptions options = {.directory = directory.path()};
  const auto environment = Acquire(options);
  const pid_t other = StartProcess([&] {
    for (int i = 0; i < kRounds; ++i) {
      if (!PutNumber(*Acquire(options), i, 100).ok()) return 1;
    }
    return 0;
  });
  for (int i = kRounds; i < 2 * kRounds; ++i) ASSERT_TRUE(PutNumber(*environment, i, 100).ok());
  EXPECT_EQ(WaitForProcess(other), 0);
  ASSERT_TRUE(PutNumber(*environment, 2 * kRounds, 100).ok());
  for (int i = 0; i <= 2 * kRounds; ++i) EXPECT_TRUE(HasNumber(*environment, i, 100)) << i;
}

// The file never shrinks; compact_test has more.

TEST(LmdbDuty, TheFileShrinksWhenItIsCompactedWhileOthersUseIt) {
  const TemporaryDirectory directory;
  const LmdbOptions options = {.directory = directory.path()};
  const auto environment = Acquire(options);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(PutNumber(*environment, i, 10'000).ok());
  const MDB_dbi database = *environment->OpenGeneration(0);
  ASSERT_TRUE(environment->Write([&](MDB_txn* txn) { return mdb_drop(txn, database, 0); }).ok());
  ASSERT_TRUE(PutNumber(*environment, 1, 10).ok());
  EXPECT_GT(std::filesystem::file_size(directory.path() / "data.mdb"), uintmax_t{1} << 20);
  EXPECT_EQ(
      RunProcesses(
          1, [&](int) { return Acquire(options)->Compact([](int64_t, int64_t) {}).ok() ? 0 : 1; }),
      0);
  EXPECT_LT(std::filesystem::file_size(directory.path() / "data.mdb"), uintmax_t{100} << 10);
  EXPECT_TRUE(absl::IsAborted(PutNumber(*environment, 2, 10)));  // another one has its place
  EXPECT_TRUE(HasNumber(*Acquire(options), 1, 10));
  EXPECT_TRUE(PutNumber(*Acquire(options), 2, 10).ok());
}

// A damaged or hostile data file.

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(LmdbDuty, ADamagedFileIsRefusedAndLeftAsItIs) {
  const TemporaryDirectory directory;
  const std::filesystem::path file = directory.path() / "data.mdb";
  { ASSERT_TRUE(PutNumber(*Acquire({.directory = directory.path()}), 1, 3000).ok()); }
  std::string bytes = ReadFile(file);
  bytes.replace(4096 + 16, 7, "rubbish");
  std::ofstream(file, std::ios::binary) << bytes;
  const auto refused = LmdbEnvironment::Acquire({.directory = directory.path()});
  EXPECT_TRUE(absl::IsDataLoss(refused.status())) << refused.status();
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr(file.string()));
  EXPECT_TRUE(ReadFile(file) == bytes);
}

TEST(LmdbDuty, OnlyTheUserMayReadTheFiles) {
  const TemporaryDirectory directory;
  const std::filesystem::path folder = directory.path() / "a" / "b";
  ASSERT_TRUE(PutNumber(*Acquire({.directory = folder}), 1, 10).ok());
  const auto mode_of = [](const std::filesystem::path& path) {
    struct stat info;
    EXPECT_EQ(stat(path.c_str(), &info), 0);
    return info.st_mode & 0777;
  };
  EXPECT_EQ(mode_of(folder.parent_path()), 0700u);
  EXPECT_EQ(mode_of(folder), 0700u);
  EXPECT_EQ(mode_of(folder / "data.mdb"), 0600u);
  EXPECT_EQ(mode_of(folder / "lock.mdb"), 0600u);
}

// A read-only directory, a missing lock file.

TEST(LmdbDuty, AReadOnlyFileCanBeReadAndNotWritten) {
  const TemporaryDirectory directory;
  const LmdbOptions options = {.directory = directory.path()};
  { ASSERT_TRUE(PutNumber(*Acquire(options), 1, 10).ok()); }
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0700));
  std::filesystem::permissions(directory.path() / "data.mdb", std::filesystem::perms(0444));
  std::filesystem::permissions(directory.path() / "lock.mdb", std::filesystem::perms(0600));
  EXPECT_EQ(RunAsOrdinaryUser([&] {
              const auto environment = Acquire(options);
              if (environment == nullptr || !environment->read_only()) return 1;
              if (!HasNumber(*environment, 1, 10)) return 2;
              if (!absl::IsNotFound(environment->OpenGeneration(7).status())) return 3;
              return absl::IsPermissionDenied(PutNumber(*environment, 2, 10)) ? 0 : 4;
            }),
            0);
}

// LMDB must be able to tell a writer of its readers, and the lock file is where it does.
TEST(LmdbDuty, AReadOnlyDirectoryCannotBeReadWithoutALockFile) {
  const TemporaryDirectory directory;
  const LmdbOptions options = {.directory = directory.path()};
  { ASSERT_TRUE(PutNumber(*Acquire(options), 1, 10).ok()); }
  std::filesystem::remove(directory.path() / "lock.mdb");
  std::filesystem::permissions(directory.path() / "data.mdb", std::filesystem::perms(0444));
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0555));
  EXPECT_EQ(
      RunAsOrdinaryUser([&] {
        const absl::Status status = LmdbEnvironment::Acquire(options).status();
        if (!absl::IsPermissionDenied(status)) return 1;
        return status.message().find(options.directory.string()) == std::string_view::npos ? 2 : 0;
      }),
      0);
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0700));
}

// Mounts the directory read-only, for this process alone. Not every system lets it.
bool MountReadOnly(const std::filesystem::path& directory) {
  const char* const path = directory.c_str();
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  return mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount(path, path, nullptr, MS_BIND, nullptr) == 0 &&
         mount(path, path, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) == 0;
}

TEST(LmdbDuty, AReadOnlyFileSystemCanBeReadEvenWithoutALockFile) {
  constexpr int kNotAllowed = 100;
  for (const bool has_lock_file : {true, false}) {
    const TemporaryDirectory directory;
    const LmdbOptions options = {.directory = directory.path()};
    { ASSERT_TRUE(PutNumber(*Acquire(options), 1, 10).ok()); }
    if (!has_lock_file) std::filesystem::remove(directory.path() / "lock.mdb");
    const int code = WaitForProcess(StartProcess([&] {
      if (!MountReadOnly(directory.path())) return kNotAllowed;
      const auto environment = Acquire(options);
      if (environment == nullptr || !environment->read_only()) return 1;
      if (!HasNumber(*environment, 1, 10)) return 2;
      return absl::IsPermissionDenied(PutNumber(*environment, 2, 10)) ? 0 : 3;
    }));
    if (code == kNotAllowed) GTEST_SKIP() << "nothing can be mounted here";
    EXPECT_EQ(code, 0) << has_lock_file;
  }
}

TEST(LmdbDuty, AGarbledOrMissingLockFileIsMadeAnew) {
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

}  // namespace
}  // namespace permacache::testing
