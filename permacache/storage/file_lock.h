// Mutual exclusion between the threads of all processes, by the kernel's lock on a file or folder.
//
// LMDB has robust mutexes in shared memory for that, which cannot be relied on alone: Linux may
// wake one waiter, and if that is killed before it has taken the mutex, nobody is woken in its
// place, and the others wait until somebody takes the mutex and releases it. The kernel's own lock
// goes on to who waits for it whoever is killed (flock(2)).
#ifndef PERMACACHE_STORAGE_FILE_LOCK_H_
#define PERMACACHE_STORAGE_FILE_LOCK_H_

#include <filesystem>
#include <mutex>

#include "absl/status/status.h"

namespace permacache::storage {

// Thread-safe once it is open.
class FileLock {
 public:
  FileLock() = default;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() { Close(); }

  // What is locked is the file or folder that has this name now, which must be readable.
  absl::Status Open(const std::filesystem::path& path);

  // Waits until nobody else holds the lock. Returns the system's error number, 0 for none.
  int Lock();

  void Unlock();

  // Nobody may use it from now on. A forked child must call this, as it would else hold, as long as
  // it lives, what its parent held at that moment.
  void Close();

 private:
  std::mutex mutex_;  // the kernel does not tell threads apart that share what they have opened
  int fd_ = -1;
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_FILE_LOCK_H_
