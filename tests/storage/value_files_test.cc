#include "permacache/storage/value_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "permacache/storage/files.h"
#include "permacache/testing/temporary_directory.h"

namespace {

ssize_t Copy(int from, off_t* from_offset, int to, off_t* to_offset, size_t size) {
  return syscall(SYS_copy_file_range, from, from_offset, to, to_offset, size, 0u);
}

// What the kernel does instead, as file systems differ in what they can. Returns 0 or an errno.
std::function<int(int to, int from)> clone_file;
std::function<int()> copy_range;

// As on a file system that shares blocks.
int Clone(int to, int from) {
  struct stat info;
  if (fstat(from, &info) != 0) return errno;
  off_t at = 0, to_offset = 0;
  while (at < info.st_size) {
    if (Copy(from, &at, to, &to_offset, info.st_size - at) <= 0) return EIO;
  }
  return 0;
}

}  // namespace

extern "C" int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  const long argument = va_arg(arguments, long);
  va_end(arguments);
  if (request != FICLONE || !clone_file) {
    return static_cast<int>(syscall(SYS_ioctl, fd, request, argument));
  }
  errno = clone_file(fd, static_cast<int>(argument));
  return errno == 0 ? 0 : -1;
}

extern "C" ssize_t copy_file_range(int from, off_t* from_offset, int to, off_t* to_offset,
                                   size_t size, unsigned) {
  errno = copy_range ? copy_range() : 0;
  // In pieces, as the kernel may.
  return errno == 0 ? Copy(from, from_offset, to, to_offset, size / 2 + 1) : -1;
}

namespace permacache::testing {
namespace {

namespace fs = std::filesystem;
using storage::DigestOfKey;
using storage::Place;
using storage::ValueFiles;
using storage::ValueReference;

const Place kPlace = {.generation = 3, .digest = DigestOfKey("key")};

class ValueFilesTest : public ::testing::Test {
 protected:
  std::shared_ptr<ValueFiles::Written> Write(const std::string& content) {
    auto written = files_.Write(kPlace, content);
    EXPECT_TRUE(written.ok()) << written.status();
    return written.ok() ? *written : nullptr;
  }

  absl::Status StatusOfRead(const ValueReference& reference) {
    return files_.Read(kPlace, reference, [&](std::string_view content, int) { read_ = content; });
  }

  std::vector<fs::path> Files() const {
    std::vector<fs::path> files;
    if (!fs::exists(files_.folder())) return files;
    for (const auto& entry : fs::directory_iterator(files_.folder())) files.push_back(entry.path());
    return files;
  }

  // As if nobody had touched it for so long.
  static void MakeOld(const fs::path& file, time_t seconds) {
    struct stat now;
    ASSERT_EQ(stat(file.c_str(), &now), 0);
    const timespec times[] = {now.st_atim, {.tv_sec = now.st_mtim.tv_sec - seconds, .tv_nsec = 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  }

  const TemporaryDirectory directory_;
  const ValueFiles files_{directory_.path() / "f" / ValueFiles::kFolderName};
  std::string read_;
};

TEST_F(ValueFilesTest, GiveBackWhatWasWritten) {
  for (const size_t size : {1, 4096, 300'000, 9'000'000}) {
    std::string content(size, '\0');
    for (size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 2654435761u >> 13);
    const auto written = Write(content);
    EXPECT_EQ(written->reference().size, size);
    EXPECT_TRUE(StatusOfRead(written->reference()).ok());
    EXPECT_TRUE(read_ == content);
  }
}

TEST_F(ValueFilesTest, AFileGoesUnlessItIsKept) {
  std::optional<ValueReference> reference;
  {
    const auto written = Write("content");
    reference = written->reference();
    EXPECT_EQ(Files().size(), 1u);
  }
  EXPECT_THAT(Files(), ::testing::IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(StatusOfRead(*reference)));

  Write("content")->Keep();
  EXPECT_EQ(Files().size(), 1u);
}

// A value that is given as a file, too.
class ValueFilesFromAFile : public ValueFilesTest {
 protected:
  ~ValueFilesFromAFile() override {
    clone_file = {};
    copy_range = {};
  }

  // A file with this content, to be read from its begin although it has been read to its end.
  int FileOf(std::string_view content) {
    const fs::path path = directory_.path() / "given";
    std::ofstream(path, std::ios::binary) << content;
    file_.emplace(open(path.c_str(), O_RDWR | O_CLOEXEC));
    lseek(file_->fd(), 0, SEEK_END);
    return file_->fd();
  }

  void ExpectStored(std::string_view value, int file) {
    const off_t offset = lseek(file, 0, SEEK_CUR);
    const auto written = files_.Write(kPlace, value, file);
    ASSERT_TRUE(written.ok()) << written.status();
    EXPECT_EQ((*written)->reference().size, value.size());
    const absl::Status status = StatusOfRead((*written)->reference());
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_TRUE(read_ == value);
    EXPECT_EQ(Files().size(), 1u);
    EXPECT_EQ(lseek(file, 0, SEEK_CUR), offset);
  }

  const std::string value_ = std::string(9'000'000, 'v') + "end";
  std::optional<storage::File> file_;
};

TEST_F(ValueFilesFromAFile, AreClones) {
  int cloned = 0, copied = 0;
  clone_file = [&](int to, int from) { return ++cloned, Clone(to, from); };
  copy_range = [&] { return ++copied, 0; };
  ExpectStored(value_, FileOf(value_));
  EXPECT_EQ(cloned, 1);
  EXPECT_EQ(copied, 0);
}

TEST_F(ValueFilesFromAFile, AreCopiesWhereThatCannotBeHad) {
  int copied = 0;
  clone_file = [](int, int) { return EOPNOTSUPP; };
  copy_range = [&] { return ++copied, 0; };
  ExpectStored(value_, FileOf(value_));
  EXPECT_GT(copied, 1);
}

TEST_F(ValueFilesFromAFile, AreWrittenWhereNeitherCanBeHad) {
  clone_file = [](int, int) { return EXDEV; };
  for (const int fails_from : {0, 1, 5}) {
    int copied = 0;
    copy_range = [&] { return copied++ < fails_from ? 0 : EXDEV; };
    ExpectStored(value_, FileOf(value_));
  }
  copy_range = [] { return 0; };
  const storage::File no_value(open("/dev/null", O_WRONLY | O_CLOEXEC));
  ExpectStored(value_, no_value.fd());
}

TEST_F(ValueFilesFromAFile, AreTheValueIfTheFileIsAnother) {
  for (const bool clones : {true, false}) {
    clone_file = [&](int to, int from) { return clones ? Clone(to, from) : EOPNOTSUPP; };
    std::string changed = value_;
    changed[5'000'000] = 'x';
    ExpectStored(value_, FileOf(changed));
    ExpectStored(value_, FileOf(value_ + "more"));
    ExpectStored(value_, FileOf(value_.substr(1)));
    ExpectStored(value_, FileOf(""));
  }
}

TEST_F(ValueFilesFromAFile, AreTheValueIfTheFileChangesMeanwhile) {
  clone_file = [](int to, int from) {
    EXPECT_EQ(pwrite(from, "x", 1, 77), 1);
    return Clone(to, from);
  };
  ExpectStored(value_, FileOf(value_));
}

// What the value was is not known any more.
TEST_F(ValueFilesFromAFile, AreRefusedIfTheValueChangesWithIt) {
  const int file = FileOf(value_);
  clone_file = [](int to, int from) {
    EXPECT_EQ(pwrite(from, "x", 1, 77), 1);
    return Clone(to, from);
  };
  void* const map = mmap(nullptr, value_.size(), PROT_READ, MAP_SHARED, file, 0);
  ASSERT_NE(map, MAP_FAILED);
  const absl::Status status =
      files_.Write(kPlace, {static_cast<const char*>(map), value_.size()}, file).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(Files(), ::testing::IsEmpty());
  munmap(map, value_.size());
}

TEST_F(ValueFilesTest, NoTwoFilesHaveOneName) {
  const auto first = Write("1"), second = Write("2");
  EXPECT_NE(first->reference().number, second->reference().number);
  EXPECT_TRUE(StatusOfRead(first->reference()).ok());
  EXPECT_EQ(read_, "1");
}

TEST_F(ValueFilesTest, WhatWasWrittenCanBeSynced) {
  const auto written = Write("content");
  EXPECT_TRUE(written->Sync().ok());
  EXPECT_TRUE(files_.SyncFolder().ok());
  fs::remove_all(files_.folder());
  EXPECT_FALSE(written->Sync().ok());
}

TEST_F(ValueFilesTest, EachFlippedBitAndOtherSizeIsDataLoss) {
  const auto written = Write("some content");
  const fs::path file = Files().front();
  for (const std::string content :
       {"some cOntent", "some conten", "some content!", "", "Some content"}) {
    std::ofstream(file, std::ios::binary) << content;
    const absl::Status status = StatusOfRead(written->reference());
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(file.string()));
  }
  EXPECT_EQ(read_, "");
}

TEST_F(ValueFilesTest, WhatIsNoFileIsDataLoss) {
  const auto written = Write("content");
  const fs::path file = Files().front();
  fs::remove(file);
  fs::create_directory(file);
  EXPECT_TRUE(absl::IsDataLoss(StatusOfRead(written->reference())));
  fs::remove(file);
  fs::create_symlink("/etc/passwd", file);
  EXPECT_TRUE(absl::IsDataLoss(StatusOfRead(written->reference())));
  fs::remove(file);
  ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsDataLoss(StatusOfRead(written->reference())));
}

TEST_F(ValueFilesTest, OldFilesThatNobodyUsesAreSwept) {
  const auto used = Write("used"), unused = Write("unused"), young = Write("young");
  for (const auto& written : {used, unused, young}) written->Keep();
  for (const fs::path& file : Files()) {
    std::string content;
    std::getline(std::ifstream(file), content);
    MakeOld(file, content == "young" ? 3000 : 4000);
  }
  std::ofstream(files_.folder() / ".writing-0123456789abcdef") << "left behind";
  MakeOld(files_.folder() / ".writing-0123456789abcdef", 4000);
  std::ofstream(files_.folder() / "notes.txt") << "mine";
  MakeOld(files_.folder() / "notes.txt", 4000);

  std::vector<uint64_t> asked;
  files_.Sweep([&](const Place& place, uint64_t number) {
    EXPECT_EQ(place, kPlace);
    asked.push_back(number);
    return number == used->reference().number;
  });
  EXPECT_THAT(
      asked, ::testing::UnorderedElementsAre(used->reference().number, unused->reference().number));
  EXPECT_TRUE(StatusOfRead(used->reference()).ok());
  EXPECT_TRUE(StatusOfRead(young->reference()).ok());
  EXPECT_TRUE(absl::IsNotFound(StatusOfRead(unused->reference())));
  EXPECT_EQ(Files().size(), 3u);  // and the notes
}

TEST_F(ValueFilesTest, WithoutAFolderThereIsNothingToSweep) {
  files_.Sweep([](const Place&, uint64_t) { return false; });
  EXPECT_FALSE(fs::exists(files_.folder()));
}

TEST(ValueReference, HasTheBytesOfTheFormat) {
  ValueReference reference{.number = 0x0102030405060708, .size = 0x1112131415161718, .digest = {}};
  for (size_t i = 0; i < reference.digest.size(); ++i) {
    reference.digest[i] = static_cast<unsigned char>(0x20 + i);
  }
  const std::string bytes = reference.ToBytes();
  EXPECT_EQ(bytes,
            "\x08\x07\x06\x05\x04\x03\x02\x01\x18\x17\x16\x15\x14\x13\x12\x11"
            " !\"#$%&'()*+,-./");
  const auto back = ValueReference::FromBytes(bytes);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->number, reference.number);
  EXPECT_EQ(back->size, reference.size);
  EXPECT_EQ(back->digest, reference.digest);
  EXPECT_TRUE(absl::IsDataLoss(ValueReference::FromBytes(bytes + "x").status()));
  EXPECT_TRUE(absl::IsDataLoss(ValueReference::FromBytes("").status()));
}

}  // namespace
}  // namespace permacache::testing
