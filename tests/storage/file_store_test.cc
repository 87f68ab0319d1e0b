#include "permacache/storage/file_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "permacache/storage/entry_name.h"
#include "permacache/storage/envelope.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/store_conformance.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

namespace fs = std::filesystem;

using storage::EntryName;
using storage::FileFormat;
using storage::FileStore;
using storage::Record;
using storage::Store;

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr FileFormat kFormats[] = {FileFormat::kBinary, FileFormat::kZstd, FileFormat::kJson};

StoreUnderTest Variant(FileFormat format) {
  return {.persistent = true, .open = [=](const fs::path& directory) {
            return std::make_unique<FileStore>(
                storage::FileStoreOptions{.directory = directory / "f", .format = format});
          }};
}

INSTANTIATE_TEST_SUITE_P(BinaryFiles, StoreConformance,
                         ::testing::Values(Variant(FileFormat::kBinary)));
INSTANTIATE_TEST_SUITE_P(ZstdFiles, StoreConformance,
                         ::testing::Values(Variant(FileFormat::kZstd)));
INSTANTIATE_TEST_SUITE_P(JsonFiles, StoreConformance,
                         ::testing::Values(Variant(FileFormat::kJson)));

absl::Status StatusOfGet(Store& store, std::string_view key) {
  return store.Get(key, [](const Record&) {}).status();
}

std::string ContentOf(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void Overwrite(const fs::path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

std::vector<std::string> NamesIn(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

// A store, and the file in which it keeps the record of "key".
class FileStoreTest : public ::testing::Test {
 protected:
  FileStore Open(FileFormat format = FileFormat::kBinary, uint32_t version = 0) const {
    return FileStore({.directory = directory_.path() / "f", .version = version, .format = format});
  }

  fs::path folder() const { return directory_.path() / "f" / "v0"; }
  fs::path file() const { return folder() / EntryName("key"); }

  TemporaryDirectory directory_;
};

TEST_F(FileStoreTest, PutsEachRecordIntoAFileOfItsKeysName) {
  FileStore store = Open();
  ASSERT_TRUE(store.Put("{\"x\": 2}", {.value = "value"}).ok());
  EXPECT_THAT(NamesIn(folder()), ::testing::ElementsAre(EntryName("{\"x\": 2}")));
  EXPECT_EQ(ContentOf(folder() / EntryName("{\"x\": 2}")),
            storage::SealEnvelope("{\"x\": 2}", {.value = "value"}, storage::Compression::kNone));
}

TEST_F(FileStoreTest, TouchesNoDiskBeforeTheFirstPut) {
  FileStore store = Open();
  EXPECT_EQ(ValueOf(store, "key"), std::nullopt);
  EXPECT_EQ(store.Erase("key").value(), false);
  EXPECT_EQ(store.Size().value(), 0);
  EXPECT_TRUE(store.Clear().ok());
  EXPECT_TRUE(fs::is_empty(directory_.path()));
}

TEST_F(FileStoreTest, VersionsDoNotSeeEachOther) {
  FileStore first = Open(FileFormat::kBinary, 1), second = Open(FileFormat::kBinary, 2);
  ASSERT_TRUE(first.Put("key", {.value = "one"}).ok());
  EXPECT_EQ(ValueOf(second, "key"), std::nullopt);
  ASSERT_TRUE(second.Put("key", {.value = "two"}).ok());
  ASSERT_TRUE(second.Clear().ok());
  EXPECT_THAT(ValueOf(first, "key"), Optional(Eq("one")));
}

TEST_F(FileStoreTest, ReadsAndReplacesRecordsOfEveryFormat) {
  const std::string value(5000, 'x');
  for (const FileFormat writing : kFormats) {
    ASSERT_TRUE(Open(writing).Put("key", {.value = value}).ok());
    for (const FileFormat reading : kFormats) {
      FileStore store = Open(reading);
      EXPECT_TRUE(ValueOf(store, "key") == value);
      EXPECT_EQ(store.Size().value(), 1);
    }
  }
}

TEST_F(FileStoreTest, OnlyTheUserMayReadWhatItMakes) {
  ASSERT_TRUE(Open().Put("key", {.value = "value"}).ok());
  struct stat info;
  for (const fs::path& made : {folder(), folder().parent_path()}) {
    ASSERT_EQ(stat(made.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u);
  }
  ASSERT_EQ(stat(file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(FileStoreTest, ADamagedFileIsAnErrorUntilItIsReplaced) {
  for (const FileFormat format : kFormats) {
    FileStore store = Open(format);
    const std::string value = format == FileFormat::kZstd ? std::string(300, 'x') : "[1, 2]";
    ASSERT_TRUE(store.Put("key", {.value = value}).ok());
    const std::string sound = ContentOf(file());
    const auto expect_refused = [&](const std::string& bytes, size_t at) {
      Overwrite(file(), bytes);
      const absl::Status status = StatusOfGet(store, "key");
      EXPECT_TRUE(absl::IsDataLoss(status) || absl::IsUnimplemented(status))
          << "at " << at << ": " << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr(file().string()));
    };
    for (size_t at = 0; at < sound.size(); ++at) {
      for (const char bit : {'\x01', '\x10', '\x80'}) {
        std::string flipped = sound;
        flipped[at] = static_cast<char>(flipped[at] ^ bit);
        expect_refused(flipped, at);
      }
      expect_refused(sound.substr(0, at), at);
    }
    expect_refused(sound + "\n", sound.size());
    ASSERT_TRUE(store.Put("key", {.value = value}).ok());
    EXPECT_THAT(ValueOf(store, "key"), Optional(Eq(value)));
  }
}

TEST_F(FileStoreTest, AFileOfANewerVersionIsUnimplemented) {
  FileStore store = Open(FileFormat::kBinary);
  ASSERT_TRUE(store.Put("key", {.value = "value"}).ok());
  std::string bytes = ContentOf(file());
  bytes[4] = 2;
  Overwrite(file(), bytes);
  EXPECT_TRUE(absl::IsUnimplemented(StatusOfGet(store, "key")));

  ASSERT_TRUE(Open(FileFormat::kJson).Put("key", {.value = "value"}).ok());
  bytes = ContentOf(file());
  bytes.replace(bytes.find(": 1,"), 4, ": 2,");
  Overwrite(file(), bytes);
  EXPECT_TRUE(absl::IsUnimplemented(StatusOfGet(store, "key")));
}

TEST_F(FileStoreTest, ADamagedFileCanBeErased) {
  FileStore store = Open();
  ASSERT_TRUE(store.Put("key", {.value = "value"}).ok());
  Overwrite(file(), "rubbish");
  EXPECT_EQ(store.Erase("key").value(), true);
  EXPECT_EQ(store.Size().value(), 0);
}

// As if two keys had one digest, or somebody renamed a file.
TEST_F(FileStoreTest, TheRecordOfAnotherKeyIsAMissThatStays) {
  for (const FileFormat format : kFormats) {
    FileStore store = Open(format);
    ASSERT_TRUE(store.Put("another", {.value = "wrong"}).ok());
    fs::rename(folder() / EntryName("another"), file());
    EXPECT_EQ(ValueOf(store, "key"), std::nullopt);
    EXPECT_EQ(store.Erase("key").value(), false);
    EXPECT_EQ(store.Size().value(), 1);
  }
}

TEST_F(FileStoreTest, WhatIsNoRegularFileIsRefusedAndCanBeReplaced) {
  FileStore store = Open();
  ASSERT_TRUE(store.Put("key", {.value = "value"}).ok());
  fs::rename(file(), directory_.path() / "elsewhere");
  const auto make_link = [&] { fs::create_symlink(directory_.path() / "elsewhere", file()); };
  const auto make_loop = [&] { fs::create_symlink(file(), file()); };
  const auto make_pipe = [&] { ASSERT_EQ(mkfifo(file().c_str(), 0600), 0); };
  const std::string elsewhere = ContentOf(directory_.path() / "elsewhere");
  for (const std::function<void()>& make :
       {std::function<void()>(make_link), {make_loop}, {make_pipe}}) {
    make();
    const absl::Status status = StatusOfGet(store, "key");
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    ASSERT_TRUE(store.Put("key", {.value = "new"}).ok());
    EXPECT_THAT(ValueOf(store, "key"), Optional(Eq("new")));
    fs::remove(file());
    make();
    EXPECT_EQ(store.Erase("key").value(), true);
  }
  EXPECT_EQ(ContentOf(directory_.path() / "elsewhere"), elsewhere);
}

TEST_F(FileStoreTest, AFolderInPlaceOfAnEntryIsAnErrorAndStays) {
  fs::create_directories(file() / "precious");
  FileStore store = Open();
  EXPECT_TRUE(absl::IsDataLoss(StatusOfGet(store, "key")));
  EXPECT_FALSE(store.Put("key", {.value = "value"}).ok());
  EXPECT_FALSE(store.Erase("key").ok());
  EXPECT_TRUE(store.Clear().ok());
  EXPECT_TRUE(fs::exists(file() / "precious"));
  EXPECT_THAT(NamesIn(folder()), ::testing::ElementsAre(EntryName("key")));
}

TEST_F(FileStoreTest, HugeFilesCostNoMemory) {
  FileStore store = Open();
  ASSERT_TRUE(store.Put("key", {.value = "value"}).ok());
  for (const uintmax_t size : {uintmax_t{1} << 40, (uintmax_t{1} << 31) - (1 << 20)}) {
    Overwrite(file(), "");
    fs::resize_file(file(), size);  // all of it a hole
    const absl::Status status = StatusOfGet(store, "key");
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  }
}

TEST_F(FileStoreTest, LeavesFilesOfOthersAlone) {
  FileStore store = Open();
  ASSERT_TRUE(store.Put("key", {.value = "value"}).ok());
  for (const char* name : {"README.md", ".gitattributes", "notes.pmc"})
    Overwrite(folder() / name, "mine");
  EXPECT_EQ(store.Size().value(), 1);
  ASSERT_TRUE(store.Clear().ok());
  EXPECT_THAT(NamesIn(folder()),
              ::testing::UnorderedElementsAre("README.md", ".gitattributes", "notes.pmc"));
}

TEST_F(FileStoreTest, ARecordThatIsTooLargeForJsonIsRefused) {
  const size_t size = size_t{1} << 31;
  void* zeros = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(zeros, MAP_FAILED);
  FileStore store = Open(FileFormat::kJson);
  const absl::Status status = store.Put("key", {.value = {static_cast<const char*>(zeros), size}});
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(store.Size().value(), 0);
  munmap(zeros, size);
}

// Makes a file as a writer would have left it this many seconds ago.
void LeaveBehind(const fs::path& file, int64_t seconds) {
  Overwrite(file, "half of a rec");
  struct stat info;
  ASSERT_EQ(stat(file.c_str(), &info), 0);
  const timespec times[2] = {{.tv_sec = info.st_mtime - seconds, .tv_nsec = 0},
                             {.tv_sec = info.st_mtime - seconds, .tv_nsec = 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
}

TEST_F(FileStoreTest, LeftoversAreSweptWhenTheyAreOldAndNeverCount) {
  fs::create_directories(folder());
  const fs::path old = folder() / ".writing-0123456789abcdef";
  const fs::path young = folder() / ".writing-fedcba9876543210";
  LeaveBehind(old, 2 * 3600);
  LeaveBehind(young, 1800);
  fs::create_symlink(young, folder() / ".writing-link");
  FileStore store = Open();
  EXPECT_EQ(store.Size().value(), 0);
  ASSERT_TRUE(store.Put("key", {.value = "value"}).ok());
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(young));
  EXPECT_EQ(store.Size().value(), 1);
}

TEST_F(FileStoreTest, GoesOnWhenItsFolderIsDeleted) {
  FileStore store = Open();
  ASSERT_TRUE(store.Put("key", {.value = "value"}).ok());
  fs::remove_all(directory_.path() / "f");
  EXPECT_EQ(ValueOf(store, "key"), std::nullopt);
  EXPECT_EQ(store.Size().value(), 0);
  ASSERT_TRUE(store.Put("key", {.value = "value"}).ok());
  EXPECT_THAT(ValueOf(store, "key"), Optional(Eq("value")));
}

TEST_F(FileStoreTest, AFileInPlaceOfTheFolderIsAnErrorThatNamesIt) {
  Overwrite(directory_.path() / "f", "precious");
  FileStore store = Open();
  for (const absl::Status& status :
       {StatusOfGet(store, "key"), store.Put("key", {.value = "value"}), store.Clear()}) {
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr((directory_.path() / "f").string()));
  }
  EXPECT_EQ(ContentOf(directory_.path() / "f"), "precious");
}

TEST_F(FileStoreTest, AReadOnlyFolderIsReadAndNotWritten) {
  ASSERT_TRUE(Open().Put("key", {.value = "value"}).ok());
  fs::permissions(folder(), fs::perms(0555));
  EXPECT_EQ(RunProcesses(1,
                         [&](int) {
                           if (!DropPrivileges()) return 100;
                           FileStore store = Open();
                           if (ValueOf(store, "key") != "value") return 1;
                           if (store.Size().value() != 1) return 2;
                           for (const absl::Status& status :
                                {store.Put("other", {.value = "value"}),
                                 store.Erase("key").status(), store.Clear()}) {
                             if (!absl::IsPermissionDenied(status)) return 3;
                           }
                           return ValueOf(store, "key") == "value" ? 0 : 4;
                         }),
            0);
  fs::permissions(folder(), fs::perms(0700));
}

TEST_F(FileStoreTest, AFullDiskIsResourceExhaustedAndLeavesNothingBehind) {
  constexpr int kCannotMount = 77;
  const fs::path mount_point = directory_.path() / "disk";
  fs::create_directory(mount_point);
  const pid_t process = StartProcess([&] {
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=256k") != 0) {
      return kCannotMount;
    }
    FileStore store({.directory = mount_point / "f"});
    const std::string value(50'000, 'x');
    int stored = 0;
    absl::Status status;
    while ((status = store.Put(std::to_string(stored), {.value = value})).ok()) ++stored;
    if (!absl::IsResourceExhausted(status)) return 1;
    if (stored == 0 || store.Size().value() != stored) return 2;
    if (NamesIn(store.folder()).size() != static_cast<size_t>(stored)) return 3;
    // What was there stays, also of the key whose replacement does not fit.
    if (!absl::IsResourceExhausted(store.Put("0", {.value = value + value}))) return 4;
    for (int i = 0; i < stored; ++i) {
      if (ValueOf(store, std::to_string(i)) != value) return 5;
    }
    if (!store.Erase("0").value()) return 6;
    return store.Put("new", {.value = value}).ok() ? 0 : 7;
  });
  const int code = WaitForProcess(process);
  if (code == kCannotMount) GTEST_SKIP() << "a disk of its own takes root";
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace permacache::testing
