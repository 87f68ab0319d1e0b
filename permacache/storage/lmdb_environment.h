// One LMDB environment with the results of one function, shared by everything in this process that
// uses its directory: the data file, the files of large values beside it, what waits to be written
// to them, and what was read from them lately.
//
// An environment must not be opened twice in one process, nor be used after a fork.
//
// Thread safety: every method may be called from any thread. After a fork the child must acquire
// its environments anew; ForkCount tells it when.
#ifndef PERMACACHE_STORAGE_LMDB_ENVIRONMENT_H_
#define PERMACACHE_STORAGE_LMDB_ENVIRONMENT_H_

#include <lmdb.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/storage/coarse_clock.h"
#include "permacache/storage/file_system.h"
#include "permacache/storage/files.h"
#include "permacache/storage/group_commit.h"
#include "permacache/storage/lmdb_entries.h"
#include "permacache/storage/lmdb_file.h"
#include "permacache/storage/memory_tier.h"
#include "permacache/storage/value_files.h"

namespace permacache::storage {

struct LmdbOptions {
  std::filesystem::path directory;  // holds data.mdb and lock.mdb; made if it does not exist

  // Address space reserved for the data file, in bytes. Costs neither memory nor disk. Where so
  // much cannot be had less is taken, and where it does not suffice it is doubled as needed.
  size_t map_size = size_t{1} << 32;

  // Records that were read are kept in so many bytes of memory at most, and for so long. While an
  // environment is open, the options of whoever opened it count.
  size_t memory_bytes = size_t{64} << 20;
  std::chrono::nanoseconds memory_age = std::chrono::days(1);

  // Tells what file system the directory lies on.
  StatFs stat_fs = &statfs;
};

// Writes everything that waits for any environment of this process. Returns the first of what went
// wrong.
absl::Status SyncAllEnvironments();

// Does that and closes the files of all environments, where liblmdb can: else kUnimplemented.
// Whoever uses one of them, before or after this returns, opens it anew. So files that nobody uses
// meanwhile are not open when this returns, unless LMDB had lost its map for want of address space.
absl::Status CloseAllEnvironments();

// How many forks lie between this process and the first one that used an environment.
uint64_t ForkCount();

class LmdbEnvironment {
 public:
  struct Release {
    void operator()(LmdbEnvironment* environment) const;
  };
  using Share = std::unique_ptr<LmdbEnvironment, Release>;

  // A share of the environment in a directory, which is opened if this process has not opened it
  // yet under any spelling of its path, and closed with the last share; see LmdbFile::Open.
  // kFailedPrecondition if the directory lies on a network file system, where LMDB's locks and
  // memory maps do not work.
  static absl::StatusOr<Share> Acquire(const LmdbOptions& options);

  LmdbEnvironment(const LmdbEnvironment&) = delete;
  LmdbEnvironment& operator=(const LmdbEnvironment&) = delete;

  // See LmdbFile. After kAborted the environment is lost, and another has to be acquired.
  bool read_only() const { return file_->read_only(); }
  int64_t cleared_readers() const { return file_->cleared_readers(); }
  absl::Status LookUp(absl::FunctionRef<int(LmdbSnapshot&)> body) { return file_->LookUp(body); }
  absl::Status Read(absl::FunctionRef<int(MDB_txn*)> body) { return file_->Read(body); }
  absl::Status Write(absl::FunctionRef<int(MDB_txn*)> body) { return file_->Write(body); }
  void LetGoOfPages() { file_->LetGoOfPages(); }
  absl::StatusOr<MDB_dbi> OpenGeneration(uint32_t version) {
    return file_->OpenGeneration(version);
  }
  absl::StatusOr<std::vector<uint32_t>> Generations() { return file_->Generations(); }

  // A write transaction on entries. Files of values that were erased or replaced are removed after
  // it.
  absl::Status WriteEntries(absl::FunctionRef<int(LmdbEntries&)> body);

  // Writes a batch as one transaction, and its files before. If another data file has taken the
  // place of this environment's, as after Compact, that is where it goes.
  absl::Status WriteBatch(const GroupCommit::Batch& batch);

  // Makes the data file as small as its content, by a copy that takes its place. Other writers wait
  // meanwhile, readers do not; every process then goes on with the new file. Takes as much disk as
  // the copy needs. progress(done, total) is told of bytes, now and then, in this thread; what it
  // throws does not stop the work. After it this environment is lost, as above.
  absl::Status Compact(OnProgress progress);

  // What waits to be written to this environment, or to those whose place it has taken.
  GroupCommit& group_commit() { return *waiting_->commit; }

  // See Store::State.
  std::optional<StoreState> State();

  // Visits the record if it is kept in memory and nobody has changed it since it was read.
  bool FindInMemory(const Place& place, std::string_view key,
                    absl::FunctionRef<void(const Record&)> visit);

  // Keeps a record that was read in this transaction; returns the state in which others find it,
  // too. That is not always State(): readers are let at a commit later than the file shows it.
  StoreState KeepInMemory(uint64_t transaction, const Place& place, std::string_view key,
                          const Record& record) {
    memory_.Insert(place, key, record, transaction);
    return memory_.StateAt(transaction);
  }

  // The large values of its entries.
  const ValueFiles& value_files() const { return value_files_; }

 private:
  friend class LmdbRegistry;

  LmdbEnvironment(const LmdbOptions& options, std::unique_ptr<LmdbFile> file);
  ~LmdbEnvironment();

  bool IsCurrent() const { return waiting_->environment.load() == this; }
  void GiveUp();
  void TakeOverFrom(LmdbEnvironment& predecessor);
  absl::Status WriteBatchHere(const GroupCommit::Batch& batch);
  std::optional<uint64_t> LastCommitInMemory();
  void SweepFiles();
  absl::Status ReplaceBy(TemporaryFile& copy, const Folder& folder);
  absl::Status Replace(uint64_t last, TemporaryFile& copy, const Folder& folder);

  const LmdbOptions options_;
  const std::unique_ptr<LmdbFile> file_;
  const ValueFiles value_files_;
  std::once_flag files_are_swept_;
  MemoryTier memory_;
  std::atomic<std::chrono::nanoseconds> memory_since_ = CoarseTick();

  int shares_ = 0;  // guarded by the registry

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
