#include "permacache/testing/system_calls.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "permacache/testing/temporary_directory.h"

// What the compiler makes of a call where it looks for overflows of buffers.
extern "C" {
int __open_2(const char* name, int flags);
int __open64_2(const char* name, int flags);
int __openat_2(int directory, const char* name, int flags);
int __openat64_2(int directory, const char* name, int flags);
ssize_t __read_chk(int fd, void* bytes, size_t size, size_t room);
ssize_t __pread_chk(int fd, void* bytes, size_t size, off_t offset, size_t room);
ssize_t __pread64_chk(int fd, void* bytes, size_t size, off64_t offset, size_t room);
}

namespace permacache::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::ValuesIn;

void Overwrite(const fs::path& file, const std::string& bytes) { std::ofstream(file) << bytes; }

std::string ContentOf(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::string> NamesIn(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

constexpr SystemCall kSystemCalls[] = {
    SystemCall::kOpen, SystemCall::kRead,     SystemCall::kWrite,   SystemCall::kSyncedWrite,
    SystemCall::kSync, SystemCall::kRename,   SystemCall::kUnlink,  SystemCall::kMakeDirectory,
    SystemCall::kMap,  SystemCall::kTruncate, SystemCall::kAllocate};

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

// One of the functions, called on the file "victim" in a folder.
struct Function {
  const char* name;
  SystemCall kind;
  std::function<ssize_t(const fs::path& victim, int fd, int folder)> call;  // -1 if it failed
  std::function<void(const fs::path& victim)> expect_its_work = [](const fs::path&) {};
};

std::ostream& operator<<(std::ostream& out, const Function& function) {
  return out << function.name;
}

// What opens and closes the file by its path.
template <class Open>
Function Opener(const char* name, Open open) {
  return {name, SystemCall::kOpen, [open](const fs::path& victim, int, int) -> ssize_t {
            const int fd = open(victim.c_str());
            return fd < 0 ? -1 : close(fd);
          }};
}

// What opens and closes it by its name in the folder.
template <class Open>
Function OpenerBelow(const char* name, Open open) {
  return {name, SystemCall::kOpen, [open](const fs::path&, int, int folder) -> ssize_t {
            const int fd = open(folder, "victim");
            return fd < 0 ? -1 : close(fd);
          }};
}

std::vector<Function> Openers() {
  return {
      Opener("open", [](const char* path) { return open(path, O_RDONLY); }),
      Opener("open64", [](const char* path) { return open64(path, O_RDONLY); }),
      Opener("open_2", [](const char* path) { return __open_2(path, O_RDONLY); }),
      Opener("open64_2", [](const char* path) { return __open64_2(path, O_RDONLY); }),
      OpenerBelow("openat", [](int at, const char* name) { return openat(at, name, O_RDONLY); }),
      OpenerBelow("openat64",
                  [](int at, const char* name) { return openat64(at, name, O_RDONLY); }),
      OpenerBelow("openat_2",
                  [](int at, const char* name) { return __openat_2(at, name, O_RDONLY); }),
      OpenerBelow("openat64_2",
                  [](int at, const char* name) { return __openat64_2(at, name, O_RDONLY); }),
  };
}

// What reads the file's first bytes.
template <class Read>
Function Reader(const char* name, Read read) {
  return {name, SystemCall::kRead, [read](const fs::path&, int fd, int) -> ssize_t {
            std::string bytes(4, '\0');
            const ssize_t got = read(fd, bytes.data(), bytes.size());
            EXPECT_TRUE(got < 0 || bytes == "cont") << bytes;
            return got;
          }};
}

std::vector<Function> Readers() {
  return {
      Reader("read", [](int fd, char* to, size_t size) { return read(fd, to, size); }),
      Reader("pread", [](int fd, char* to, size_t size) { return pread(fd, to, size, 0); }),
      Reader("pread64", [](int fd, char* to, size_t size) { return pread64(fd, to, size, 0); }),
      Reader("read_chk", [](int fd, char* to, size_t size) { return __read_chk(fd, to, size, 4); }),
      Reader("pread_chk",
             [](int fd, char* to, size_t size) { return __pread_chk(fd, to, size, 0, 4); }),
      Reader("pread64_chk",
             [](int fd, char* to, size_t size) { return __pread64_chk(fd, to, size, 0, 4); }),
  };
}

// What maps the file's first bytes.
template <class Map>
Function Mapper(const char* name, Map map) {
  return {name, SystemCall::kMap, [map](const fs::path&, int fd, int) -> ssize_t {
            void* const bytes = map(fd);
            if (bytes == MAP_FAILED) return -1;
            EXPECT_EQ(std::string(static_cast<const char*>(bytes), 4), "cont");
            return munmap(bytes, 4);
          }};
}

std::vector<Function> MappersAndSyncers() {
  const auto sync = [](auto call) {
    return [call](const fs::path&, int fd, int) -> ssize_t { return call(fd); };
  };
  return {
      Mapper("mmap", [](int fd) { return mmap(nullptr, 4, PROT_READ, MAP_SHARED, fd, 0); }),
      Mapper("mmap64", [](int fd) { return mmap64(nullptr, 4, PROT_READ, MAP_SHARED, fd, 0); }),
      {"fsync", SystemCall::kSync, sync(fsync)},
      {"fdatasync", SystemCall::kSync, sync(fdatasync)},
  };
}

// What writes three bytes, in two parts or in one.
template <class Write>
Function Writer(const char* name, Write write) {
  return {name, SystemCall::kWrite,
          [write](const fs::path&, int fd, int) -> ssize_t {
            char bytes[] = "new";
            iovec parts[] = {{bytes, 1}, {bytes + 1, 2}};
            return write(fd, parts);
          },
          [](const fs::path& victim) { EXPECT_EQ(ContentOf(victim), "newtent"); }};
}

std::vector<Function> Writers() {
  return {
      Writer("write", [](int fd, iovec* part) { return write(fd, part->iov_base, 3); }),
      Writer("writev", [](int fd, iovec* parts) { return writev(fd, parts, 2); }),
      Writer("pwrite", [](int fd, iovec* part) { return pwrite(fd, part->iov_base, 3, 0); }),
      Writer("pwrite64", [](int fd, iovec* part) { return pwrite64(fd, part->iov_base, 3, 0); }),
      Writer("pwritev", [](int fd, iovec* parts) { return pwritev(fd, parts, 2, 0); }),
      Writer("pwritev64", [](int fd, iovec* parts) { return pwritev64(fd, parts, 2, 0); }),
  };
}

template <class Resize>
Function Resizer(const char* name, SystemCall kind, uintmax_t size, Resize resize) {
  return {name, kind,
          [resize](const fs::path& victim, int fd, int) -> ssize_t {
            return resize(fd, victim.c_str());
          },
          [size](const fs::path& victim) { EXPECT_EQ(fs::file_size(victim), size); }};
}

// Tells an error that was returned as most functions do.
int ToErrno(int error) {
  if (error == 0) return 0;
  errno = error;
  return -1;
}

std::vector<Function> Resizers() {
  using enum SystemCall;
  using Path = const char*;
  return {
      Resizer("ftruncate", kTruncate, 3, [](int fd, Path) { return ftruncate(fd, 3); }),
      Resizer("ftruncate64", kTruncate, 3, [](int fd, Path) { return ftruncate64(fd, 3); }),
      Resizer("truncate", kTruncate, 3, [](int, Path path) { return truncate(path, 3); }),
      Resizer("truncate64", kTruncate, 3, [](int, Path path) { return truncate64(path, 3); }),
      Resizer("fallocate", kAllocate, 5000, [](int fd, Path) { return fallocate(fd, 0, 0, 5000); }),
      Resizer("fallocate64", kAllocate, 5000,
              [](int fd, Path) { return fallocate64(fd, 0, 0, 5000); }),
      Resizer("posix_fallocate", kAllocate, 5000,
              [](int fd, Path) { return ToErrno(posix_fallocate(fd, 0, 5000)); }),
      Resizer("posix_fallocate64", kAllocate, 5000,
              [](int fd, Path) { return ToErrno(posix_fallocate64(fd, 0, 5000)); }),
  };
}

// What makes the file "victim-2".
template <class Make>
Function Maker(const char* name, SystemCall kind, Make make) {
  return {name, kind,
          [make](const fs::path& victim, int, int folder) -> ssize_t {
            return make(folder, victim.string());
          },
          [](const fs::path& victim) { EXPECT_TRUE(fs::exists(victim.string() + "-2")); }};
}

// What removes the file.
template <class Remove>
Function Remover(const char* name, Remove remove) {
  return {name, SystemCall::kUnlink,
          [remove](const fs::path& victim, int, int folder) -> ssize_t {
            return remove(folder, victim.string());
          },
          [](const fs::path& victim) { EXPECT_FALSE(fs::exists(victim)); }};
}

std::vector<Function> MakersAndRemovers() {
  using enum SystemCall;
  using Path = const std::string&;
  return {
      Maker("rename", kRename,
            [](int, Path path) { return rename(path.c_str(), (path + "-2").c_str()); }),
      Maker("renameat", kRename,
            [](int folder, Path) { return renameat(folder, "victim", folder, "victim-2"); }),
      Maker("mkdir", kMakeDirectory,
            [](int, Path path) { return mkdir((path + "-2/").c_str(), 0700); }),
      Maker("mkdirat", kMakeDirectory,
            [](int folder, Path) { return mkdirat(folder, "victim-2", 0700); }),
      Maker("create_directory", kMakeDirectory,  // of a shared library
            [](int, Path path) {
              std::error_code error;
              fs::create_directory(path + "-2", error);
              return ToErrno(error.value());
            }),
      Remover("unlink", [](int, Path path) { return unlink(path.c_str()); }),
      Remover("remove", [](int, Path path) { return remove(path.c_str()); }),
      Remover("unlinkat", [](int folder, Path) { return unlinkat(folder, "victim", 0); }),
  };
}

std::vector<Function> AllFunctions() {
  std::vector<Function> all;
  for (const auto& some :
       {Openers(), Readers(), MappersAndSyncers(), Writers(), Resizers(), MakersAndRemovers()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

// A file "victim" with the content "content", open for reading and writing.
class SystemCalls : public ::testing::Test {
 protected:
  TemporaryDirectory directory_;
  const fs::path victim_ = [this] {
    Overwrite(directory_.path() / "victim", "content");
    return directory_.path() / "victim";
  }();
  const File file_{victim_, O_RDWR};
  const File folder_{directory_.path(), O_RDONLY | O_DIRECTORY};
};

class EachFunction : public SystemCalls, public ::testing::WithParamInterface<Function> {
 protected:
  ssize_t Call() { return GetParam().call(victim_, file_.fd(), folder_.fd()); }

  void ExpectItToWork() {
    EXPECT_GE(Call(), 0) << std::strerror(errno);
    GetParam().expect_its_work(victim_);
  }
};

TEST_P(EachFunction, DoesItsWork) { ExpectItToWork(); }

TEST_P(EachFunction, FailsAsAFaultSaysAndDoesNothing) {
  {
    const ScopedFault fault(
        {.call = GetParam().kind, .error = EDQUOT, .file_name_contains = "vic"});
    EXPECT_EQ(Call(), -1);
    EXPECT_EQ(errno, EDQUOT);
    EXPECT_EQ(fault.hits(), 1);
  }
  EXPECT_THAT(NamesIn(directory_.path()), ElementsAre("victim"));
  EXPECT_EQ(ContentOf(victim_), "content");
  ExpectItToWork();
}

TEST_P(EachFunction, IsNotHitByFaultsOfOtherFilesAndCalls) {
  {
    std::vector<std::unique_ptr<ScopedFault>> others;
    others.push_back(std::make_unique<ScopedFault>(
        Fault{.call = GetParam().kind, .error = EIO, .file_name_contains = "another"}));
    for (const SystemCall call : kSystemCalls) {
      if (call == GetParam().kind) continue;
      others.push_back(std::make_unique<ScopedFault>(
          Fault{.call = call, .error = EIO, .file_name_contains = "victim"}));
    }
    EXPECT_GE(Call(), 0) << std::strerror(errno);
    for (const auto& fault : others) EXPECT_EQ(fault->hits(), 0);
  }
  GetParam().expect_its_work(victim_);
}

INSTANTIATE_TEST_SUITE_P(SystemCalls, EachFunction, ValuesIn(AllFunctions()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(SystemCalls, AFaultCanSkipCallsAndEnd) {
  const ScopedFault fault(
      {.call = SystemCall::kSync, .error = EIO, .file_name_contains = "", .skip = 1, .times = 2});
  std::vector<int> results;
  for (int i = 0; i < 5; ++i) results.push_back(fsync(file_.fd()));
  EXPECT_THAT(results, ElementsAre(0, -1, -1, 0, 0));
  EXPECT_EQ(fault.hits(), 2);
}

TEST_F(SystemCalls, OfSeveralFaultsTheOldestDecides) {
  const ScopedFault older({.call = SystemCall::kSync, .error = EIO, .times = 1});
  const ScopedFault newer({.call = SystemCall::kSync, .error = ENOSPC, .times = 1});
  EXPECT_EQ(fsync(file_.fd()), -1);
  EXPECT_EQ(errno, EIO);
  EXPECT_EQ(newer.hits(), 0);
  EXPECT_EQ(fsync(file_.fd()), -1);
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_EQ(fsync(file_.fd()), 0);
}

TEST_F(SystemCalls, OfOtherThreadsFailToo) {
  const ScopedFault fault({.call = SystemCall::kSync, .error = EIO});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) EXPECT_EQ(fsync(file_.fd()), -1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fault.hits(), 400);
}

TEST_F(SystemCalls, AWriteCanEndEarly) {
  const ScopedFault fault({.call = SystemCall::kWrite, .times = 2, .bytes = 2});
  EXPECT_EQ(write(file_.fd(), "new", 3), 2);
  EXPECT_EQ(ContentOf(victim_), "nentent");
  char bytes[] = "123";
  const iovec parts[] = {{bytes, 1}, {bytes + 1, 2}};
  EXPECT_EQ(pwritev(file_.fd(), parts, 2, 4), 2);
  EXPECT_EQ(ContentOf(victim_), "nent12t");
  EXPECT_EQ(fault.hits(), 2);
}

TEST_F(SystemCalls, AWriteCanFailHalfway) {
  const ScopedFault fault({.call = SystemCall::kWrite, .error = EIO, .bytes = 2});
  EXPECT_EQ(pwrite(file_.fd(), "new", 3, 0), -1);
  EXPECT_EQ(errno, EIO);
  EXPECT_EQ(ContentOf(victim_), "nentent");
}

TEST_F(SystemCalls, AReadCanEndEarly) {
  const ScopedFault fault({.call = SystemCall::kRead, .bytes = 3});
  char bytes[] = "......";
  EXPECT_EQ(read(file_.fd(), bytes, 6), 3);
  EXPECT_EQ(std::string(bytes), "con...");
}

TEST_F(SystemCalls, AWriteThatSyncsIsAKindOfItsOwn) {
  const File synced(victim_, O_RDWR | O_DSYNC);
  const ScopedFault fault({.call = SystemCall::kSyncedWrite, .error = EIO});
  EXPECT_EQ(pwrite(file_.fd(), "new", 3, 0), 3);
  EXPECT_EQ(pwrite(synced.fd(), "new", 3, 0), -1);
  const ScopedFault any({.call = SystemCall::kWrite, .error = ENOSPC, .times = 1});
  EXPECT_EQ(pwrite(file_.fd(), "new", 3, 0), -1);
  EXPECT_EQ(fault.hits(), 1);
}

TEST_F(SystemCalls, AMappingOfNoFileHasNoName) {
  const auto map = [] {
    return mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  };
  const ScopedFault of_file(
      {.call = SystemCall::kMap, .error = ENOMEM, .file_name_contains = "victim"});
  void* const mapped = map();
  ASSERT_NE(mapped, MAP_FAILED);
  munmap(mapped, 4096);
  const ScopedFault of_any({.call = SystemCall::kMap, .error = ENOMEM});
  EXPECT_EQ(map(), MAP_FAILED);
}

}  // namespace
}  // namespace permacache::testing
