// System calls that fail on purpose or are written down, in code that knows nothing of it.
//
// A program linked with this library uses its definitions of the functions below, with their
// variants for 64 bits and for _FORTIFY_SOURCE, which forward to those of the C library. So does
// everything in the program: LMDB in its archive, the C++ library, which is shared. Only what the C
// library calls by itself, as in fopen and opendir, is not seen, nor what is written through
// memory.
//
// Thread safety: everything here may be used from any thread. A process that was forked while
// another of its threads was in one of these calls must not use them.
#ifndef PERMACACHE_TESTING_SYSTEM_CALLS_H_
#define PERMACACHE_TESTING_SYSTEM_CALLS_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace permacache::testing {

enum class SystemCall {
  kOpen,           // open, openat
  kRead,           // read, pread
  kWrite,          // write, writev, pwrite, pwritev
  kSyncedWrite,    // those of them whose descriptor was opened with O_SYNC or O_DSYNC
  kSync,           // fsync, fdatasync
  kRename,         // rename, renameat
  kUnlink,         // unlink, unlinkat, rmdir, remove
  kMakeDirectory,  // mkdir, mkdirat
  kMap,            // mmap
  kTruncate,       // ftruncate, truncate
  kAllocate,       // fallocate, posix_fallocate
};

// Which calls fail, and how.
struct Fault {
  SystemCall call;  // kWrite is any write
  int error = 0;    // the call's errno; with 0 it succeeds, having read or written only `bytes`
  std::string file_name_contains = "";          // its path, or one of its paths, has this text
  int skip = 0;                                 // so many of them succeed before
  int times = std::numeric_limits<int>::max();  // so many fail
  size_t bytes = 0;                             // read or written all the same, before the error
};

namespace internal {
struct ActiveFault;
class FileRecorder;
}  // namespace internal

// Calls fail as long as this lives. Where several are meant for a call, the oldest decides.
class ScopedFault {
 public:
  explicit ScopedFault(Fault fault);
  ScopedFault(const ScopedFault&) = delete;
  ScopedFault& operator=(const ScopedFault&) = delete;
  ~ScopedFault();

  // How many calls have failed, or done less than they should, by now.
  int hits() const;

 private:
  const std::shared_ptr<internal::ActiveFault> fault_;
};

// A system call that succeeded and changed something, or made a change durable.
struct FileEvent {
  enum class Kind {
    kMakeDirectory,
    kCreate,  // of an empty file
    kRename,  // of a file to new_path
    kRemove,  // of a file's name, or of a directory
    kWrite,
    kTruncate,  // to `size`
    kAllocate,  // of at least `size`: a smaller file grows
    kSync,
  };

  Kind kind;
  int file = 0;                     // the same number through all renames; 0 for a directory
  std::filesystem::path path = {};  // below the recorded directory, which is "" itself
  std::filesystem::path new_path = {};
  uint64_t offset = 0;  // of `bytes`
  std::string bytes = {};
  bool is_synced = false;  // a write that waits until the disk has it
  uint64_t size = 0;
};

// Writes down what happens below a directory, which must exist and be empty. What goes on at the
// same time in several threads takes turns. Only one recording can run at a time.
class ScopedRecording {
 public:
  explicit ScopedRecording(const std::filesystem::path& directory);
  ScopedRecording(const ScopedRecording&) = delete;
  ScopedRecording& operator=(const ScopedRecording&) = delete;
  ~ScopedRecording();

  // How many events there are by now.
  size_t position() const;

  std::vector<FileEvent> events() const;

 private:
  const std::unique_ptr<internal::FileRecorder> recorder_;
};

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTING_SYSTEM_CALLS_H_
