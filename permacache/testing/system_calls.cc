// Else the headers would define some of these functions themselves.
#undef _FORTIFY_SOURCE

#include "permacache/testing/system_calls.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <vector>

#include "permacache/testing/call_faults.h"
#include "permacache/testing/file_recorder.h"

namespace permacache::testing::internal {
namespace {

// The thread sanitizer's library maps memory before it is ready to follow what the program does.
// All that is called then must have this or be inlined, as atomic integers are.
#define PERMACACHE_NOT_FOLLOWED __attribute__((no_sanitize_thread))

static_assert(sizeof(off_t) == sizeof(off64_t), "each variant for 64 bits is the same function");

// The function of this name that would be called if this program did not define it.
template <class Function>
class Next {
 public:
  explicit constexpr Next(const char* name) : name_(name) {}

  template <class... Arguments>
  PERMACACHE_NOT_FOLLOWED auto operator()(Arguments... arguments) {
    uintptr_t address = address_.load(std::memory_order_relaxed);
    if (address == 0) {
      address = reinterpret_cast<uintptr_t>(dlsym(RTLD_NEXT, name_));
      if (address == 0) std::abort();
      address_.store(address, std::memory_order_relaxed);
    }
    return reinterpret_cast<Function*>(address)(arguments...);
  }

 private:
  const char* const name_;
  std::atomic<uintptr_t> address_ = 0;
};

// Calls come before variables are constructed that cannot be initialized by the compiler.
constinit Next<int(int, const char*, int, ...)> next_openat("openat");
constinit Next<ssize_t(int, void*, size_t)> next_read("read");
constinit Next<ssize_t(int, void*, size_t, off_t)> next_pread("pread");
constinit Next<ssize_t(int, const void*, size_t)> next_write("write");
constinit Next<ssize_t(int, const void*, size_t, off_t)> next_pwrite("pwrite");
constinit Next<ssize_t(int, const iovec*, int)> next_writev("writev");
constinit Next<ssize_t(int, const iovec*, int, off_t)> next_pwritev("pwritev");
constinit Next<int(int)> next_fsync("fsync");
constinit Next<int(int)> next_fdatasync("fdatasync");
constinit Next<int(int, const char*, int, const char*)> next_renameat("renameat");
constinit Next<int(int, const char*, int)> next_unlinkat("unlinkat");
constinit Next<int(int, const char*, mode_t)> next_mkdirat("mkdirat");
constinit Next<void*(void*, size_t, int, int, int, off_t)> next_mmap("mmap");
constinit Next<int(int, off_t)> next_ftruncate("ftruncate");
constinit Next<int(const char*, off_t)> next_truncate("truncate");
constinit Next<int(int, int, off_t, off_t)> next_fallocate("fallocate");
constinit Next<int(int, off_t, off_t)> next_posix_fallocate("posix_fallocate");

PERMACACHE_NOT_FOLLOWED bool IsWatched() { return observers.load(std::memory_order_acquire) > 0; }

// Whether the call shall fail; sets errno if so.
bool Fails(SystemCall call, std::initializer_list<Place> places) {
  const std::optional<Failure> failure = FailureOf(call, places);
  if (failure) errno = failure->error;
  return failure.has_value();
}

int Open(const Place& place, int flags, mode_t mode) {
  if (Fails(SystemCall::kOpen, {place})) return -1;
  const auto open = [&] { return next_openat(place.fd, place.name, flags, mode); };
  if ((flags & (O_CREAT | O_TRUNC)) == 0) return open();
  const Turn turn;
  if (!turn) return open();
  const bool existed = turn->Exists(place);
  const int fd = open();
  if (fd >= 0) turn->Opened(place, fd, existed, flags);
  return fd;
}

// Reads or writes `size` bytes, or what a fault leaves of them, by forward(size).
template <class Forward>
ssize_t Transfer(SystemCall call, int fd, size_t size, Forward forward) {
  const std::optional<Failure> failure = FailureOf(call, {{fd}});
  if (!failure) return forward(size);
  const ssize_t done = failure->bytes > 0 ? forward(std::min(failure->bytes, size)) : 0;
  if (failure->error == 0 || done < 0) return done;
  errno = failure->error;
  return -1;
}

template <class Forward>
ssize_t Read(int fd, size_t size, Forward forward) {
  return Transfer(SystemCall::kRead, fd, size, forward);
}

SystemCall KindOfWrite(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & (O_SYNC | O_DSYNC)) != 0 ? SystemCall::kSyncedWrite
                                                         : SystemCall::kWrite;
}

// The first `size` bytes of the parts.
std::vector<iovec> BeginOf(const iovec* parts, int count, size_t size) {
  std::vector<iovec> begin;
  for (int i = 0; i < count && size > 0; ++i) {
    begin.push_back({parts[i].iov_base, std::min(parts[i].iov_len, size)});
    size -= begin.back().iov_len;
  }
  return begin;
}

size_t SizeOf(const iovec* parts, int count) {
  size_t size = 0;
  for (int i = 0; i < count; ++i) size += parts[i].iov_len;
  return size;
}

// Writes the parts at `offset`, or where the descriptor stands if it is -1, by forward(parts).
template <class Forward>
ssize_t Write(int fd, const iovec* parts, int count, off_t offset, Forward forward) {
  if (!IsWatched()) return forward(parts, count);
  const size_t size = SizeOf(parts, count);
  if (size == 0) return forward(parts, count);
  return Transfer(KindOfWrite(fd), fd, size, [&](size_t part) {
    const std::vector<iovec> begin = BeginOf(parts, count, part);
    const Turn turn(fd);
    const ssize_t written = forward(begin.data(), static_cast<int>(begin.size()));
    if (turn && written > 0) turn->Wrote(fd, begin.data(), offset, static_cast<size_t>(written));
    return written;
  });
}

int Sync(int fd, Next<int(int)>& forward) {
  if (Fails(SystemCall::kSync, {{fd}})) return -1;
  const Turn turn(fd);
  const int result = forward(fd);
  if (turn && result == 0) turn->Synced(fd);
  return result;
}

int Rename(const Place& from, const Place& to) {
  if (Fails(SystemCall::kRename, {from, to})) return -1;
  const Turn turn;
  const int moved = turn ? turn->FileAt(from) : 0;
  const int replaced = turn ? turn->FileAt(to) : 0;
  const int result = next_renameat(from.fd, from.name, to.fd, to.name);
  if (turn && result == 0) turn->Renamed(from, to, moved, replaced);
  return result;
}

int Unlink(const Place& place, int flags) {
  if (Fails(SystemCall::kUnlink, {place})) return -1;
  const Turn turn;
  const int file = turn ? turn->FileAt(place) : 0;
  const int result = next_unlinkat(place.fd, place.name, flags);
  if (turn && result == 0) turn->Removed(place, file);
  return result;
}

int MakeDirectory(const Place& place, mode_t mode) {
  if (Fails(SystemCall::kMakeDirectory, {place})) return -1;
  const Turn turn;
  const int result = next_mkdirat(place.fd, place.name, mode);
  if (turn && result == 0) turn->MadeDirectory(place);
  return result;
}

void* Map(void* address, size_t size, int protection, int flags, int fd, off_t offset) {
  if (Fails(SystemCall::kMap, {{fd}})) return MAP_FAILED;
  return next_mmap(address, size, protection, flags, fd, offset);
}

template <class Forward>
int Truncate(const Place& place, Forward forward, off_t size) {
  if (Fails(SystemCall::kTruncate, {place})) return -1;
  const Turn turn;
  const int result = forward();
  if (turn && result == 0) turn->Resized(place, FileEvent::Kind::kTruncate, size);
  return result;
}

int Allocate(int fd, int mode, off_t offset, off_t size) {
  if (Fails(SystemCall::kAllocate, {{fd}})) return -1;
  const Turn turn(fd);
  const int result = next_fallocate(fd, mode, offset, size);
  // Other modes do not change the size.
  if (turn && result == 0 && mode == 0) {
    turn->Resized({fd}, FileEvent::Kind::kAllocate, offset + size);
  }
  return result;
}

// Returns the error, as posix_fallocate does.
int AllocateOrError(int fd, off_t offset, off_t size) {
  if (const auto failure = FailureOf(SystemCall::kAllocate, {{fd}})) return failure->error;
  const Turn turn(fd);
  const int error = next_posix_fallocate(fd, offset, size);
  if (turn && error == 0) turn->Resized({fd}, FileEvent::Kind::kAllocate, offset + size);
  return error;
}

// The mode that follows the flags of open if they ask for one.
mode_t ModeAfter(int flags, va_list arguments) {
  const bool has_mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return has_mode ? va_arg(arguments, mode_t) : 0;
}

}  // namespace
}  // namespace permacache::testing::internal

namespace calls = permacache::testing::internal;

// noexcept as the headers have it.
extern "C" {

int open(const char* name, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = calls::ModeAfter(flags, arguments);
  va_end(arguments);
  return calls::Open({AT_FDCWD, name}, flags, mode);
}

int openat(int directory, const char* name, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = calls::ModeAfter(flags, arguments);
  va_end(arguments);
  return calls::Open({directory, name}, flags, mode);
}

ssize_t read(int fd, void* bytes, size_t size) {
  return calls::Read(fd, size, [=](size_t part) { return calls::next_read(fd, bytes, part); });
}

ssize_t pread(int fd, void* bytes, size_t size, off_t offset) {
  return calls::Read(fd, size,
                     [=](size_t part) { return calls::next_pread(fd, bytes, part, offset); });
}

ssize_t write(int fd, const void* bytes, size_t size) {
  const iovec whole = {const_cast<void*>(bytes), size};
  return calls::Write(fd, &whole, 1, -1, [=](const iovec* part, int) {
    return calls::next_write(fd, part->iov_base, part->iov_len);
  });
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  const iovec whole = {const_cast<void*>(bytes), size};
  return calls::Write(fd, &whole, 1, offset, [=](const iovec* part, int) {
    return calls::next_pwrite(fd, part->iov_base, part->iov_len, offset);
  });
}

ssize_t writev(int fd, const iovec* parts, int count) {
  return calls::Write(fd, parts, count, -1, [=](const iovec* begin, int length) {
    return calls::next_writev(fd, begin, length);
  });
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  return calls::Write(fd, parts, count, offset, [=](const iovec* begin, int length) {
    return calls::next_pwritev(fd, begin, length, offset);
  });
}

int fsync(int fd) { return calls::Sync(fd, calls::next_fsync); }
int fdatasync(int fd) { return calls::Sync(fd, calls::next_fdatasync); }

int rename(const char* from, const char* to) noexcept {
  return calls::Rename({AT_FDCWD, from}, {AT_FDCWD, to});
}

int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  return calls::Rename({from_directory, from}, {to_directory, to});
}

int unlink(const char* name) noexcept { return calls::Unlink({AT_FDCWD, name}, 0); }

int unlinkat(int directory, const char* name, int flags) noexcept {
  return calls::Unlink({directory, name}, flags);
}

int rmdir(const char* name) noexcept { return calls::Unlink({AT_FDCWD, name}, AT_REMOVEDIR); }

int remove(const char* name) noexcept {
  const int result = unlink(name);
  return result != 0 && errno == EISDIR ? rmdir(name) : result;
}

int mkdir(const char* name, mode_t mode) noexcept {
  return calls::MakeDirectory({AT_FDCWD, name}, mode);
}

int mkdirat(int directory, const char* name, mode_t mode) noexcept {
  return calls::MakeDirectory({directory, name}, mode);
}

PERMACACHE_NOT_FOLLOWED
void* mmap(void* address, size_t size, int protection, int flags, int fd, off_t offset) noexcept {
  if (!calls::IsWatched()) {
    return calls::next_mmap(address, size, protection, flags, fd, offset);
  }
  return calls::Map(address, size, protection, flags, fd, offset);
}

int ftruncate(int fd, off_t size) noexcept {
  return calls::Truncate(
      {fd}, [=] { return calls::next_ftruncate(fd, size); }, size);
}

int truncate(const char* name, off_t size) noexcept {
  return calls::Truncate(
      {AT_FDCWD, name}, [=] { return calls::next_truncate(name, size); }, size);
}

int fallocate(int fd, int mode, off_t offset, off_t size) {
  return calls::Allocate(fd, mode, offset, size);
}

int posix_fallocate(int fd, off_t offset, off_t size) {
  return calls::AllocateOrError(fd, offset, size);
}

// What the headers make of the above.
int open64(const char*, int, ...) __attribute__((alias("open")));
int openat64(int, const char*, int, ...) __attribute__((alias("openat")));
ssize_t pread64(int, void*, size_t, off64_t) __attribute__((alias("pread")));
ssize_t pwrite64(int, const void*, size_t, off64_t) __attribute__((alias("pwrite")));
ssize_t pwritev64(int, const iovec*, int, off64_t) __attribute__((alias("pwritev")));
void* mmap64(void*, size_t, int, int, int, off64_t) noexcept __attribute__((alias("mmap")));
int ftruncate64(int, off64_t) noexcept __attribute__((alias("ftruncate")));
int truncate64(const char*, off64_t) noexcept __attribute__((alias("truncate")));
int fallocate64(int, int, off64_t, off64_t) __attribute__((alias("fallocate")));
int posix_fallocate64(int, off64_t, off64_t) __attribute__((alias("posix_fallocate")));

int __open_2(const char* name, int flags) { return open(name, flags); }
int __open64_2(const char* name, int flags) { return open(name, flags); }
int __openat_2(int directory, const char* name, int flags) {
  return openat(directory, name, flags);
}
int __openat64_2(int directory, const char* name, int flags) {
  return openat(directory, name, flags);
}
ssize_t __read_chk(int fd, void* bytes, size_t size, size_t room) {
  if (size > room) std::abort();
  return read(fd, bytes, size);
}
ssize_t __pread_chk(int fd, void* bytes, size_t size, off_t offset, size_t room) {
  if (size > room) std::abort();
  return pread(fd, bytes, size, offset);
}
ssize_t __pread64_chk(int fd, void* bytes, size_t size, off64_t offset, size_t room) {
  if (size > room) std::abort();
  return pread(fd, bytes, size, offset);
}

}  // extern "C"
