#include "permacache/storage/file_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "permacache/storage/entry_name.h"
#include "permacache/storage/envelope.h"
#include "permacache/storage/json_entry.h"

namespace permacache::storage {
namespace {

// Larger than this is no file that a store made.
constexpr size_t kLargestFile = (size_t{1} << 31) - (size_t{1} << 20);

// Longer than processes sleep between two writes to one file. One that does sleep longer finds its
// file gone, and writes another.
constexpr int64_t kSecondsUntilLeftOver = 3600;

// Someone may delete the folder, or sweep the file, while it is written.
constexpr int kAttempts = 3;

constexpr size_t kEnoughToRecognize = 16;  // bytes

constexpr std::string_view kTemporaryBegin = ".writing-";

absl::Status ErrorOf(int error, std::string_view doing, const std::filesystem::path& path) {
  const std::string message = absl::StrCat("cannot ", std::string(doing), " ", path.string());
  absl::Status status = absl::ErrnoToStatus(error, message);
  if (error == EROFS) return absl::PermissionDeniedError(status.message());
  if (error == EDQUOT || error == EFBIG) return absl::ResourceExhaustedError(status.message());
  return status;
}

// A file descriptor, closed with the object.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }

  int fd() const { return fd_; }

 private:
  int fd_;
};

absl::StatusOr<File> OpenFolder(const std::filesystem::path& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrorOf(errno, "open", folder);
  return File(fd);
}

absl::Status SyncFolder(int fd, const std::filesystem::path& folder) {
  // Some network file systems cannot sync a folder, and need not.
  if (fsync(fd) == 0 || errno == EINVAL) return absl::OkStatus();
  return ErrorOf(errno, "sync", folder);
}

// Makes the folder and those above it, durably, for this user alone.
absl::Status MakeFolder(const std::filesystem::path& folder) {
  if (mkdir(folder.c_str(), 0700) != 0) {
    if (errno == EEXIST) return absl::OkStatus();  // if it is a file, opening it will tell
    if (errno != ENOENT || !folder.has_relative_path()) return ErrorOf(errno, "make", folder);
    if (absl::Status made = MakeFolder(folder.parent_path()); !made.ok()) return made;
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return ErrorOf(errno, "make", folder);
  }
  const std::filesystem::path above = folder.has_parent_path() ? folder.parent_path() : ".";
  const absl::StatusOr<File> parent = OpenFolder(above);
  // Who may not read it made the folder all the same.
  return parent.ok() ? SyncFolder(parent->fd(), above) : absl::OkStatus();
}

absl::StatusOr<File> MakeAndOpenFolder(const std::filesystem::path& folder) {
  absl::StatusOr<File> opened = OpenFolder(folder);
  if (!absl::IsNotFound(opened.status())) return opened;
  if (absl::Status made = MakeFolder(folder); !made.ok()) return made;
  return OpenFolder(folder);
}

absl::Status WriteAll(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrorOf(errno, "write", path);
    bytes.remove_prefix(written);
  }
  return absl::OkStatus();
}

// Fills `bytes` from `size` on, and cuts them where the file ends.
absl::Status ReadAll(int fd, std::string& bytes, size_t size, const std::filesystem::path& path) {
  while (size < bytes.size()) {
    const ssize_t got = read(fd, bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrorOf(errno, "read", path);
    if (got == 0) break;
    size += got;
  }
  bytes.resize(size);
  return absl::OkStatus();
}

// Nobody else has it: neither another process, nor one of another machine.
absl::StatusOr<std::string> TemporaryName() {
  std::array<unsigned char, 8> random;
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return absl::ErrnoToStatus(errno, "cannot get random bytes");
  }
  std::string name(kTemporaryBegin);
  for (const unsigned char byte : random) {
    absl::StrAppend(&name, absl::Hex(byte, absl::kZeroPad2));
  }
  return name;
}

// Calls visit(name) for each file in the folder.
absl::Status ForEachName(const std::filesystem::path& folder,
                         absl::FunctionRef<void(const char*)> visit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(folder.c_str()), closedir);
  if (stream == nullptr) return ErrorOf(errno, "open", folder);
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(stream.get());
    if (entry == nullptr) break;
    visit(entry->d_name);
  }
  return errno == 0 ? absl::OkStatus() : ErrorOf(errno, "read", folder);
}

std::string Seal(std::string_view key, const Record& record, FileFormat format) {
  if (format == FileFormat::kJson) return SealJsonEntry(key, record);
  return SealEnvelope(key, record,
                      format == FileFormat::kZstd ? Compression::kZstd : Compression::kNone);
}

absl::StatusOr<bool> OpenSealed(std::string_view bytes, std::string_view key,
                                absl::FunctionRef<void(const Record&)> visit) {
  return IsJsonEntry(bytes) ? OpenJsonEntry(bytes, key, visit) : OpenEnvelope(bytes, key, visit);
}

}  // namespace

FileStore::FileStore(const FileStoreOptions& options)
    : folder_(options.directory / absl::StrCat("v", options.version)), format_(options.format) {}

// The content of an entry's file; kNotFound if there is none.
absl::StatusOr<std::string> FileStore::Read(std::string_view name) const {
  const std::filesystem::path path = folder_ / name;
  // Neither to wait for a pipe's writer nor to be led elsewhere.
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  const int error = errno;
  const auto refuse = [&](std::string_view why) {
    return absl::DataLossError(absl::StrCat(path.string(), " ", std::string(why)));
  };
  if (file.fd() < 0 && (error == ELOOP || error == ENXIO)) return refuse("is not a regular file");
  if (file.fd() < 0) return ErrorOf(error, "open", path);
  struct stat info;
  if (fstat(file.fd(), &info) != 0) return ErrorOf(errno, "look at", path);
  if (!S_ISREG(info.st_mode)) return refuse("is not a regular file");
  if (static_cast<uint64_t>(info.st_size) > kLargestFile)
    return refuse("is too large for a record");

  // A hole in a file may be large and take no disk; it shall not take memory either.
  std::string bytes(std::min<size_t>(info.st_size, kEnoughToRecognize), '\0');
  if (absl::Status status = ReadAll(file.fd(), bytes, 0, path); !status.ok()) return status;
  if (!IsEnvelope(bytes) && !IsJsonEntry(bytes)) return refuse("is not a record");
  const size_t recognized = bytes.size();
  bytes.resize(info.st_size);
  if (absl::Status status = ReadAll(file.fd(), bytes, recognized, path); !status.ok()) {
    return status;
  }
  return bytes;
}

absl::StatusOr<bool> FileStore::Get(std::string_view key,
                                    absl::FunctionRef<void(const Record&)> visit) {
  const std::string name = EntryName(key);
  const absl::StatusOr<std::string> bytes = Read(name);
  if (absl::IsNotFound(bytes.status())) return false;
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<bool> found = OpenSealed(*bytes, key, visit);
  if (found.ok()) return found;
  return absl::Status(found.status().code(),
                      absl::StrCat((folder_ / name).string(), ": ", found.status().message()));
}

absl::Status FileStore::Put(std::string_view key, const Record& record) {
  size_t size = key.size() + record.value.size();
  std::string bytes;
  if (size <= kLargestFile) {
    bytes = Seal(key, record, format_);
    size = bytes.size();
  }
  if (size > kLargestFile) {
    return absl::ResourceExhaustedError(
        absl::StrCat(folder_.string(), ": a record of ", size,
                     " bytes is too large for this store, which takes up to ", kLargestFile));
  }
  absl::Status written;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const absl::StatusOr<File> folder = MakeAndOpenFolder(folder_);
    written = folder.ok() ? Write(folder->fd(), EntryName(key), bytes) : folder.status();
    if (!absl::IsNotFound(written)) break;
  }
  return written;
}

absl::Status FileStore::Write(int folder, std::string_view name, std::string_view bytes) {
  const absl::StatusOr<std::string> temporary = TemporaryName();
  if (!temporary.ok()) return temporary.status();
  const std::filesystem::path path = folder_ / *temporary;
  const File file(
      openat(folder, temporary->c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.fd() < 0) return ErrorOf(errno, "make", path);
  absl::Cleanup remove = [&] { unlinkat(folder, temporary->c_str(), 0); };
  if (!has_swept_.exchange(true)) SweepLeftovers(folder, file.fd());

  if (absl::Status status = WriteAll(file.fd(), bytes, path); !status.ok()) return status;
  if (fsync(file.fd()) != 0) return ErrorOf(errno, "sync", path);
  if (renameat(folder, temporary->c_str(), folder, std::string(name).c_str()) != 0) {
    return ErrorOf(errno, "rename a file to", folder_ / name);
  }
  std::move(remove).Cancel();
  return SyncFolder(folder, folder_);
}

// Removes what others began to write and did not touch for long before `written` was made. A
// living writer writes on, or has renamed its file.
void FileStore::SweepLeftovers(int folder, int written) {
  struct stat now;
  if (fstat(written, &now) != 0) return;
  const absl::Status ignored = ForEachName(folder_, [&](const char* name) {
    if (!std::string_view(name).starts_with(kTemporaryBegin)) return;
    struct stat info;
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) return;
    if (now.st_mtime - info.st_mtime > kSecondsUntilLeftOver) unlinkat(folder, name, 0);
  });
}

absl::StatusOr<bool> FileStore::Erase(std::string_view key) {
  const std::string name = EntryName(key);
  const absl::StatusOr<std::string> bytes = Read(name);
  if (absl::IsNotFound(bytes.status())) return false;
  if (bytes.ok()) {
    // What cannot be read is as good as erased; only another key's record stays.
    const absl::StatusOr<bool> same = OpenSealed(*bytes, key, [](const Record&) {});
    if (same.ok() && !*same) return false;
  }
  const absl::StatusOr<File> folder = OpenFolder(folder_);
  if (!folder.ok()) return folder.status();
  if (unlinkat(folder->fd(), name.c_str(), 0) != 0) {
    if (errno == ENOENT) return false;
    return ErrorOf(errno, "remove", folder_ / name);
  }
  if (absl::Status status = SyncFolder(folder->fd(), folder_); !status.ok()) return status;
  return true;
}

absl::Status FileStore::Clear() {
  const absl::StatusOr<File> folder = OpenFolder(folder_);
  if (absl::IsNotFound(folder.status())) return absl::OkStatus();
  if (!folder.ok()) return folder.status();
  absl::Status removed;
  const absl::Status read = ForEachName(folder_, [&](const char* name) {
    if (!IsEntryName(name) || unlinkat(folder->fd(), name, 0) == 0) return;
    // Someone else may have been faster; folders are not entries, whatever their names.
    if (errno != ENOENT && errno != EISDIR)
      removed.Update(ErrorOf(errno, "remove", folder_ / name));
  });
  if (!read.ok()) return read;
  if (!removed.ok()) return removed;
  return SyncFolder(folder->fd(), folder_);
}

absl::StatusOr<int64_t> FileStore::Size() {
  int64_t size = 0;
  const absl::Status status =
      ForEachName(folder_, [&](const char* name) { size += IsEntryName(name); });
  if (absl::IsNotFound(status)) return 0;
  if (!status.ok()) return status;
  return size;
}

}  // namespace permacache::storage
