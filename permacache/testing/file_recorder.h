// Writes down what the calls that system_calls.cc sees do to files. Private to :system_calls.
#ifndef PERMACACHE_TESTING_FILE_RECORDER_H_
#define PERMACACHE_TESTING_FILE_RECORDER_H_

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "permacache/testing/call_faults.h"
#include "permacache/testing/system_calls.h"

namespace permacache::testing::internal {

// Its methods are called through a Turn, which covers the call itself, too: so what calls do and
// the order in which they are written down agree. Each is told of a call that succeeded. Calls that
// would make the recording wrong end the program.
class FileRecorder {
 public:
  explicit FileRecorder(const std::filesystem::path& directory);

  bool Exists(const Place& place) const;
  void Opened(const Place& place, int fd, bool existed, int flags);

  // `offset` is that of the parts' begin, or -1: they end where the descriptor stands now.
  void Wrote(int fd, const iovec* parts, off_t offset, size_t size);
  void Resized(const Place& place, FileEvent::Kind kind, off_t size);
  void Synced(int fd);

  // The number of a recorded file, 0 for any other. Asked before it is renamed or removed.
  int FileAt(const Place& place) const;
  void Renamed(const Place& from, const Place& to, int moved, int replaced);
  void Removed(const Place& place, int file);
  void MadeDirectory(const Place& place);

  const std::vector<FileEvent>& events() const { return events_; }

 private:
  using Identity = std::pair<dev_t, ino_t>;

  std::optional<std::filesystem::path> PathBelow(const Place& place) const;
  void Forget(int file);

  const std::string root_;
  std::map<Identity, int> files_;  // that exist
  int last_file_ = 0;
  std::vector<FileEvent> events_;
};

// The right to do and to write down a call, while a recording runs.
class Turn {
 public:
  Turn();

  // A turn only for a file or a directory: others may block for ever.
  explicit Turn(int fd);

  explicit operator bool() const { return recorder_ != nullptr; }
  FileRecorder* operator->() const { return recorder_; }

 private:
  std::unique_lock<std::mutex> lock_;
  FileRecorder* recorder_ = nullptr;
};

}  // namespace permacache::testing::internal

#endif  // PERMACACHE_TESTING_FILE_RECORDER_H_
