#include "permacache/storage/lmdb_file.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <tuple>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "permacache/storage/address_space.h"
#include "permacache/storage/coarse_clock.h"
#include "permacache/storage/lmdb_snapshot.h"

namespace permacache::storage {
namespace {

// How often a writer looks for readers that died and keep old pages from being used again.
constexpr uint64_t kWritesBetweenReaderChecks = 256;

// Said in place of an LMDB error code.
constexpr int kFileLost = -1;

// LMDB takes a write that the disk had no room for to the end for an input/output error.
bool IsDiskFull(const std::filesystem::path& directory) {
  struct statvfs info;
  return statvfs(directory.c_str(), &info) == 0 && info.f_bavail == 0;
}

// Held while LMDB locks its table of readers. Where it cannot be had, that lock must do.
class SlotsLock {
 public:
  explicit SlotsLock(const std::filesystem::path& folder)
      : is_held_(lock_.Open(folder / kLmdbDataFile).ok() && lock_.Lock() == 0) {}
  SlotsLock(const SlotsLock&) = delete;
  SlotsLock& operator=(const SlotsLock&) = delete;
  ~SlotsLock() {
    if (is_held_) lock_.Unlock();
  }

 private:
  FileLock lock_;
  const bool is_held_;
};

}  // namespace

bool IsClosingSafe(int major, int minor, int patch) {
  const auto version = std::tuple(major, minor, patch);
  return version < std::tuple(0, 9, 26) || version > std::tuple(0, 9, 31);
}

bool IsClosingSafe() {
  int major, minor, patch;
  mdb_version(&major, &minor, &patch);
  return IsClosingSafe(major, minor, patch);
}

std::string LmdbVersion() {
  int major, minor, patch;
  mdb_version(&major, &minor, &patch);
  return absl::StrCat(major, ".", minor, ".", patch);
}

// Reading a map beyond the end of its file is SIGBUS, and what is written to a deleted file is
// lost.
int LmdbFile::CheckPresence() {
  if (is_closed_) return kFileLost;
  if (has_no_map_) return ENOMEM;
  const std::chrono::nanoseconds now = CoarseTick();
  int64_t size = 0;
  if (!IsThere(folder_, &size)) return kFileLost;
  int64_t largest = largest_file_size_.load(std::memory_order_relaxed);
  while (size > largest && !largest_file_size_.compare_exchange_weak(largest, size)) {
  }
  presence_transaction_.store(commits_.last(), std::memory_order_relaxed);
  presence_time_.store(now, std::memory_order_relaxed);
  return 0;
}

// Asking the kernel each time would double the price of a hit. Compact lets the clock tick before
// anybody can write to the new file.
bool LmdbFile::WasThereLately() const {
  return presence_time_.load(std::memory_order_relaxed) == CoarseTick() &&
         presence_transaction_.load(std::memory_order_relaxed) == commits_.last() && !is_closed_ &&
         !has_no_map_;
}

// LMDB itself looks at no page for that.
absl::Status LmdbFile::ReadUnchecked(absl::FunctionRef<int(MDB_txn*)> body) {
  bool cleared_readers = false;
  for (;;) {
    const int error = TryRead(body);
    if (error == MDB_MAP_RESIZED) {
      if (absl::Status status = AdoptMap(); !status.ok()) return status;
    } else if (error == MDB_READERS_FULL && !cleared_readers) {
      ClearDeadReaders();
      cleared_readers = true;
    } else {
      return ToStatus(error, "read");
    }
  }
}

int LmdbFile::TryRead(absl::FunctionRef<int(MDB_txn*)> body) {
  const auto gate = EnterTransaction();
  if (!WasThereLately()) {
    if (int error = CheckPresence(); error != 0) return error;
  }
  MDB_txn* txn = nullptr;
  if (int error = TakeReader(&txn); error != 0) {
    if (error == MDB_PANIC) has_failed_ = true;
    return error;
  }
  const absl::Cleanup give_back = [&] {
    mdb_txn_reset(txn);
    std::lock_guard lock(readers_mutex_);
    readers_.push_back(txn);
  };
  return body(txn);
}

std::optional<uint64_t> LmdbFile::LastCommit() {
  if (!WasThereLately()) {
    const auto gate = EnterTransaction();
    if (CheckPresence() != 0) return std::nullopt;
  }
  return commits_.last();
}

int LmdbFile::TakeReader(MDB_txn** txn) {
  {
    std::lock_guard lock(readers_mutex_);
    if (!readers_.empty()) {
      *txn = readers_.back();
      readers_.pop_back();
    }
  }
  if (*txn == nullptr) return BeginReader(txn);
  const int error = mdb_txn_renew(*txn);
  if (error != 0) mdb_txn_abort(*txn);
  return error;
}

// Takes a slot in the table of readers, for which LMDB has another lock.
int LmdbFile::BeginReader(MDB_txn** txn) {
  const SlotsLock slots(folder_);
  return mdb_txn_begin(env_, nullptr, MDB_RDONLY, txn);
}

absl::Status LmdbFile::Write(absl::FunctionRef<int(MDB_txn*)> body) {
  if (read_only_) {
    return absl::PermissionDeniedError(
        absl::StrCat(folder_.string(), ": the cache can be read but not written"));
  }
  if (absl::Status status = CheckFile(); !status.ok()) return status;
  if (writes_.fetch_add(1, std::memory_order_relaxed) % kWritesBetweenReaderChecks == 0) {
    ClearDeadReaders();
  }
  for (;;) {
    const size_t map_size = MapSize();
    const int error = TryWrite(body);
    absl::Status status;
    if (error == MDB_MAP_FULL) {
      status = GrowMap(map_size);
    } else if (error == MDB_MAP_RESIZED) {
      status = AdoptMap();
    } else {
      return ToStatus(error, "write");
    }
    if (!status.ok()) return status;
  }
}

int LmdbFile::TryWrite(absl::FunctionRef<int(MDB_txn*)> body) {
  const auto gate = EnterTransaction();
  if (is_closed_) return kFileLost;  // and with it the lock
  if (int error = writers_.Lock(); error != 0) return error;
  const absl::Cleanup unlock = [&] { writers_.Unlock(); };
  // Another file may have taken its place while this thread waited for its turn.
  if (int error = CheckPresence(); error != 0) return error;
  MDB_txn* txn = nullptr;
  if (int error = mdb_txn_begin(env_, nullptr, 0, &txn); error != 0) {
    if (error == MDB_PANIC) has_failed_ = true;
    return error;
  }
  absl::Cleanup abort = [&] { mdb_txn_abort(txn); };
  if (int error = body(txn); error != 0) return error;
  std::move(abort).Cancel();
  return mdb_txn_commit(txn);
}

// Waits for the transactions that run, lets no other begin, and closes what is open. That takes
// away the locks of the whole process on the lock file, so it must be done before a successor opens
// that.
void LmdbFile::Close() {
  const auto gate = CloseGate();
  if (is_closed_.exchange(true)) return;
  writers_.Close();  // writers hold it inside the gate
  if (env_ == nullptr || has_no_map_) return;
  for (MDB_txn* reader : readers_) mdb_txn_abort(reader);
  if (!IsClosingSafe()) return;
  mdb_env_close(env_);
  map_.Close();
  commits_.Close();
}

// A thread that waits here holds the turnstile, so that a stream of readers cannot keep it waiting.
std::unique_lock<std::shared_mutex> LmdbFile::CloseGate() {
  std::lock_guard turn(turnstile_);
  closing_gate_.store(true, std::memory_order_release);
  std::unique_lock gate(gate_);
  closing_gate_.store(false, std::memory_order_release);
  return gate;
}

std::shared_lock<std::shared_mutex> LmdbFile::EnterTransaction() {
  if (closing_gate_.load(std::memory_order_acquire)) std::lock_guard wait(turnstile_);
  return std::shared_lock(gate_);
}

size_t LmdbFile::MapSize() {
  const auto gate = EnterTransaction();
  if (is_closed_ || has_no_map_) return 0;
  MDB_envinfo info;
  mdb_env_info(env_, &info);
  return info.me_mapsize;
}

void LmdbFile::ClearDeadReaders() {
  const auto gate = EnterTransaction();
  if (is_closed_ || has_no_map_) return;
  const SlotsLock slots(folder_);
  int dead = 0;
  if (mdb_reader_check(env_, &dead) == 0) cleared_readers_ += dead;
}

absl::Status LmdbFile::GrowMap(size_t full_size) {
  if (MapSize() > full_size) return absl::OkStatus();  // another thread was faster
  ClearDeadReaders();                                  // they may be what keeps it full
  return ResizeMap(full_size + full_size / 8, 2 * full_size);
}

// Another process has grown the file beyond this one's map. How large its own map is does not
// matter: it may have more address space.
absl::Status LmdbFile::AdoptMap() {
  MDB_envinfo info;
  MDB_stat stat;
  {
    const auto gate = EnterTransaction();
    if (int error = CheckPresence(); error != 0) return ToStatus(error, "grow the map of");
    mdb_env_info(env_, &info);
    mdb_env_stat(env_, &stat);
  }
  const size_t used = (info.me_last_pgno + 1) * stat.ms_psize;
  return ResizeMap(used + used / 8, std::max(2 * used, info.me_mapsize));
}

// Makes the map `wanted` large or, where address space is short, at least `least`. LMDB gives up
// the old map before it asks for the new one, so whether there is space is tried out before.
absl::Status LmdbFile::ResizeMap(size_t least, size_t wanted) {
  const auto gate = CloseGate();
  if (is_closed_) return ToStatus(kFileLost, "grow the map of");
  size_t size = wanted;
  while (!IsSpaceFor(size)) {
    if (size == least) return ToStatus(MDB_MAP_FULL, "grow the map of");
    size = std::max(least, size / 4 * 3);
  }
  const int error = mdb_env_set_mapsize(env_, size);
  if (error != 0) has_no_map_ = true;
  return ToStatus(error, "grow the map of");
}

absl::StatusOr<MDB_dbi> LmdbFile::OpenGeneration(uint32_t version) {
  // LMDB wants handles to be opened by one transaction at a time.
  std::lock_guard lock(generations_mutex_);
  if (const auto found = generations_.find(version); found != generations_.end()) {
    return found->second;
  }
  const std::string name = std::to_string(version);
  MDB_dbi database = 0;
  absl::Status status;
  if (read_only_) {
    if (status = CheckFile(); !status.ok()) return status;
    // A handle outlives the transaction that opened it only if that commits.
    const auto gate = EnterTransaction();
    MDB_txn* txn = nullptr;
    int error = CheckPresence();
    if (error == 0) error = BeginReader(&txn);
    if (error == 0) {
      error = mdb_dbi_open(txn, name.c_str(), 0, &database);
      if (error == 0) {
        error = mdb_txn_commit(txn);
      } else {
        mdb_txn_abort(txn);
      }
    }
    if (error == MDB_NOTFOUND) return absl::NotFoundError("no entries of this version");
    status = ToStatus(error, "read");
  } else {
    status =
        Write([&](MDB_txn* txn) { return mdb_dbi_open(txn, name.c_str(), MDB_CREATE, &database); });
  }
  if (!status.ok()) return status;
  generations_[version] = database;
  return database;
}

absl::StatusOr<std::vector<uint32_t>> LmdbFile::Generations() {
  std::vector<uint32_t> versions;
  const absl::Status status =
      LookUp([&](LmdbSnapshot& snapshot) { return snapshot.Generations(&versions); });
  if (!status.ok()) return status;
  return versions;
}

absl::Status LmdbFile::CopyTo(int fd) {
  return ToStatus(mdb_env_copyfd2(env_, fd, MDB_CP_COMPACT), "copy");
}

int LmdbFile::DataFile() const {
  mdb_filehandle_t file;
  mdb_env_get_fd(env_, &file);
  return file;
}

// The name is asked for, not the open file: whoever has a link to that keeps it in being.
bool LmdbFile::IsThere(const std::filesystem::path& folder, int64_t* size) const {
  const int64_t largest = largest_file_size_.load();  // before, as others make it larger meanwhile
  struct stat present;
  if (stat((folder / kLmdbDataFile).c_str(), &present) != 0) return false;
  *size = present.st_size;
  return present.st_dev == device_ && present.st_ino == inode_ && present.st_size >= largest;
}

bool LmdbFile::IsIn(const std::filesystem::path& folder) {
  int64_t ignored = 0;
  const auto gate = EnterTransaction();
  return !is_closed_ && !has_failed_ && IsThere(folder, &ignored) && IsThere(folder_, &ignored);
}

absl::Status LmdbFile::ToStatus(int error, const char* doing) const {
  if (error == 0) return absl::OkStatus();
  if (error == kFileLost) {
    return absl::AbortedError(absl::StrCat(
        folder_.string(), ": the data file was deleted, replaced or truncated while in use"));
  }
  const std::string failed =
      absl::StrCat(folder_.string(), ": cannot ", doing, " the LMDB environment");
  const std::string message = absl::StrCat(failed, ": ", mdb_strerror(error));
  switch (error) {
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_INCOMPATIBLE:
    case MDB_VERSION_MISMATCH:
      return absl::DataLossError(message);
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case MDB_READERS_FULL:
    case MDB_DBS_FULL:
    case ENOMEM:
    case EFBIG:
      return absl::ResourceExhaustedError(message);
    case EROFS:
      return absl::PermissionDeniedError(message);
    case EIO:
      if (IsDiskFull(folder_)) return absl::ResourceExhaustedError(message);
      return absl::InternalError(message);
    case MDB_BAD_RSLOT:
    case MDB_PANIC:
      return absl::AbortedError(message);
    default:
      return error > 0 ? absl::ErrnoToStatus(error, failed) : absl::InternalError(message);
  }
}

}  // namespace permacache::storage
