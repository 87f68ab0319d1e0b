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
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/storage/commit_watch.h"
#include "permacache/storage/file_system.h"
#include "permacache/storage/group_commit.h"
#include "permacache/storage/lmdb_entries.h"
#include "permacache/storage/memory_tier.h"
#include "permacache/storage/value_files.h"

namespace permacache::storage {

struct LmdbOptions {
  std::filesystem::path directory;  // holds data.mdb and lock.mdb; made if it does not exist

  // Address space reserved for the data file, in bytes. Costs neither memory nor disk. Where so
  // much cannot be had less is taken, and where it does not suffice it is doubled as needed.
  size_t map_size = size_t{1} << 32;

  // Records that were read are kept in so many bytes of memory at most.
  size_t memory_bytes = size_t{64} << 20;

  // Tells what file system the directory lies on.
  StatFs stat_fs = &statfs;
};

// Told how far something that takes long has come, in the thread that asked for it.
using OnProgress = absl::FunctionRef<void(int64_t done, int64_t total)>;

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

  // All of these return kAborted when the data file was deleted, replaced or truncated meanwhile,
  // or after a meta page could not be written: the environment is lost, and another has to be
  // acquired. A write always notices; a read does if somebody has committed since, and some
  // milliseconds later in any case.

  // Runs `body` in a read transaction. It returns an LMDB error code, 0 for none, and must neither
  // take long nor use this environment. May run more than once if the map was resized.
  absl::Status Read(absl::FunctionRef<int(MDB_txn*)> body);

  // Runs `body` in a write transaction and commits it; when this returns OK, the disk has it. All
  // writers of all processes take turns. May run more than once as the map grows.
  absl::Status Write(absl::FunctionRef<int(MDB_txn*)> body);

  // The same for entries. Files of values that were erased or replaced are removed after it.
  absl::Status WriteEntries(absl::FunctionRef<int(LmdbEntries&)> body);

  // Writes a batch as one transaction, and its files before. If another data file has taken the
  // place of this environment's, as after Compact, that is where it goes.
  absl::Status WriteBatch(const GroupCommit::Batch& batch);

  // Makes the data file as small as its content, by a copy that takes its place. Other writers wait
  // meanwhile, readers do not; every process then goes on with the new file. Takes as much disk as
  // the copy needs. progress(done, total) is told of bytes, now and then, in this thread. After it
  // this environment is lost, as above.
  absl::Status Compact(OnProgress progress);

  // What waits to be written to this environment, or to those whose place it has taken.
  GroupCommit& group_commit() { return *waiting_->commit; }

  // Visits the record if it is kept in memory and nobody has changed it since it was read.
  bool FindInMemory(const Place& place, std::string_view key,
                    absl::FunctionRef<void(const Record&)> visit);

  // Keeps a record that was read in this transaction.
  void KeepInMemory(MDB_txn* txn, const Place& place, std::string_view key, const Record& record) {
    memory_.Insert(place, key, record, mdb_txn_id(txn));
  }

  // The large values of its entries.
  const ValueFiles& value_files() const { return value_files_; }

  // The database that holds the entries of this version of the function. kNotFound if it does not
  // exist and the environment is read-only.
  absl::StatusOr<MDB_dbi> OpenGeneration(uint32_t version);

  // The versions that have a database.
  absl::StatusOr<std::vector<uint32_t>> Generations();

 private:
  friend class LmdbRegistry;

  LmdbEnvironment(const LmdbOptions& options, bool read_only);
  ~LmdbEnvironment();

  static absl::StatusOr<LmdbEnvironment*> Open(const LmdbOptions& options);
  static absl::StatusOr<LmdbEnvironment*> TryOpen(const LmdbOptions& options);
  absl::Status WriteBatchHere(const GroupCommit::Batch& batch);
  absl::Status Replace(uint64_t last, OnProgress progress);
  absl::Status CopyTo(int fd, OnProgress progress);
  void SweepFiles();
  static bool DiscardUnfinishedFile(const std::filesystem::path& directory);
  absl::Status AllocateLockFile() const;
  absl::Status OpenFile();
  int SyncNewFile();
  absl::Status CheckFile();
  int CheckPresence();
  int CheckPresenceLately();

  int TryRead(absl::FunctionRef<int(MDB_txn*)> body);
  int TryWrite(absl::FunctionRef<int(MDB_txn*)> body);
  int TakeReader(MDB_txn** txn);

  void Abandon();
  void TakeOverFrom(LmdbEnvironment& predecessor);
  std::unique_lock<std::shared_mutex> CloseGate();
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

  // Held shared during a transaction and alone while the map is resized or all is given up.
  std::shared_mutex gate_;
  std::mutex turnstile_;
  std::atomic<bool> closing_gate_ = false;

  // These are guarded by gate_, too.
  bool is_abandoned_ = false;  // another file has taken the place of this one's
  bool has_no_map_ = false;    // LMDB has given up its map and could not get another

  // Set when LMDB has given up the environment, as it could not write a meta page.
  std::atomic<bool> has_failed_ = false;

  CommitWatch commits_;
  std::atomic<int64_t> largest_file_size_ = 0;  // LMDB never makes its file smaller

  // When the file was last known to be there: at what time, and after which transaction.
  std::atomic<int64_t> presence_time_ = 0;
  std::atomic<uint64_t> presence_transaction_ = 0;
  std::atomic<uint64_t> writes_ = 0;

  std::mutex readers_mutex_;
  std::vector<MDB_txn*> readers_;  // read transactions that were reset, to be renewed

  std::mutex generations_mutex_;
  std::map<uint32_t, MDB_dbi> generations_;

  int shares_ = 0;  // guarded by the registry

  const ValueFiles value_files_;
  std::once_flag files_are_swept_;
  MemoryTier memory_;

  // What waits is written by the last of the environments that have had this place.
  struct Waiting {
    std::atomic<LmdbEnvironment*> environment;
    std::unique_ptr<GroupCommit> commit;
  };
  std::shared_ptr<Waiting> waiting_;
  Share successor_;  // which must live as long as something may be added here
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_LMDB_ENVIRONMENT_H_
