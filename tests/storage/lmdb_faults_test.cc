// System calls that fail while LMDB opens, grows and writes in the background.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "permacache/storage/lmdb_environment.h"
#include "permacache/storage/lmdb_store.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/system_calls.h"
#include "permacache/testing/temporary_directory.h"
#include "tests/storage/faults.h"

namespace permacache::testing {
namespace {

namespace fs = std::filesystem;

using absl::StatusCode;
using storage::Durability;
using storage::LmdbStore;
using storage::LmdbStoreOptions;
using storage::Record;
using storage::Store;
using storage::SyncAllEnvironments;

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::ValuesIn;

using enum SystemCall;

// What an LMDB store does to open its files: what fails, and what Open returns where they are not
// there yet and where they are.
struct OpenCase {
  const char* name;
  Fault fault;
  std::optional<StatusCode> fresh;  // none if there is no such call
  std::optional<StatusCode> existing;
  int needed = kManyCalls;  // what calls after so many do can be gone without
  int needed_if_existing = needed;
};

std::ostream& operator<<(std::ostream& out, const OpenCase& test) { return out << test.name; }

class LmdbOpenFault : public ::testing::TestWithParam<OpenCase> {
 protected:
  // Opens the store while each call in turn is the first to fail, and afterwards once more.
  void OpenWithFaults(std::optional<StatusCode> code, bool exists) {
    int calls = 0;
    for (; calls < kManyCalls; ++calls) {
      SCOPED_TRACE(calls);
      const TemporaryDirectory directory;
      if (exists) {
        ASSERT_TRUE((*OpenLmdb(directory.path()))->Put("key", {.value = kOld}).ok());
      }
      const int needed = exists ? GetParam().needed_if_existing : GetParam().needed;
      const StatusCode expected = calls < needed ? code.value_or(StatusCode::kOk) : StatusCode::kOk;
      if (!OpenWithFault(directory.path(), calls, expected)) break;
      const auto store = OpenLmdb(directory.path());
      ASSERT_TRUE(store.ok()) << store.status();
      EXPECT_TRUE(ValueOf(**store, "key") == (exists ? Value(kOld) : std::nullopt));
      EXPECT_TRUE((*store)->Put("key", {.value = kNew}).ok());
      EXPECT_TRUE(ValueOf(**store, "key") == kNew);
      EXPECT_THAT(LeftoversIn(directory.path()), IsEmpty());
    }
    EXPECT_EQ(calls > 0, code.has_value());
    EXPECT_LT(calls, kManyCalls);
  }

 private:
  static bool OpenWithFault(const fs::path& directory, int calls_before, StatusCode code) {
    Fault given = GetParam().fault;
    given.skip = calls_before;
    const ScopedFault fault(given);
    const absl::Status status = OpenLmdb(directory).status();
    EXPECT_EQ(status.code(), fault.hits() > 0 ? code : StatusCode::kOk) << status;
    EXPECT_TRUE(status.ok() || status.message().find(directory.string()) != std::string_view::npos)
        << status;
    return fault.hits() > 0;
  }
};

TEST_P(LmdbOpenFault, IsToldAndTheFilesAreMadeLater) { OpenWithFaults(GetParam().fresh, false); }

TEST_P(LmdbOpenFault, IsToldAndTheFilesAreOpenedLater) {
  OpenWithFaults(GetParam().existing, true);
}

std::vector<OpenCase> OpenCases() {
  constexpr StatusCode kFull = StatusCode::kResourceExhausted;
  constexpr StatusCode kDenied = StatusCode::kPermissionDenied;
  constexpr StatusCode kOk = StatusCode::kOk;
  return {
      {"NoDescriptor", {kOpen, EMFILE, "data.mdb"}, kFull, kFull, 3},
      {"NoDescriptorForLocks", {kOpen, ENFILE, "lock.mdb"}, kFull, kFull},
      {"NoPermission", {kOpen, EACCES, "data.mdb"}, kDenied, kDenied, 3},
      {"NoPermissionForLocks", {kOpen, EACCES, "lock.mdb"}, kDenied, kDenied},
      {"NoAddressSpace", {kMap, ENOMEM, "data.mdb"}, kFull, kFull},
      {"NoAddressSpaceForLocks", {kMap, ENOMEM, "lock.mdb"}, kFull, kFull},
      {"NoAddressSpaceAtAll", {kMap, ENOMEM, ""}, kFull, kFull, 5, 4},
      {"FullDiskForLocks", {kAllocate, ENOSPC, "lock.mdb"}, kFull, kFull},
      {"LocksThatCannotBeAllocated", {kAllocate, EOPNOTSUPP, "lock.mdb"}, kOk, kOk},
      {"FullDiskForTheDirectory", {kMakeDirectory, ENOSPC, "/f"}, kFull, kOk},
      {"ReadOnlyDirectory", {kMakeDirectory, EROFS, "/f"}, kDenied, kOk},
      {"FullDisk", {kWrite, ENOSPC, "data.mdb"}, kFull, {}},
      {"BadDisk", {kWrite, EIO, "data.mdb"}, kIoError, {}},
      {"BadDiskAtSync", {kSync, EIO, "data.mdb"}, kIoError, {}},
  };
}

INSTANTIATE_TEST_SUITE_P(Lmdb, LmdbOpenFault, ValuesIn(OpenCases()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(LmdbFault, WhileTheFileIsReadIsToldAndItStays) {
  const TemporaryDirectory directory;
  ASSERT_TRUE((*OpenLmdb(directory.path()))->Put("key", {.value = kOld}).ok());
  int calls = 0;
  for (; calls < kManyCalls; ++calls) {
    const ScopedFault fault(
        {.call = kRead, .error = EIO, .file_name_contains = "data.mdb", .skip = calls});
    const absl::Status status = OpenLmdb(directory.path()).status();
    if (fault.hits() == 0) break;
    EXPECT_TRUE(status.code() == kIoError || status.code() == absl::ErrnoToStatusCode(EIO))
        << status;
  }
  EXPECT_GT(calls, 0);
  EXPECT_TRUE(ValueOf(**OpenLmdb(directory.path()), "key") == kOld);
}

// A disk that had room for a part of an empty file.
TEST(LmdbFault, ThatCutsTheFirstWriteShortIsOverWhenTheDiskHasRoom) {
  for (const size_t bytes : {512, 4096, 4608}) {
    const TemporaryDirectory directory;
    {
      const ScopedFault fault(
          {.call = kWrite, .file_name_contains = "data.mdb", .times = 1, .bytes = bytes});
      EXPECT_TRUE(absl::IsResourceExhausted(OpenLmdb(directory.path()).status()));
      EXPECT_EQ(fault.hits(), 1);
    }
    const auto store = OpenLmdb(directory.path());
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE((*store)->Put("key", {.value = kNew}).ok());
  }
}

LmdbStoreOptions WithATinyMap(const fs::path& directory) {
  return {.environment = {.directory = directory, .map_size = size_t{1} << 16}};
}

// How many values a store takes until it cannot grow; -1 if the fault does not make it say so.
int FillUntilItCannotGrow(Store& store, const Fault& given) {
  const ScopedFault fault(given);
  for (int stored = 0; stored < kManyCalls; ++stored) {
    const absl::Status status = store.Put(std::to_string(stored), {.value = kOld});
    if (status.ok()) continue;
    return absl::IsResourceExhausted(status) && fault.hits() > 0 && stored > 0 ? stored : -1;
  }
  return -1;
}

// Whether so many values are there, and one more can be put.
bool GoesOn(Store& store, int stored) {
  for (int i = 0; i < stored; ++i) {
    if (ValueOf(store, std::to_string(i)) != kOld) return false;
  }
  return store.Put(std::to_string(stored), {.value = kOld}).ok() &&
         store.Size().value_or(0) == stored + 1;
}

TEST(LmdbGrowth, WithoutAddressSpaceIsRefusedUntilThereIsSome) {
  const TemporaryDirectory directory;
  const auto store = LmdbStore::Open(WithATinyMap(directory.path())).value();
  const int stored = FillUntilItCannotGrow(*store, {.call = kMap, .error = ENOMEM});
  EXPECT_GT(stored, 0);
  EXPECT_TRUE(GoesOn(*store, stored));
}

// LMDB has given up the old map when it finds that it cannot have another. It is not to be touched
// any more, which leaks it: in a process where nobody looks for leaks.
TEST(LmdbGrowth, ThatFailsHalfwayEndsTheStoreInThisProcessAlone) {
  const TemporaryDirectory directory;
  EXPECT_EQ(RunProcesses(1,
                         [&](int) {
                           const auto store =
                               LmdbStore::Open(WithATinyMap(directory.path())).value();
                           const Fault fault = {kMap, ENOMEM, "data.mdb"};
                           const int stored = FillUntilItCannotGrow(*store, fault);
                           if (stored < 0) return 1;
                           const absl::Status get = store->Get("0", [](const Record&) {}).status();
                           if (!absl::IsResourceExhausted(get)) return 2;
                           const absl::Status put = store->Put("0", {.value = kNew});
                           if (!absl::IsResourceExhausted(put)) return 3;
                           return RunProcesses(1, [&](int) {
                             const auto other = LmdbStore::Open(WithATinyMap(directory.path()));
                             return other.ok() && GoesOn(**other, stored) ? 0 : 1;
                           });
                         }),
            0);
}

// Statuses that a store told of what it lost, in any thread.
class Losses {
 public:
  storage::OnLost Handler() {
    return [this](const absl::Status& status) {
      std::lock_guard lock(mutex_);
      codes_.push_back(status.code());
    };
  }

  std::vector<StatusCode> Take() {
    std::lock_guard lock(mutex_);
    return std::exchange(codes_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<StatusCode> codes_;
};

class GroupedFault : public ::testing::TestWithParam<FaultCase> {
 protected:
  // Whether any call failed.
  bool PutAndSync(int calls_before) {
    Fault given = GetParam().fault;
    given.skip = calls_before;
    const ScopedFault fault(given);
    EXPECT_TRUE(store_->Put("key", {.value = kNew}).ok());
    const absl::Status status = SyncAllEnvironments();
    const StatusCode code = fault.hits() > 0 ? GetParam().code : StatusCode::kOk;
    EXPECT_EQ(status.code(), code) << status;
    if (code == StatusCode::kOk) {
      EXPECT_THAT(losses_.Take(), IsEmpty());
    } else {
      EXPECT_THAT(losses_.Take(), ElementsAre(code));
    }
    return fault.hits() > 0;
  }

  TemporaryDirectory directory_;
  Losses losses_;
  std::unique_ptr<Store> store_ = LmdbStore::Open({.environment = {.directory = directory_.path()},
                                                   .durability = Durability::kGrouped,
                                                   .on_lost = losses_.Handler()})
                                      .value();
};

TEST_P(GroupedFault, IsToldOfWhatWasLostAndBySyncAll) {
  int calls = 0;
  for (; calls < kManyCalls; ++calls) {
    SCOPED_TRACE(calls);
    ASSERT_TRUE(store_->Put("key", {.value = kOld}).ok());
    ASSERT_TRUE(SyncAllEnvironments().ok());
    const bool failed = PutAndSync(calls);
    const bool lost = failed && GetParam().code != StatusCode::kOk;
    EXPECT_TRUE(ValueOf(*store_, "key") == (lost ? kOld : kNew));
    EXPECT_TRUE(SyncAllEnvironments().ok());
    if (!failed) break;
  }
  EXPECT_GT(calls, 0);
  EXPECT_LT(calls, kManyCalls);
  EXPECT_THAT(losses_.Take(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Lmdb, GroupedFault, ValuesIn(LmdbFaults()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace permacache::testing
