// How an LMDB data file is opened: the part of LmdbFile that comes before the first transaction.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "permacache/storage/address_space.h"
#include "permacache/storage/lmdb_check.h"
#include "permacache/storage/lmdb_file.h"

namespace permacache::storage {
namespace {

// Enough for kMaxReaders slots, of a cache line each, and the header before them.
constexpr off_t kLockFileSize = 128 << 10;
constexpr unsigned kMaxReaders = 1024;
constexpr unsigned kMaxGenerations = 1024;
constexpr mdb_mode_t kFileMode = 0600;

// A file that another process is creating at this moment looks damaged for as long.
constexpr int kChecksBeforeDamaged = 10;
constexpr auto kPauseBetweenChecks = std::chrono::milliseconds(5);

// A file may be replaced again before it is open. It takes long enough for others to have their
// turn.
constexpr int kMostReplacements = 100;

absl::Status CheckMetaPagesPatiently(const std::filesystem::path& file) {
  absl::Status status;
  for (int i = 0; i < kChecksBeforeDamaged; ++i) {
    status = CheckMetaPages(file);
    if (!absl::IsDataLoss(status)) break;
    std::this_thread::sleep_for(kPauseBetweenChecks);
  }
  return status;
}

absl::Status Annotate(const absl::Status& status, const std::filesystem::path& path) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(path.string(), ": ", status.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<LmdbFile>> LmdbFile::Open(const std::filesystem::path& folder,
                                                         size_t map_size) {
  absl::StatusOr<std::unique_ptr<LmdbFile>> opened = TryOpen(folder, map_size);
  for (int attempt = 1; absl::IsAborted(opened.status()) && attempt < kMostReplacements;
       ++attempt) {
    opened = TryOpen(folder, map_size);
  }
  return opened;
}

absl::StatusOr<std::unique_ptr<LmdbFile>> LmdbFile::TryOpen(const std::filesystem::path& folder,
                                                            size_t map_size) {
  const std::filesystem::path file = folder / kLmdbDataFile;
  absl::Status status = Annotate(CheckMetaPagesPatiently(file), file);
  if (absl::IsDataLoss(status) && DiscardUnfinishedFile(folder)) {
    status = absl::OkStatus();
  }
  absl::Status denied;
  for (const bool read_only : {false, true}) {
    if (!status.ok() && !absl::IsPermissionDenied(status)) return status;
    denied = status;
    std::unique_ptr<LmdbFile> opened(new LmdbFile(folder, read_only));
    status = opened->AllocateLockFile();
    if (status.ok()) status = opened->OpenFile(map_size);
    // That takes no time as long as there is nothing in it.
    if (status.ok() && opened->LastCommit() == 0) status = opened->CheckFile();
    if (status.ok()) return opened;
  }
  // That there is no file to be read is not what is wrong.
  return absl::IsNotFound(status) ? denied : status;
}

// Lets LMDB begin anew where a crash or a full disk cut short what it wrote first. LMDB locks the
// first byte of the lock file while an environment is open, so that nobody is at it meanwhile. Only
// called while this process has not opened that file, as below.
bool LmdbFile::DiscardUnfinishedFile(const std::filesystem::path& folder) {
  const std::filesystem::path lock_file = folder / kLmdbLockFile, file = folder / kLmdbDataFile;
  const int fd = open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, kFileMode);
  if (fd < 0) return false;
  const absl::Cleanup close_fd = [fd] { close(fd); };
  struct flock alone = {};
  alone.l_type = F_WRLCK;
  alone.l_whence = SEEK_SET;
  alone.l_len = 1;
  if (fcntl(fd, F_SETLK, &alone) != 0) return false;
  return IsUnfinished(file) && truncate(file.c_str(), 0) == 0;
}

// LMDB writes to the lock file through memory. Where the disk has no room for a page of it, that
// would end the process with SIGBUS. Only called while this process has not opened the file, whose
// locks it would lose with the descriptor.
absl::Status LmdbFile::AllocateLockFile() const {
  if (read_only_) return absl::OkStatus();
  const std::filesystem::path file = folder_ / kLmdbLockFile;
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, kFileMode);
  const auto failed = [&] {
    return absl::ErrnoToStatus(errno, absl::StrCat(file.string(), ": cannot make the lock file"));
  };
  if (fd < 0) return failed();
  const absl::Cleanup close_fd = [fd] { close(fd); };
  struct stat info;
  if (fstat(fd, &info) != 0) return failed();
  if (!S_ISREG(info.st_mode)) {
    return absl::DataLossError(absl::StrCat(file.string(), ": not a regular file"));
  }
  // A file that is in use keeps its size, which says how many readers there can be.
  const off_t size = info.st_size > 0 ? info.st_size : kLockFileSize;
  if (fallocate(fd, 0, 0, size) != 0 && errno != EOPNOTSUPP) return failed();
  return absl::OkStatus();
}

absl::Status LmdbFile::OpenFile(size_t map_size) {
  if (!read_only_) {
    if (absl::Status status = writers_.Open(folder_); !status.ok()) return status;
  }
  if (int error = mdb_env_create(&env_); error != 0) return ToStatus(error, "create");
  mdb_env_set_maxreaders(env_, kMaxReaders);
  mdb_env_set_maxdbs(env_, kMaxGenerations);
  const unsigned flags = MDB_NOTLS | (read_only_ ? MDB_RDONLY : 0);
  int error = mdb_env_set_mapsize(env_, AffordableMapSize(map_size));
  if (error == 0) error = mdb_env_open(env_, folder_.c_str(), flags, kFileMode);
  if (error != 0) {
    // Nobody else uses what could not be opened; Close knows whether the rest may be closed.
    mdb_env_close(env_);
    env_ = nullptr;
    return ToStatus(error, "open");
  }
  struct stat info;
  if (fstat(DataFile(), &info) != 0) return ToStatus(errno, "look at");
  device_ = info.st_dev;
  inode_ = info.st_ino;
  if (!read_only_) error = SyncNewFile();
  if (error != 0) return ToStatus(error, "open");
  MDB_stat stat;
  mdb_env_stat(env_, &stat);
  map_.Open(DataFile(), stat.ms_psize);
  if (absl::Status status = commits_.Open(DataFile(), stat.ms_psize); !status.ok()) {
    return Annotate(status, folder_ / kLmdbDataFile);
  }
  ClearDeadReaders();
  return absl::OkStatus();
}

// An empty file is to be complete before it has entries: if a crash tears it later, that is damage.
int LmdbFile::SyncNewFile() {
  MDB_envinfo info;
  mdb_env_info(env_, &info);
  return info.me_last_txnid == 0 ? mdb_env_sync(env_, 1) : 0;
}

}  // namespace permacache::storage
