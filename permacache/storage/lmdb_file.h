// One LMDB data file as this process has it open, with all the care that LMDB asks of who embeds
// it.
//
// The map must be large enough, and may be resized only while no transaction runs; readers that
// died must be cleared away; a handle of a reader serves many reads; the file must be sound before
// LMDB follows its pages; and it may be deleted, truncated or replaced by others at any time.
//
// To check a large file takes seconds. Lookups do without: they follow pages themselves. Everything
// else has the whole file checked first, once, and if that finds damage it is kDataLoss.
//
// Thread safety: every method may be called from any thread. An object belongs to the process that
// opened it, which must not open another one on the same folder before this is closed.
#ifndef PERMACACHE_STORAGE_LMDB_FILE_H_
#define PERMACACHE_STORAGE_LMDB_FILE_H_

#include <lmdb.h>
#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/storage/commit_watch.h"
#include "permacache/storage/file_lock.h"
#include "permacache/storage/lmdb_map.h"
#include "permacache/storage/lmdb_snapshot.h"
#include "permacache/storage/store.h"

namespace permacache::storage {

// The files of an environment in its folder.
inline constexpr const char* kLmdbDataFile = "data.mdb";
inline constexpr const char* kLmdbLockFile = "lock.mdb";

// Whether this version of LMDB can close an environment without harm to the other processes that
// use it: from 0.9.26 to 0.9.31 mdb_env_close destroys their mutexes. Where it cannot, environments
// stay open until the process ends.
bool IsClosingSafe(int major, int minor, int patch);

// The same of the one in use.
bool IsClosingSafe();

// The version in use, as "0.9.24".
std::string LmdbVersion();

class LmdbFile {
 public:
  // Opens the data file in a folder, and makes it if it does not exist. The map is `map_size` bytes
  // large at first, or less where address space is short. If the file can be read but not written
  // the object is read-only; readers need write access to the lock file all the same, except on a
  // read-only file system. kDataLoss if the file's head, which LMDB reads now, is damaged.
  static absl::StatusOr<std::unique_ptr<LmdbFile>> Open(const std::filesystem::path& folder,
                                                        size_t map_size);

  LmdbFile(const LmdbFile&) = delete;
  LmdbFile& operator=(const LmdbFile&) = delete;
  ~LmdbFile() { Close(); }

  bool read_only() const { return read_only_; }

  // LookUp, Read and Write return kAborted when the data file was deleted, replaced or truncated
  // meanwhile, or after a meta page could not be written, or after Close: it is lost, and must be
  // opened anew. A write always notices; a read does if somebody has committed since, and some
  // milliseconds later in any case.

  // Runs `body` in a read transaction. It returns an LMDB error code, 0 for none, and must neither
  // take long nor use this object. May run more than once, if the map was resized or another
  // process commits. kDataLoss if the way to an entry is damaged; nothing else of the file is read.
  absl::Status LookUp(absl::FunctionRef<int(LmdbSnapshot&)> body);

  // The same for who lets LMDB follow pages, of a file that is checked before.
  absl::Status Read(absl::FunctionRef<int(MDB_txn*)> body);

  // Runs `body` in a write transaction and commits it; when this returns OK, the disk has it. All
  // writers of all processes take turns. May run more than once as the map grows.
  absl::Status Write(absl::FunctionRef<int(MDB_txn*)> body);

  // For who looks up more than there is memory: lets go of the pages that LookUp has read.
  void LetGoOfPages() { map_.LetGo(); }

  // The number of the last transaction that any process has committed; nothing if the file is lost.
  std::optional<uint64_t> LastCommit();

  // The clock's last tick at which the file was found to be there; see CoarseTick.
  std::chrono::nanoseconds last_seen() const {
    return presence_time_.load(std::memory_order_relaxed);
  }

  // How many readers this object has found that had died in a transaction, and cleared away: their
  // pages could not be used again.
  int64_t cleared_readers() const { return cleared_readers_.load(std::memory_order_relaxed); }

  // The database that holds the entries of this version of the function. kNotFound if it does not
  // exist and the file is read-only.
  absl::StatusOr<MDB_dbi> OpenGeneration(uint32_t version);

  // The versions that have a database.
  absl::StatusOr<std::vector<uint32_t>> Generations();

  // Writes a copy of the file that has no free pages to `fd`. Only in the body of a Write, whose
  // changes it does not see.
  absl::Status CopyTo(int fd);

  // Whether this is still the data file of that folder, which is still where it was, and one that
  // LMDB has not given up.
  bool IsIn(const std::filesystem::path& folder);

  // Waits for the transactions that run, lets no other begin, and closes what is open, of LMDB
  // where liblmdb can do that without harm to others.
  void Close();

  // In a forked child, where nothing else may be used: leaves its parent's lock to the parent.
  void LeaveToParent() { writers_.Close(); }

 private:
  LmdbFile(const std::filesystem::path& folder, bool read_only)
      : folder_(folder), read_only_(read_only) {}

  static absl::StatusOr<std::unique_ptr<LmdbFile>> TryOpen(const std::filesystem::path& folder,
                                                           size_t map_size);
  static bool DiscardUnfinishedFile(const std::filesystem::path& folder);
  absl::Status AllocateLockFile() const;
  absl::Status OpenFile(size_t map_size);
  int SyncNewFile();
  int CheckPresence();
  bool WasThereLately() const;

  absl::Status CheckFile();
  absl::Status CheckWholeFile();
  absl::Status ReadUnchecked(absl::FunctionRef<int(MDB_txn*)> body);
  int TryRead(absl::FunctionRef<int(MDB_txn*)> body);
  int TryWrite(absl::FunctionRef<int(MDB_txn*)> body);
  int TakeReader(MDB_txn** txn);
  int BeginReader(MDB_txn** txn);

  std::unique_lock<std::shared_mutex> CloseGate();
  std::shared_lock<std::shared_mutex> EnterTransaction();
  size_t MapSize();
  void ClearDeadReaders();
  absl::Status GrowMap(size_t full_size);
  absl::Status AdoptMap();
  absl::Status ResizeMap(size_t least, size_t wanted);

  int DataFile() const;
  bool IsThere(const std::filesystem::path& folder, int64_t* size) const;
  absl::Status ToStatus(int error, const char* doing) const;

  const std::filesystem::path folder_;
  const bool read_only_;
  MDB_env* env_ = nullptr;
  dev_t device_ = 0;  // the data file's
  ino_t inode_ = 0;

  // On the folder. Its holder alone may wait for LMDB's lock of writers, and only if the file is
  // still in its place: if a writer of the file that replaced it was killed, LMDB would have who
  // comes next set the number of the last transaction by the file that it has open.
  FileLock writers_;

  // Held shared during a transaction and alone while the map is resized or all is closed.
  std::shared_mutex gate_;
  std::mutex turnstile_;
  std::atomic<bool> closing_gate_ = false;

  // These are set by who holds gate_ alone.
  std::atomic<bool> is_closed_ = false;
  std::atomic<bool> has_no_map_ = false;  // LMDB has given up its map and could not get another

  // Set when LMDB has given up the environment, as it could not write a meta page.
  std::atomic<bool> has_failed_ = false;

  // Whether LMDB may follow the file's pages. Who finds out does so alone, as it takes time.
  std::atomic<bool> is_sound_ = false;
  std::mutex check_mutex_;
  absl::Status damage_;  // that was found; guarded by check_mutex_, as is when to look again
  std::chrono::nanoseconds next_check_ = std::chrono::nanoseconds(0);

  LmdbMap map_;
  CommitWatch commits_;
  std::atomic<int64_t> largest_file_size_ = 0;  // LMDB never makes its file smaller

  // When the file was last known to be there: at what time, and after which transaction.
  std::atomic<std::chrono::nanoseconds> presence_time_ = std::chrono::nanoseconds(0);
  std::atomic<uint64_t> presence_transaction_ = 0;

  std::atomic<uint64_t> writes_ = 0;
  std::atomic<int64_t> cleared_readers_ = 0;

  std::mutex readers_mutex_;
  std::vector<MDB_txn*> readers_;  // read transactions that were reset, to be renewed

  std::mutex generations_mutex_;
  std::map<uint32_t, MDB_dbi> generations_;
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_LMDB_FILE_H_
