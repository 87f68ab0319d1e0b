// Files that are there whole or not at all: written under a temporary name, synced, renamed.
//
// Errors are statuses that name the path: kResourceExhausted for a full disk, kPermissionDenied
// where nothing may be written, else what the system says. Functions, safe from any thread.
#ifndef PERMACACHE_STORAGE_FILES_H_
#define PERMACACHE_STORAGE_FILES_H_

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace permacache::storage {

// What the system's error number means while doing something with a path.
absl::Status ErrorOf(int error, std::string_view doing, const std::filesystem::path& path);

// A file descriptor, closed with the object.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~File();

  int fd() const { return fd_; }

 private:
  int fd_;
};

// A folder that is open, so that its files can be reached wherever it is moved to.
class Folder {
 public:
  static absl::StatusOr<Folder> Open(const std::filesystem::path& path);

  // Makes it and those above it, durably and for this user alone, if they do not exist.
  static absl::StatusOr<Folder> MakeAndOpen(const std::filesystem::path& path);

  int fd() const { return file_.fd(); }
  const std::filesystem::path& path() const { return path_; }

  // From now on a crash takes back no change of names that was made in it.
  absl::Status Sync() const;

 private:
  Folder(File file, const std::filesystem::path& path) : file_(std::move(file)), path_(path) {}

  File file_;
  std::filesystem::path path_;
};

// A file that is being written under a temporary name, by which later processes can tell that it
// was left behind. Removed with the object unless it has been renamed.
class TemporaryFile {
 public:
  static absl::StatusOr<TemporaryFile> Make(const Folder& folder);  // which must outlive it
  TemporaryFile(TemporaryFile&& other) noexcept;
  ~TemporaryFile();

  int fd() const { return file_.fd(); }

  absl::Status Append(std::string_view bytes);

  // Takes over the content of another file, which must be `size` bytes: shares its blocks where the
  // file system can, else lets the kernel copy them. Returns whether it could; if not, the file may
  // have part of it. What comes may be neither what the other file was before nor what it is after.
  bool CopyFrom(int file, size_t size);

  // What is written next is its begin.
  absl::Status MakeEmpty();

  absl::Status Sync();

  // In place of another of this name.
  absl::Status RenameTo(std::string_view name);

 private:
  TemporaryFile(const Folder& folder, std::string name, File file)
      : folder_(&folder), name_(std::move(name)), file_(std::move(file)) {}

  const Folder* folder_;
  std::string name_;  // empty once it has been renamed
  File file_;
};

// 64 random bits: nobody else has them, neither another process, nor one of another machine.
absl::StatusOr<uint64_t> UniqueNumber();

// Opens a file to be read. With flags besides those it needs, such as O_NOATIME. kNotFound if there
// is none, kDataLoss if it is not a regular file: neither to wait for a pipe's writer nor to be led
// elsewhere.
absl::StatusOr<File> OpenToRead(const std::filesystem::path& path, int flags, struct stat* info);

// Fills `bytes` from `size` on, and cuts them where the file ends.
absl::Status ReadAll(int fd, std::string& bytes, size_t size, const std::filesystem::path& path);

// Calls visit(name) for each file in the folder; kNotFound if there is no folder.
absl::Status ForEachName(const std::filesystem::path& folder,
                         absl::FunctionRef<void(const char*)> visit);

// Whether a file has not been changed for so long, by the clock of the file system, whose time is
// that of `now`, a file that was just written, that it was left behind by a process that died.
// Longer than processes sleep between two writes to one file.
bool IsLeftBehind(const struct stat& file, const struct stat& now);

// Removes temporary files that were left behind.
void SweepTemporaries(const Folder& folder, const struct stat& now);

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_FILES_H_
