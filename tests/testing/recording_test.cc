#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "permacache/testing/system_calls.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string ContentOf(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// An open file, closed with the object.
class File {
 public:
  explicit File(const fs::path& path, int flags = O_RDWR | O_CREAT)
      : fd_(open(path.c_str(), flags, 0600)) {
    EXPECT_GE(fd_, 0) << path;
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { close(fd_); }

  int fd() const { return fd_; }

 private:
  const int fd_;
};

// An event as a line.
std::string ToText(const FileEvent& event) {
  using enum FileEvent::Kind;
  const std::string file = std::to_string(event.file);
  switch (event.kind) {
    case kMakeDirectory:
      return "mkdir " + event.path.string();
    case kCreate:
      return "create " + file + " " + event.path.string();
    case kRename:
      return "rename " + file + " " + event.path.string() + " " + event.new_path.string();
    case kRemove:
      return "remove " + file + " " + event.path.string();
    case kWrite:
      return (event.is_synced ? "synced write " : "write ") + file + " " +
             std::to_string(event.offset) + " " + event.bytes;
    case kTruncate:
      return "truncate " + file + " " + std::to_string(event.size);
    case kAllocate:
      return "allocate " + file + " " + std::to_string(event.size);
    default:
      return "sync " + file + " " + event.path.string();
  }
}

class Recording : public ::testing::Test {
 protected:
  Recording() { fs::create_directory(root_); }

  static std::vector<std::string> TextOf(const ScopedRecording& recording) {
    std::vector<std::string> lines;
    for (const FileEvent& event : recording.events()) lines.push_back(ToText(event));
    return lines;
  }

  TemporaryDirectory directory_;
  const fs::path root_ = directory_.path() / "root";
};

TEST_F(Recording, HasEachWriteWithItsPlace) {
  const ScopedRecording recording(root_);
  const File file(root_ / "a");
  char bytes[] = "456";
  const iovec parts[] = {{bytes, 1}, {bytes + 1, 2}};
  EXPECT_EQ(write(file.fd(), "012", 3), 3);
  EXPECT_EQ(write(file.fd(), "3", 1), 1);
  EXPECT_EQ(writev(file.fd(), parts, 2), 3);
  EXPECT_EQ(pwrite(file.fd(), "x", 1, 2), 1);
  EXPECT_EQ(pwritev(file.fd(), parts, 2, 9), 3);
  EXPECT_EQ(lseek(file.fd(), 0, SEEK_SET), 0);
  EXPECT_EQ(write(file.fd(), "y", 1), 1);
  EXPECT_THAT(TextOf(recording),
              ElementsAre("create 1 a", "write 1 0 012", "write 1 3 3", "write 1 4 456",
                          "write 1 2 x", "write 1 9 456", "write 1 0 y"));
  EXPECT_EQ(recording.position(), 7u);
}

TEST_F(Recording, TellsWhatIsSynced) {
  const ScopedRecording recording(root_);
  ASSERT_EQ(mkdir((root_ / "d").c_str(), 0700), 0);
  const File file(root_ / "d" / "a"), synced(root_ / "d" / "a", O_WRONLY | O_DSYNC);
  const File folder(root_ / "d", O_RDONLY), top(root_, O_RDONLY);
  EXPECT_EQ(pwrite(file.fd(), "1", 1, 0), 1);
  EXPECT_EQ(pwrite(synced.fd(), "2", 1, 0), 1);
  EXPECT_EQ(fsync(file.fd()), 0);
  EXPECT_EQ(fdatasync(synced.fd()), 0);
  EXPECT_EQ(fsync(folder.fd()), 0);
  EXPECT_EQ(fsync(top.fd()), 0);
  EXPECT_THAT(TextOf(recording),
              ElementsAre("mkdir d", "create 1 d/a", "write 1 0 1", "synced write 1 0 2",
                          "sync 1 d/a", "sync 1 d/a", "sync 0 d", "sync 0 "));
}

TEST_F(Recording, AFileKeepsItsNumberAndItsInodesNextOneHasAnother) {
  const ScopedRecording recording(root_);
  {
    const File file(root_ / "a");
    const File folder(root_, O_RDONLY);
    EXPECT_EQ(renameat(folder.fd(), "a", folder.fd(), "b"), 0);
    EXPECT_EQ(write(file.fd(), "1", 1), 1);
  }
  { const File replaced(root_ / "c"); }
  EXPECT_EQ(rename((root_ / "b").c_str(), (root_ / "c").c_str()), 0);
  EXPECT_EQ(unlink((root_ / "c").c_str()), 0);
  const File next(root_ / "d");
  EXPECT_EQ(write(next.fd(), "2", 1), 1);
  EXPECT_THAT(TextOf(recording),
              ElementsAre("create 1 a", "rename 1 a b", "write 1 0 1", "create 2 c", "rename 1 b c",
                          "remove 1 c", "create 3 d", "write 3 0 2"));
}

TEST_F(Recording, HasSizesAndDirectories) {
  const ScopedRecording recording(root_);
  const File folder(root_, O_RDONLY);
  ASSERT_EQ(mkdirat(folder.fd(), "d", 0700), 0);
  {
    const File file(root_ / "d" / ".." / "a");
    EXPECT_EQ(fallocate(file.fd(), 0, 10, 20), 0);
    EXPECT_EQ(fallocate(file.fd(), FALLOC_FL_KEEP_SIZE, 0, 1000), 0);
    EXPECT_EQ(posix_fallocate(file.fd(), 0, 40), 0);
    EXPECT_EQ(ftruncate(file.fd(), 5), 0);
  }
  { const File truncated(root_ / "a", O_WRONLY | O_TRUNC); }
  EXPECT_EQ(rmdir((root_ / "d").c_str()), 0);
  ASSERT_EQ(mkdir((root_ / "e").c_str(), 0700), 0);
  EXPECT_EQ(remove((root_ / "e").c_str()), 0);
  EXPECT_EQ(truncate((root_ / "a").c_str(), 7), 0);
  EXPECT_THAT(TextOf(recording),
              ElementsAre("mkdir d", "create 1 a", "allocate 1 30", "allocate 1 40", "truncate 1 5",
                          "truncate 1 0", "remove 0 d", "mkdir e", "remove 0 e", "truncate 1 7"));
}

TEST_F(Recording, HasNothingOfOtherFilesOrOfCallsThatFail) {
  const File before(directory_.path() / "a");
  const ScopedRecording recording(root_);
  const File beside(directory_.path() / "root2");
  EXPECT_EQ(write(before.fd(), "1", 1), 1);
  EXPECT_EQ(write(beside.fd(), "1", 1), 1);
  EXPECT_EQ(fsync(beside.fd()), 0);
  EXPECT_EQ(rename((directory_.path() / "a").c_str(), (directory_.path() / "b").c_str()), 0);
  EXPECT_EQ(mkdir((directory_.path() / "d").c_str(), 0700), 0);
  EXPECT_EQ(mkdir((root_ / "missing" / "d").c_str(), 0700), -1);
  EXPECT_EQ(unlink((root_ / "missing").c_str()), -1);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(write(ends[1], "1", 1), 1);
  close(ends[0]);
  close(ends[1]);
  EXPECT_THAT(TextOf(recording), IsEmpty());
}

TEST_F(Recording, HasWhatAFaultLeavesOfAWrite) {
  const ScopedRecording recording(root_);
  const File file(root_ / "a");
  const ScopedFault fault({.call = SystemCall::kWrite, .error = EIO, .times = 1, .bytes = 2});
  EXPECT_EQ(write(file.fd(), "123", 3), -1);
  EXPECT_EQ(write(file.fd(), "456", 3), 3);
  EXPECT_THAT(TextOf(recording), ElementsAre("create 1 a", "write 1 0 12", "write 1 2 456"));
}

TEST_F(Recording, OfThreadsHasTheOrderOfTheirCalls) {
  const ScopedRecording recording(root_);
  const File file(root_ / "a");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const std::string bytes(10, static_cast<char>('a' + t));
        EXPECT_EQ(pwrite(file.fd(), bytes.data(), bytes.size(), 0), 10);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(recording.position(), 801u);
  EXPECT_EQ(recording.events().back().bytes, ContentOf(root_ / "a"));
}

TEST_F(Recording, EndsWithItsScope) {
  { const ScopedRecording recording(root_); }
  const ScopedRecording again(root_);
  { const File file(root_ / "a"); }
  EXPECT_THAT(TextOf(again), ElementsAre("create 1 a"));
}

}  // namespace
}  // namespace permacache::testing
