// One LMDB environment, shared by everything in this process that uses its directory.
//
// LMDB asks much of who embeds it: an environment must not be opened twice in one process, nor be
// used after a fork; its map must be large enough, and may be resized only while no transaction
// runs; readers that died must be cleared away. All of that is done here, once.
//
// Thread safety: every method may be called from any thread. After a fork the child must acquire
// its environments anew; ForkCount tells it when.
#ifndef PERMACACHE_STORAGE_LMDB_ENVIRONMENT_H_
#define PERMACACHE_STORAGE_LMDB_ENVIRONMENT_H_

#include <lmdb.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/storage/file_system.h"
#include "permacache/storage/group_commit.h"

namespace permacache::storage {

struct LmdbOptions {
  std::filesystem::path directory;  // holds data.mdb and lock.mdb; made if it does not exist

  // Address space reserved for the data file, in bytes. Costs neither memory nor disk. Where so
  // much cannot be had less is taken, and where it does not suffice it is doubled as needed.
  size_t map_size = size_t{1} << 32;

  // Tells what file system the directory lies on.
  StatFs stat_fs = &statfs;
};

// Writes everything that waits for any environment of this process. Returns the first of what went
// wrong.
absl::Status SyncAllEnvironments();

// Whether this version of LMDB can close an environment without harm to the other processes that
// use it: from 0.9.26 to 0.9.31 mdb_env_close destroys their mutexes. Where it cannot, environments
// stay open until the process ends.
bool IsClosingSafe(int major, int minor, int patch);

// How many forks lie between this process and the first one that used an environment.
uint64_t ForkCount();

class LmdbEnvironment {
 public:
  struct Release {
    void operator()(LmdbEnvironment* environment) const;
  };
  using Share = std::unique_ptr<LmdbEnvironment, Release>;

  // A share of the environment in a directory, which is opened if this process has not opened it
  // yet under any spelling of its path, and closed with the last share. If the data file can be
  // read but not written the environment is read-only; readers need write access to the lock file
  // all the same, except on a read-only file system. The whole structure of the data file is
  // checked when it is opened. kFailedPrecondition if the directory lies on a network file system,
  // where LMDB's locks and memory maps do not work.
  static absl::StatusOr<Share> Acquire(const LmdbOptions& options);

  LmdbEnvironment(const LmdbEnvironment&) = delete;
  LmdbEnvironment& operator=(const LmdbEnvironment&) = delete;

  bool read_only() const { return read_only_; }

  // Both Read and Write return kAborted when the data file was deleted or truncated meanwhile: the
  // environment is lost, and another has to be acquired.

  // Runs `body` in a read transaction. It returns an LMDB error code, 0 for none, and must neither
  // take long nor use this environment. May run more than once if the map was resized.
  absl::Status Read(absl::FunctionRef<int(MDB_txn*)> body);

  // Runs `body` in a write transaction and commits it; when this returns OK, the disk has it. All
  // writers of all processes take turns. May run more than once as the map grows.
  absl::Status Write(absl::FunctionRef<int(MDB_txn*)> body);

  // What waits to be written to this environment.
  GroupCommit& group_commit() { return group_commit_; }

  // The database that holds the entries of this version of the function. kNotFound if it does not
  // exist and the environment is read-only.
  absl::StatusOr<MDB_dbi> OpenGeneration(uint32_t version);

 private:
  friend class LmdbRegistry;

  LmdbEnvironment(const LmdbOptions& options, bool read_only);
  ~LmdbEnvironment();

  static absl::StatusOr<LmdbEnvironment*> Open(const LmdbOptions& options);
  absl::Status WriteBatch(const GroupCommit::Batch& batch);
  absl::Status AllocateLockFile() const;
  absl::Status OpenFile();
  absl::Status CheckFile();
  absl::Status CheckPresence();

  int TryRead(absl::FunctionRef<int(MDB_txn*)> body);
  int TryWrite(absl::FunctionRef<int(MDB_txn*)> body);
  int TakeReader(MDB_txn** txn);

  std::shared_lock<std::shared_mutex> EnterTransaction();
  size_t MapSize();
  void ClearDeadReaders();
  absl::Status GrowMap(size_t full_size);
  absl::Status AdoptMap();
  absl::Status ResizeMap(size_t least, size_t wanted);

  int DataFile() const;
  bool IsFileOf(const std::filesystem::path& directory) const;
  absl::Status ToStatus(int error, const char* doing) const;

  const LmdbOptions options_;
  const bool read_only_;
  MDB_env* env_ = nullptr;

  // Held shared during a transaction and alone while the map is resized. A thread that waits to
  // resize holds the turnstile, so that a stream of readers cannot keep it waiting.
  std::shared_mutex gate_;
  std::mutex turnstile_;
  std::atomic<bool> resizing_ = false;

  // Set when LMDB has given up the map and could not get another: it must not be touched any more.
  std::atomic<bool> has_no_map_ = false;

  std::atomic<int64_t> largest_file_size_ = 0;  // LMDB never makes its file smaller
  std::atomic<uint64_t> writes_ = 0;

  std::mutex readers_mutex_;
  std::vector<MDB_txn*> readers_;  // read transactions that were reset, to be renewed

  std::mutex generations_mutex_;
  std::map<uint32_t, MDB_dbi> generations_;

  int shares_ = 0;  // guarded by the registry

  GroupCommit group_commit_;
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_LMDB_ENVIRONMENT_H_
