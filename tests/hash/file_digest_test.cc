#include "permacache/hash/file_digest.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/hash/content_digest.h"
#include "permacache/hash/threads.h"
#include "permacache/testing/random.h"
#include "permacache/testing/temporary_directory.h"

namespace {

// What a test wants of pread(fd, buffer, size, offset), if anything.
std::function<ssize_t(int, void*, size_t, off_t)> reading;

ssize_t SystemRead(int fd, void* buffer, size_t size, off_t offset) {
  return syscall(SYS_pread64, fd, buffer, size, offset);
}

}  // namespace

// Takes the place of the C library's in this program.
extern "C" ssize_t pread(int fd, void* buffer, size_t size, off_t offset) {
  return reading ? reading(fd, buffer, size, offset) : SystemRead(fd, buffer, size, offset);
}

namespace permacache::hash {
namespace {

class DigestOfFileTest : public ::testing::TestWithParam<int> {
 protected:
  DigestOfFileTest() { SetHashThreads(GetParam()); }
  ~DigestOfFileTest() override {
    SetHashThreads(0);
    reading = nullptr;
    if (fd_ >= 0) close(fd_);
  }

  // An open file with these bytes.
  int Make(std::span<const std::byte> bytes) {
    if (fd_ >= 0) close(fd_);
    fd_ = open((directory_.path() / "file").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    EXPECT_EQ(write(fd_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    return fd_;
  }

  testing::TemporaryDirectory directory_;
  std::mt19937_64 random_ = testing::SeededRandom();

 private:
  int fd_ = -1;
};

INSTANTIATE_TEST_SUITE_P(Threads, DigestOfFileTest, ::testing::Values(1, 3));

std::vector<std::byte> RandomBytes(size_t size, std::mt19937_64& random) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

TEST_P(DigestOfFileTest, IsThatOfItsContent) {
  std::vector<size_t> sizes{0, 1, 1024, 1 << 18, kLeastParallelSize - 1, kLeastParallelSize};
  for (int i = 0; i < 10; ++i) sizes.push_back(random_() % 4'000'000);
  for (const size_t size : sizes) {
    const std::vector<std::byte> bytes = RandomBytes(size, random_);
    const int fd = Make(bytes);
    const absl::StatusOr<ContentDigest> digest = DigestOfFile(fd, size);
    ASSERT_TRUE(digest.ok()) << digest.status();
    EXPECT_EQ(*digest, DigestOfContent(bytes)) << size;
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), static_cast<off_t>(size)) << "the position has changed";
  }
}

TEST_P(DigestOfFileTest, OfHolesIsThatOfZeros) {
  const size_t size = 50'000'003;
  const int fd = Make({});
  ASSERT_EQ(ftruncate(fd, size), 0);
  const absl::StatusOr<ContentDigest> digest = DigestOfFile(fd, size);
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(*digest, DigestOfContent(std::vector<std::byte>(size)));
}

TEST_P(DigestOfFileTest, AnotherSizeThanExpectedIsAnError) {
  for (const size_t size : {size_t{10}, 3 * kLeastParallelSize}) {
    const int fd = Make(RandomBytes(size, random_));
    for (const uint64_t wrong : {uint64_t{0}, uint64_t{size - 1}, uint64_t{size + 1},
                                 uint64_t{size} << 20, ~uint64_t{0}}) {
      EXPECT_EQ(DigestOfFile(fd, wrong).status().code(), absl::StatusCode::kAborted) << wrong;
    }
  }
}

TEST_P(DigestOfFileTest, AFileThatSaysItIsEmptyAndIsNotIsAnError) {
  const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (fd < 0) GTEST_SKIP() << "there is no /proc";
  EXPECT_EQ(DigestOfFile(fd, 0).status().code(), absl::StatusCode::kAborted);
  close(fd);
}

TEST_P(DigestOfFileTest, OnlyRegularFilesHaveOne) {
  const int directory = open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_GE(directory, 0);
  const absl::Status status = DigestOfFile(directory, 0).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("directory"), std::string::npos) << status;
  close(directory);

  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  EXPECT_EQ(DigestOfFile(pipe_ends[0], 0).status().code(), absl::StatusCode::kInvalidArgument);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

TEST_P(DigestOfFileTest, ADescriptorThatCannotBeReadIsAnError) {
  Make(RandomBytes(10, random_));
  const int fd = open((directory_.path() / "file").c_str(), O_WRONLY | O_CLOEXEC);
  EXPECT_EQ(DigestOfFile(fd, 10).status().code(), absl::ErrnoToStatusCode(EBADF));
  close(fd);
  EXPECT_EQ(DigestOfFile(-1, 0).status().code(), absl::ErrnoToStatusCode(EBADF));
}

TEST_P(DigestOfFileTest, ReadsThatAreInterruptedOrGetLessGoOn) {
  const std::vector<std::byte> bytes = RandomBytes(2'500'000, random_);
  const int fd = Make(bytes);
  std::atomic<int> calls = 0;
  reading = [&](int file, void* buffer, size_t size, off_t offset) {
    if (++calls % 3 > 0) return SystemRead(file, buffer, (size + 1) / 2, offset);
    errno = EINTR;
    return ssize_t{-1};
  };
  const absl::StatusOr<ContentDigest> digest = DigestOfFile(fd, bytes.size());
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(*digest, DigestOfContent(bytes));
  EXPECT_GT(calls, 10);
}

// What happens to a file while it is read, in the middle of a small and of a large one.
class DigestOfChangingFileTest : public DigestOfFileTest {
 protected:
  // The status of a file whose reads from the middle on do `then`.
  absl::Status Status(size_t size, const std::function<ssize_t(int fd)>& then) {
    const int fd = Make(RandomBytes(size, random_));
    std::atomic<bool> happened = false;
    reading = [&](int file, void* buffer, size_t part, off_t offset) {
      const size_t end = static_cast<size_t>(offset) + part;
      if (end <= size / 2 || end > size) return SystemRead(file, buffer, part, offset);
      happened = true;
      const ssize_t result = then(file);
      return result > 0 ? SystemRead(file, buffer, part, offset) : result;
    };
    const absl::Status status = DigestOfFile(fd, size).status();
    EXPECT_TRUE(happened);
    return status;
  }

  static constexpr size_t kSizes[] = {1000, 3 * kLeastParallelSize};
};

INSTANTIATE_TEST_SUITE_P(Threads, DigestOfChangingFileTest, ::testing::Values(1, 3));

// A read that fails is not the end of the file.
TEST_P(DigestOfChangingFileTest, AReadErrorIsWhatTheSystemSays) {
  for (const size_t size : kSizes) {
    const absl::Status status = Status(size, [](int) {
      errno = EIO;
      return ssize_t{-1};
    });
    EXPECT_EQ(status.code(), absl::ErrnoToStatusCode(EIO)) << status;
    EXPECT_NE(status.message().find("cannot read"), std::string::npos) << status;
  }
}

TEST_P(DigestOfChangingFileTest, AnEndBeforeItsTimeIsAnError) {
  for (const size_t size : kSizes) {
    EXPECT_EQ(Status(size, [](int) { return ssize_t{0}; }).code(), absl::StatusCode::kAborted);
  }
}

TEST_P(DigestOfChangingFileTest, AFileThatGrowsIsAnError) {
  for (const size_t size : kSizes) {
    const auto grow = [&](int fd) { return ftruncate(fd, size + 1) == 0 ? ssize_t{1} : -1; };
    EXPECT_EQ(Status(size, grow).code(), absl::StatusCode::kAborted);
  }
}

}  // namespace
}  // namespace permacache::hash
