#include "permacache/storage/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"

namespace permacache::storage {
namespace {

constexpr int64_t kSecondsUntilLeftBehind = 3600;

constexpr std::string_view kTemporaryBegin = ".writing-";

absl::Status MakeFolder(const std::filesystem::path& path) {
  if (mkdir(path.c_str(), 0700) != 0) {
    if (errno == EEXIST) return absl::OkStatus();  // if it is a file, opening it will tell
    if (errno != ENOENT || !path.has_relative_path()) return ErrorOf(errno, "make", path);
    if (absl::Status made = MakeFolder(path.parent_path()); !made.ok()) return made;
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return ErrorOf(errno, "make", path);
  }
  const absl::StatusOr<Folder> above =
      Folder::Open(path.has_parent_path() ? path.parent_path() : ".");
  // Who may not read it made the folder all the same.
  return above.ok() ? above->Sync() : absl::OkStatus();
}

}  // namespace

absl::Status ErrorOf(int error, std::string_view doing, const std::filesystem::path& path) {
  const std::string message = absl::StrCat("cannot ", std::string(doing), " ", path.string());
  absl::Status status = absl::ErrnoToStatus(error, message);
  if (error == EROFS) return absl::PermissionDeniedError(status.message());
  if (error == EDQUOT || error == EFBIG) return absl::ResourceExhaustedError(status.message());
  return status;
}

File::~File() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<Folder> Folder::Open(const std::filesystem::path& path) {
  File file(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.fd() < 0) return ErrorOf(errno, "open", path);
  return Folder(std::move(file), path);
}

absl::StatusOr<Folder> Folder::MakeAndOpen(const std::filesystem::path& path) {
  absl::StatusOr<Folder> opened = Open(path);
  if (!absl::IsNotFound(opened.status())) return opened;
  if (absl::Status made = MakeFolder(path); !made.ok()) return made;
  return Open(path);
}

absl::Status Folder::Sync() const {
  // Some network file systems cannot sync a folder, and need not.
  if (fsync(fd()) == 0 || errno == EINVAL) return absl::OkStatus();
  return ErrorOf(errno, "sync", path_);
}

absl::StatusOr<TemporaryFile> TemporaryFile::Make(const Folder& folder) {
  const absl::StatusOr<uint64_t> number = UniqueNumber();
  if (!number.ok()) return number.status();
  std::string name =
      absl::StrCat(std::string(kTemporaryBegin), absl::Hex(*number, absl::kZeroPad16));
  File file(openat(folder.fd(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.fd() < 0) return ErrorOf(errno, "make", folder.path() / name);
  return TemporaryFile(folder, std::move(name), std::move(file));
}

TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept
    : folder_(other.folder_),
      name_(std::exchange(other.name_, std::string())),
      file_(std::move(other.file_)) {}

TemporaryFile::~TemporaryFile() {
  if (!name_.empty()) unlinkat(folder_->fd(), name_.c_str(), 0);
}

absl::Status TemporaryFile::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrorOf(errno, "write", folder_->path() / name_);
    bytes.remove_prefix(written);
  }
  return absl::OkStatus();
}

bool TemporaryFile::CopyFrom(int file, size_t size) {
  struct stat info;
  if (ioctl(fd(), FICLONE, file) == 0) {
    return fstat(fd(), &info) == 0 && info.st_size == static_cast<off_t>(size);
  }
  // Not by the descriptors' own offsets: that of `file` is somebody else's.
  for (off_t from = 0, to = 0; from < static_cast<off_t>(size);) {
    const ssize_t copied = copy_file_range(file, &from, fd(), &to, size - from, 0);
    if (copied < 0 && errno == EINTR) continue;
    if (copied <= 0) return false;
  }
  return true;
}

absl::Status TemporaryFile::MakeEmpty() {
  if (ftruncate(fd(), 0) != 0 || lseek(fd(), 0, SEEK_SET) != 0) {
    return ErrorOf(errno, "truncate", folder_->path() / name_);
  }
  return absl::OkStatus();
}

absl::Status TemporaryFile::Sync() {
  if (fsync(fd()) != 0) return ErrorOf(errno, "sync", folder_->path() / name_);
  return absl::OkStatus();
}

absl::Status TemporaryFile::RenameTo(std::string_view name) {
  if (renameat(folder_->fd(), name_.c_str(), folder_->fd(), std::string(name).c_str()) != 0) {
    return ErrorOf(errno, "rename a file to", folder_->path() / name);
  }
  name_.clear();
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> UniqueNumber() {
  uint64_t number;
  if (getrandom(&number, sizeof(number), 0) != static_cast<ssize_t>(sizeof(number))) {
    return absl::ErrnoToStatus(errno, "cannot get random bytes");
  }
  return number;
}

absl::StatusOr<File> OpenToRead(const std::filesystem::path& path, int flags, struct stat* info) {
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  int fd = open(path.c_str(), kFlags | flags);
  if (fd < 0 && errno == EPERM) fd = open(path.c_str(), kFlags);  // O_NOATIME is for the owner
  const int error = errno;
  File file(fd);
  const bool is_open = file.fd() >= 0;
  if (is_open && fstat(file.fd(), info) != 0) return ErrorOf(errno, "look at", path);
  if (is_open ? !S_ISREG(info->st_mode) : error == ELOOP || error == ENXIO) {
    return absl::DataLossError(absl::StrCat(path.string(), " is not a regular file"));
  }
  if (!is_open) return ErrorOf(error, "open", path);
  return file;
}

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

bool IsLeftBehind(const struct stat& file, const struct stat& now) {
  return now.st_mtime - file.st_mtime > kSecondsUntilLeftBehind;
}

void SweepTemporaries(const Folder& folder, const struct stat& now) {
  const absl::Status ignored = ForEachName(folder.path(), [&](const char* name) {
    if (!std::string_view(name).starts_with(kTemporaryBegin)) return;
    struct stat info;
    if (fstatat(folder.fd(), name, &info, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (S_ISREG(info.st_mode) && IsLeftBehind(info, now)) unlinkat(folder.fd(), name, 0);
  });
}

}  // namespace permacache::storage
