// System calls that fail while a store works: what is told, what is left, and that it goes on.
#include "tests/storage/faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "permacache/storage/file_store.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/system_calls.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

namespace fs = std::filesystem;

using absl::StatusCode;
using storage::FileStore;
using storage::Record;
using storage::Store;

using ::testing::IsEmpty;
using ::testing::ValuesIn;

using enum SystemCall;

using Opener = std::function<absl::StatusOr<std::unique_ptr<Store>>(const fs::path& directory)>;

absl::StatusOr<std::unique_ptr<Store>> OpenFiles(const fs::path& directory) {
  return std::make_unique<FileStore>(storage::FileStoreOptions{.directory = directory / "f"});
}

// What is done to an entry "key" that has the value kOld.
struct Operation {
  const char* name;
  std::function<absl::Status(Store&)> run;
  Value result;                // of it, if it succeeds
  bool clears = false;         // the other entry, too
  bool may_end_early = false;  // so that some entries are gone when it fails
};

Operation Put() {
  return {"Put", [](Store& store) { return store.Put("key", {.value = kNew}); }, kNew};
}
Operation Erase() {
  return {"Erase", [](Store& store) { return store.Erase("key").status(); }, std::nullopt};
}
Operation Clear() {
  return {.name = "Clear",
          .run = [](Store& store) { return store.Clear(); },
          .result = std::nullopt,
          .clears = true};
}
Operation ClearFiles() {
  Operation operation = Clear();
  operation.may_end_early = true;
  return operation;
}

struct OperationCase {
  const char* kind;
  Opener open;
  Operation operation;
  FaultCase fault;
};

std::ostream& operator<<(std::ostream& out, const OperationCase& test) {
  return out << test.kind << test.operation.name << test.fault.name;
}

std::string NameOf(const ::testing::TestParamInfo<OperationCase>& test) {
  return ::testing::PrintToString(test.param);
}

std::vector<FaultCase> FilesPutFaults() {
  const StatusCode io_error = absl::ErrnoToStatusCode(EIO);
  const auto write = [](int error) { return Fault{kWrite, error, ".writing-"}; };
  const auto open = [](int error, std::string name) { return Fault{kOpen, error, name}; };
  const auto once = [](SystemCall call, int error, std::string name) {
    return Fault{.call = call, .error = error, .file_name_contains = name, .times = 1};
  };
  return {
      {"FullDisk", write(ENOSPC), StatusCode::kResourceExhausted},
      {"Quota", write(EDQUOT), StatusCode::kResourceExhausted},
      {"SizeLimit", write(EFBIG), StatusCode::kResourceExhausted},
      {"BadDisk", write(EIO), io_error},
      {"TornWrite",
       {.call = kWrite, .error = EIO, .file_name_contains = ".writing-", .bytes = 100},
       io_error},
      {"ShortWrites",
       {.call = kWrite, .file_name_contains = ".writing-", .bytes = 100},
       StatusCode::kOk},
      {"InterruptedWrite", once(kWrite, EINTR, ".writing-"), StatusCode::kOk},
      {"BadDiskAtSync", {kSync, EIO, ".writing-"}, io_error},
      {"FullDiskAtSync", {kSync, ENOSPC, ".writing-"}, StatusCode::kResourceExhausted},
      {"Rename", {kRename, EIO, ".pmc"}, io_error},
      {"FullDiskAtRename", {kRename, ENOSPC, ".pmc"}, StatusCode::kResourceExhausted},
      {"FolderGone", {kRename, ENOENT, ".pmc"}, StatusCode::kNotFound},
      {"FolderGoneOnce", once(kRename, ENOENT, ".pmc"), StatusCode::kOk},
      {"NoDescriptor", open(EMFILE, "v0"), StatusCode::kResourceExhausted},
      {"NoDescriptorInTheSystem", open(ENFILE, ".writing-"), StatusCode::kResourceExhausted},
      {"ReadOnlyDisk", open(EROFS, ".writing-"), StatusCode::kPermissionDenied},
      {"NoPermission", open(EACCES, ".writing-"), StatusCode::kPermissionDenied},
      {"FolderGoneAtOpen", open(ENOENT, ".writing-"), StatusCode::kNotFound},
      {"FolderGoneOnceAtOpen", once(kOpen, ENOENT, ".writing-"), StatusCode::kOk},
  };
}

std::vector<FaultCase> FilesRemovalFaults() {
  return {
      {"BadDisk", {kUnlink, EIO, ".pmc"}, absl::ErrnoToStatusCode(EIO)},
      {"ReadOnlyDisk", {kUnlink, EROFS, ".pmc"}, StatusCode::kPermissionDenied},
      {"NoPermission", {kUnlink, EACCES, ".pmc"}, StatusCode::kPermissionDenied},
      {"BadDiskAtSync", {kSync, EIO, "v0"}, absl::ErrnoToStatusCode(EIO), true},
      {"FolderThatCannotBeSynced", {kSync, EINVAL, "v0"}, StatusCode::kOk},
  };
}

std::vector<OperationCase> OperationCases() {
  std::vector<OperationCase> cases;
  for (const FaultCase& fault : LmdbFaults()) {
    for (const Operation& operation : {Put(), Erase(), Clear()}) {
      cases.push_back({"Lmdb", OpenLmdb, operation, fault});
    }
  }
  for (const FaultCase& fault : FilesPutFaults())
    cases.push_back({"Files", OpenFiles, Put(), fault});
  for (const FaultCase& fault : FilesRemovalFaults()) {
    for (const Operation& operation : {Erase(), ClearFiles()}) {
      cases.push_back({"Files", OpenFiles, operation, fault});
    }
  }
  return cases;
}

class OperationFault : public ::testing::TestWithParam<OperationCase> {
 protected:
  void PutOldValues() {
    ASSERT_TRUE(store_->Put("key", {.value = kOld}).ok());
    ASSERT_TRUE(store_->Put("other", {.value = kOld}).ok());
  }

  // Runs the operation while some calls of the kind succeed and then all fail. Returns whether any
  // did.
  bool RunWithFault(int calls_before) {
    Fault given = GetParam().fault.fault;
    given.skip = calls_before;
    const ScopedFault fault(given);
    const absl::Status status = GetParam().operation.run(*store_);
    is_done_ = status.ok() || GetParam().fault.is_done_all_the_same;
    if (fault.hits() == 0) {
      EXPECT_TRUE(status.ok()) << status;
      return false;
    }
    EXPECT_EQ(status.code(), GetParam().fault.code) << status;
    EXPECT_TRUE(status.ok() ||
                status.message().find(directory_.path().string()) != std::string_view::npos)
        << status;
    return true;
  }

  void ExpectTheStoreToBeSound() {
    const Operation& operation = GetParam().operation;
    ExpectValue("key", is_done_ ? operation.result : kOld);
    ExpectValue("other", is_done_ && operation.clears ? std::nullopt : Value(kOld));
    EXPECT_THAT(LeftoversIn(directory_.path()), IsEmpty());
  }

  void ExpectValue(const char* key, const Value& expected) {
    const Value value = ValueOf(*store_, key);
    const bool is_gone = GetParam().operation.may_end_early && !value.has_value();
    EXPECT_TRUE(value == expected || is_gone) << key;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_ = GetParam().open(directory_.path()).value();
  bool is_done_ = false;
};

// Each call that the operation makes is the first to fail once.
TEST_P(OperationFault, IsToldAndLeavesTheStoreAsItWas) {
  int calls = 0;
  for (; calls < kManyCalls; ++calls) {
    SCOPED_TRACE(calls);
    PutOldValues();
    const bool failed = RunWithFault(calls);
    ExpectTheStoreToBeSound();
    if (!failed) break;
  }
  EXPECT_GT(calls, 0);
  EXPECT_LT(calls, kManyCalls);

  PutOldValues();
  EXPECT_EQ(*store_->Size(), 2);
  EXPECT_EQ(RunProcesses(1,
                         [&](int) {
                           const auto other = *GetParam().open(directory_.path());
                           const bool sound =
                               ValueOf(*other, "key") == kOld && ValueOf(*other, "other") == kOld;
                           return sound && other->Put("key", {.value = kNew}).ok() ? 0 : 1;
                         }),
            0);
  EXPECT_TRUE(ValueOf(*store_, "key") == kNew);
}

INSTANTIATE_TEST_SUITE_P(Stores, OperationFault, ValuesIn(OperationCases()), NameOf);

TEST(FilesFault, AtTheLastSyncLeavesItOpenWhetherTheResultIsDurable) {
  const TemporaryDirectory directory;
  const auto store = *OpenFiles(directory.path());
  ASSERT_TRUE(store->Put("key", {.value = kOld}).ok());
  const ScopedFault fault({.call = kSync, .error = EIO, .file_name_contains = "v0", .skip = 1});
  EXPECT_FALSE(store->Put("key", {.value = kNew}).ok());
  EXPECT_EQ(fault.hits(), 1);
  EXPECT_TRUE(ValueOf(*store, "key") == kNew);
  EXPECT_THAT(LeftoversIn(directory.path()), IsEmpty());
}

TEST(FilesFault, WhileItsFoldersAreMadeIsToldAndTheyAreMadeLater) {
  for (const auto& [error, code] : {std::pair(ENOSPC, StatusCode::kResourceExhausted),
                                    std::pair(EROFS, StatusCode::kPermissionDenied),
                                    std::pair(EACCES, StatusCode::kPermissionDenied)}) {
    for (const char* folder : {"/f", "/v0"}) {
      const TemporaryDirectory directory;
      const auto store = *OpenFiles(directory.path());
      {
        const ScopedFault fault({kMakeDirectory, error, folder});
        EXPECT_EQ(store->Put("key", {.value = kNew}).code(), code);
        EXPECT_GT(fault.hits(), 0);
      }
      EXPECT_EQ(ValueOf(*store, "key"), std::nullopt);
      EXPECT_TRUE(store->Put("key", {.value = kNew}).ok());
      EXPECT_TRUE(ValueOf(*store, "key") == kNew);
    }
  }
}

// Reading an entry: what fails, and what Get returns.
struct ReadCase {
  const char* name;
  Fault fault;
  absl::StatusOr<Value> result;
};

std::ostream& operator<<(std::ostream& out, const ReadCase& test) { return out << test.name; }

class FilesReadFault : public ::testing::TestWithParam<ReadCase> {};

TEST_P(FilesReadFault, IsToldAndTheEntryStays) {
  const TemporaryDirectory directory;
  const auto store = *OpenFiles(directory.path());
  ASSERT_TRUE(store->Put("key", {.value = kOld}).ok());
  {
    const ScopedFault fault(GetParam().fault);
    Value value;
    const absl::StatusOr<bool> found =
        store->Get("key", [&](const Record& record) { value = std::string(record.value); });
    EXPECT_GT(fault.hits(), 0);
    EXPECT_EQ(found.status().code(), GetParam().result.status().code()) << found.status();
    EXPECT_TRUE(value == GetParam().result.value_or(std::nullopt));
    EXPECT_EQ(found.value_or(false), value.has_value());
  }
  EXPECT_TRUE(ValueOf(*store, "key") == kOld);
}

INSTANTIATE_TEST_SUITE_P(
    Files, FilesReadFault,
    ::testing::Values(
        ReadCase{"BadDisk", {kRead, EIO, ".pmc"}, absl::ErrnoToStatus(EIO, "")},
        ReadCase{"BadDiskHalfway",
                 {.call = kRead, .error = EIO, .file_name_contains = ".pmc", .skip = 1},
                 absl::ErrnoToStatus(EIO, "")},
        ReadCase{"ShortReads", {.call = kRead, .file_name_contains = ".pmc", .bytes = 50}, kOld},
        ReadCase{"Interrupted",
                 {.call = kRead, .error = EINTR, .file_name_contains = ".pmc", .times = 3},
                 kOld},
        ReadCase{"NoDescriptor", {kOpen, EMFILE, ".pmc"}, absl::ResourceExhaustedError("")},
        ReadCase{"NoPermission", {kOpen, EACCES, ".pmc"}, absl::PermissionDeniedError("")},
        ReadCase{"Gone", {kOpen, ENOENT, ".pmc"}, Value()}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace permacache::testing
