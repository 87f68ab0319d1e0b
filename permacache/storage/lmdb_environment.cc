#include "permacache/storage/lmdb_environment.h"

#include <pthread.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "permacache/storage/coarse_clock.h"
#include "permacache/storage/files.h"
#include "permacache/storage/lmdb_check.h"

namespace permacache::storage {
namespace {

constexpr mode_t kDirectoryMode = 0700;

// How often those who wait for a long copy are told how far it is.
constexpr auto kPauseBetweenProgress = std::chrono::milliseconds(100);

// A file may be replaced again as soon as it is open. It takes long enough for others to have their
// turn.
constexpr int kMostReplacements = 100;

absl::Status MakeDirectory(const std::filesystem::path& directory) {
  std::filesystem::path made;
  for (const std::filesystem::path& part : directory) {
    made /= part;
    if (mkdir(made.c_str(), kDirectoryMode) == 0 || errno == EEXIST) continue;
    // Above the cache there may be folders that exist but may not be written or even seen.
    const int error = errno;
    struct stat info;
    if (stat(made.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) continue;
    return absl::ErrnoToStatus(error, absl::StrCat("cannot make the directory ", made.string()));
  }
  return absl::OkStatus();
}

// On other machines' file systems neither locks nor memory maps are what LMDB takes them for: two
// machines would write over each other's results without noticing.
absl::Status CheckFileSystem(const LmdbOptions& options) {
  const absl::StatusOr<std::string_view> network =
      NetworkFileSystemOf(options.directory, options.stat_fs);
  if (!network.ok()) return network.status();
  if (network->empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      options.directory.string(), " lies on a network file system (", std::string(*network),
      "), where this store would lose results. Choose a directory on a local disk, with "
      "$PERMACACHE_DIR or CacheOptions::directory, or CacheOptions::storage = Storage::kFiles"));
}

}  // namespace

// The environments that this process has open, by device and inode of their directory.
class LmdbRegistry {
 public:
  // Never destroyed: programs use caches until their very end.
  static LmdbRegistry& Get() {
    static LmdbRegistry* const registry = new LmdbRegistry;
    return *registry;
  }

  absl::StatusOr<LmdbEnvironment*> Acquire(const LmdbOptions& options) {
    std::lock_guard lock(mutex_);
    if (absl::Status status = MakeDirectory(options.directory); !status.ok()) return status;
    if (absl::Status status = CheckFileSystem(options); !status.ok()) return status;
    struct stat info;
    if (stat(options.directory.c_str(), &info) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot use ", options.directory.string()));
    }
    LmdbEnvironment*& environment = environments_[{info.st_dev, info.st_ino}];
    // Somebody may have deleted, moved or compacted the cache; a new folder may even have got the
    // same inode.
    if (environment == nullptr || !environment->file_->IsIn(options.directory)) {
      if (environment != nullptr) environment->GiveUp();
      absl::StatusOr<std::unique_ptr<LmdbFile>> file =
          LmdbFile::Open(options.directory, options.map_size);
      if (!file.ok()) return file.status();
      LmdbEnvironment* const predecessor =
          std::exchange(environment, new LmdbEnvironment(options, *std::move(file)));
      if (predecessor != nullptr) {
        environment->TakeOverFrom(*predecessor);
        ++environment->shares_;
        replaced_.push_back(predecessor);
      }
    }
    ++environment->shares_;
    return environment;
  }

  void Release(LmdbEnvironment* environment) {
    // What waits may have to go to a successor, which cannot be acquired while the registry is
    // locked. Nobody can add anything while this is the last share.
    std::unique_lock lock(mutex_);
    bool is_at_rest = false;
    while (environment->shares_ == 1 && !is_at_rest) {
      lock.unlock();
      environment->group_commit().Flush().IgnoreError();  // who waited has been told
      lock.lock();
      is_at_rest = !environment->IsCurrent() || environment->group_commit().IsIdle();
    }
    if (--environment->shares_ > 0) return;
    const bool is_replaced = std::erase(replaced_, environment) > 0;
    if (!is_replaced && !IsClosingSafe()) return;
    std::erase_if(environments_, [&](const auto& entry) { return entry.second == environment; });
    environment->file_->Close();  // before anybody opens it again
    lock.unlock();
    delete environment;  // and with it the share in its successor
  }

  absl::Status SyncAll() {
    return ForEach([](LmdbEnvironment& environment) { return environment.group_commit().Flush(); });
  }

  // What has been put is written before any file is closed, as environments that have had the same
  // place share what waits. Not while the registry is locked: who is inside a transaction may be
  // waiting for it.
  absl::Status CloseAll() {
    absl::Status status = SyncAll();
    if (!IsClosingSafe()) {
      status.Update(absl::UnimplementedError(
          "this version of liblmdb cannot close its files without harm to other processes"));
      return status;
    }
    status.Update(ForEach([](LmdbEnvironment& environment) {
      environment.GiveUp();
      return absl::OkStatus();
    }));
    return status;
  }

  uint64_t fork_count() const { return fork_count_.load(std::memory_order_acquire); }

 private:
  LmdbRegistry() {
    pthread_atfork([] { Get().mutex_.lock(); }, [] { Get().mutex_.unlock(); },
                   [] { Get().ForgetInherited(); });
    std::atexit([] { Get().SyncAtExit(); });
  }

  // What is put from now on, by destructors of global variables, is written at once.
  void SyncAtExit() {
    ForEach([](LmdbEnvironment& environment) {
      environment.group_commit().Close();
      return absl::OkStatus();
    }).IgnoreError();  // who waited has been told
  }

  // The environments must not go meanwhile, and nobody else may wait for the disk.
  absl::Status ForEach(absl::FunctionRef<absl::Status(LmdbEnvironment&)> visit) {
    std::vector<LmdbEnvironment*> environments;
    {
      std::lock_guard lock(mutex_);
      environments = replaced_;  // on their behalf something may still wait
      for (const auto& [place, environment] : environments_) {
        if (environment != nullptr) environments.push_back(environment);
      }
      for (LmdbEnvironment* environment : environments) ++environment->shares_;
    }
    absl::Status status;
    for (LmdbEnvironment* environment : environments) {
      status.Update(visit(*environment));
      Release(environment);
    }
    return status;
  }

  // The parent's environments are of no use to a child, which must not even close them.
  void ForgetInherited() {
    for (const LmdbEnvironment* environment : replaced_) environment->file_->LeaveToParent();
    for (const auto& [place, environment] : environments_) {
      if (environment != nullptr) environment->file_->LeaveToParent();
    }
    environments_.clear();
    replaced_.clear();
    fork_count_.fetch_add(1, std::memory_order_release);
    mutex_.unlock();
  }

  std::mutex mutex_;
  std::map<std::pair<dev_t, ino_t>, LmdbEnvironment*> environments_;
  std::vector<LmdbEnvironment*>
      replaced_;  // whose place another one has taken, but are still shared
  std::atomic<uint64_t> fork_count_ = 0;
};

absl::Status SyncAllEnvironments() { return LmdbRegistry::Get().SyncAll(); }

absl::Status CloseAllEnvironments() { return LmdbRegistry::Get().CloseAll(); }

uint64_t ForkCount() { return LmdbRegistry::Get().fork_count(); }

void LmdbEnvironment::Release::operator()(LmdbEnvironment* environment) const {
  LmdbRegistry::Get().Release(environment);
}

absl::StatusOr<LmdbEnvironment::Share> LmdbEnvironment::Acquire(const LmdbOptions& options) {
  absl::StatusOr<LmdbEnvironment*> environment = LmdbRegistry::Get().Acquire(options);
  if (!environment.ok()) return environment.status();
  return Share(*environment);
}

LmdbEnvironment::LmdbEnvironment(const LmdbOptions& options, std::unique_ptr<LmdbFile> file)
    : options_(options),
      file_(std::move(file)),
      value_files_(options.directory / ValueFiles::kFolderName),
      memory_(options.memory_bytes),
      waiting_(std::make_shared<Waiting>()) {
  waiting_->environment = this;
  waiting_->commit =
      std::make_unique<GroupCommit>([waiting = waiting_.get()](const GroupCommit::Batch& batch) {
        return waiting->environment.load()->WriteBatch(batch);
      });
}

LmdbEnvironment::~LmdbEnvironment() {
  if (IsCurrent()) waiting_->commit->Close();
}

// What was read from a file that is not there any more is of no use.
void LmdbEnvironment::GiveUp() {
  file_->Close();
  memory_.Clear();
}

// Both have one queue from now on, so that what waits can be found by way of either.
void LmdbEnvironment::TakeOverFrom(LmdbEnvironment& predecessor) {
  waiting_ = predecessor.waiting_;
  waiting_->environment = this;
  predecessor.successor_ = Share(this);
}

std::optional<StoreState> LmdbEnvironment::State() {
  if (!group_commit().empty()) return std::nullopt;
  const std::optional<uint64_t> last = LastCommitInMemory();
  if (!last) return std::nullopt;
  return memory_.StateAt(*last);
}

bool LmdbEnvironment::FindInMemory(const Place& place, std::string_view key,
                                   absl::FunctionRef<void(const Record&)> visit) {
  const std::optional<uint64_t> last = LastCommitInMemory();
  return last && memory_.Find(place, key, *last, visit);
}

// Nothing if nobody is to be served from memory.
std::optional<uint64_t> LmdbEnvironment::LastCommitInMemory() {
  if (options_.memory_bytes == 0) return std::nullopt;
  const std::optional<uint64_t> last = file_->LastCommit();
  if (!last) return std::nullopt;
  // What is read from the file again has its use noted.
  const std::chrono::nanoseconds now = file_->last_seen();
  if (now - memory_since_.load(std::memory_order_relaxed) > options_.memory_age) {
    memory_since_.store(now, std::memory_order_relaxed);
    memory_.Clear();
  }
  return last;
}

absl::Status LmdbEnvironment::WriteEntries(absl::FunctionRef<int(LmdbEntries&)> body) {
  LmdbEntries::Files freed;
  absl::Status status = Write([&](MDB_txn* txn) {
    LmdbEntries entries(txn);
    const int error = body(entries);
    freed = entries.freed();
    return error;
  });
  if (!status.ok()) return status;
  for (const auto& [place, reference] : freed) value_files_.Remove(place, reference);
  return absl::OkStatus();
}

absl::Status LmdbEnvironment::WriteBatch(const GroupCommit::Batch& batch) {
  absl::Status status = WriteBatchHere(batch);
  for (int attempt = 1; absl::IsAborted(status) && attempt < kMostReplacements; ++attempt) {
    // Whoever deleted the cache does not want it to come back by itself.
    std::error_code ignored;
    if (!std::filesystem::exists(options_.directory / kLmdbDataFile, ignored)) return status;
    const absl::StatusOr<Share> successor = Acquire(options_);
    status = successor.ok() ? (*successor)->WriteBatchHere(batch) : successor.status();
  }
  return status;
}

absl::Status LmdbEnvironment::WriteBatchHere(const GroupCommit::Batch& batch) {
  absl::Status status;
  bool has_files = false;
  for (const auto& [place, entry] : batch.entries) {
    if (entry->value_file == nullptr) continue;
    status.Update(entry->value_file->Sync());
    has_files = true;
  }
  if (has_files && status.ok()) status = value_files_.SyncFolder();
  if (!status.ok()) return status;

  uint64_t transaction = 0;
  status = WriteEntries([&](LmdbEntries& entries) {
    transaction = entries.transaction();
    for (const auto& [place, entry] : batch.entries) {
      if (int error = entries.Put(place, entry->bytes); error != 0) return error;
    }
    const TimePoint now = CoarseNow();
    for (const Place& place : batch.used) {
      if (int error = entries.NoteUse(place, now); error != 0) return error;
    }
    return 0;
  });
  if (!status.ok()) return status;
  std::vector<Place> changed;
  for (const auto& [place, entry] : batch.entries) {
    changed.push_back(place);
    if (entry->value_file != nullptr) entry->value_file->Keep();
  }
  if (!changed.empty()) memory_.Committed(transaction, changed);
  if (has_files) std::call_once(files_are_swept_, [this] { SweepFiles(); });
  return absl::OkStatus();
}

// Removes files whose writers died before a record referred to them.
void LmdbEnvironment::SweepFiles() {
  value_files_.Sweep([&](const Place& place, uint64_t number) {
    bool used = true;
    const absl::Status status = LookUp([&](LmdbSnapshot& snapshot) {
      std::string_view bytes;
      const int error = snapshot.Find(place, &bytes);
      const auto file = error == 0 ? FileOf(bytes) : std::nullopt;
      used = file.has_value() && file->number == number;
      return error == MDB_NOTFOUND ? 0 : error;
    });
    return used || !status.ok();
  });
}

absl::Status LmdbEnvironment::Compact(OnProgress progress) {
  group_commit().Flush().IgnoreError();  // who waited has been told
  const absl::StatusOr<Folder> folder = Folder::Open(options_.directory);
  if (!folder.ok()) return folder.status();
  absl::StatusOr<TemporaryFile> copy = TemporaryFile::Make(*folder);
  if (!copy.ok()) return copy.status();
  struct stat file, done;
  if (fstat(copy->fd(), &done) == 0) SweepTemporaries(*folder, done);
  if (fstatat(folder->fd(), kLmdbDataFile, &file, 0) != 0) {
    return ErrorOf(errno, "look at", folder->path() / kLmdbDataFile);
  }
  // In a thread of its own, as `progress` must not be called during a transaction.
  std::future<absl::Status> compacted;
  try {
    compacted = std::async(std::launch::async, [&] { return ReplaceBy(*copy, *folder); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(error.what());
  }
  while (compacted.wait_for(kPauseBetweenProgress) != std::future_status::ready) {
    if (fstat(copy->fd(), &done) == 0) progress(std::min(done.st_size, file.st_size), file.st_size);
  }
  progress(file.st_size, file.st_size);
  return compacted.get();
}

// A transaction that writes nothing keeps other writers waiting.
absl::Status LmdbEnvironment::ReplaceBy(TemporaryFile& copy, const Folder& folder) {
  bool replaced = false;
  absl::Status outcome;
  const absl::Status waited = Write([&](MDB_txn* txn) {
    outcome = Replace(mdb_txn_id(txn) - 1, copy, folder);
    replaced = outcome.ok();
    return ECANCELED;
  });
  return replaced || !outcome.ok() ? outcome : waited;
}

// Puts a copy of what transaction `last` has committed in the place of the data file. The lock file
// stays: it goes with the copy just as well.
absl::Status LmdbEnvironment::Replace(uint64_t last, TemporaryFile& copy, const Folder& folder) {
  if (last == 0) return absl::OkStatus();  // there is nothing to copy
  absl::Status status = file_->CopyTo(copy.fd());
  if (status.ok()) status = ContinueTransactions(copy.fd(), last);
  if (status.ok()) status = CheckPages(copy.fd(), last);
  if (status.ok()) status = copy.Sync();
  if (status.ok()) status = copy.RenameTo(kLmdbDataFile);
  if (!status.ok()) return status;
  status = folder.Sync();
  AwaitTicks(2);  // until no reader relies on what it knew of the old file
  return status;
}

}  // namespace permacache::storage
