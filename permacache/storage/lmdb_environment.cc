#include "permacache/storage/lmdb_environment.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <future>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "permacache/storage/files.h"
#include "permacache/storage/last_use.h"
#include "permacache/storage/lmdb_check.h"

namespace permacache::storage {
namespace {

constexpr size_t kLeastMapSize = size_t{1} << 20;

// Where address space is short, how much of it is left to the rest of the program: a map takes one
// part in so many.
constexpr size_t kShareOfScarceSpace = 16;

// How often a writer looks for readers that died and keep old pages from being used again.
constexpr uint64_t kWritesBetweenReaderChecks = 256;

// Enough for kMaxReaders slots, of a cache line each, and the header before them.
constexpr off_t kLockFileSize = 128 << 10;
constexpr unsigned kMaxReaders = 1024;
constexpr unsigned kMaxGenerations = 128;
constexpr mode_t kDirectoryMode = 0700;
constexpr mdb_mode_t kFileMode = 0600;

// A file that another process is creating at this moment looks damaged for as long.
constexpr int kChecksBeforeDamaged = 10;
constexpr auto kPauseBetweenChecks = std::chrono::milliseconds(5);

// Said in place of an LMDB error code.
constexpr int kFileLost = -1;

constexpr const char* kDataFile = "data.mdb";
constexpr const char* kLockFile = "lock.mdb";

// A file may be replaced again before it is open. It takes long enough for others to have their
// turn.
constexpr int kMostReplacements = 100;

// How often those who wait for a long copy are told how far it is.
constexpr auto kPauseBetweenProgress = std::chrono::milliseconds(100);

bool IsClosingSafeHere() {
  int major, minor, patch;
  mdb_version(&major, &minor, &patch);
  return IsClosingSafe(major, minor, patch);
}

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

absl::Status CheckMetaPagesPatiently(const std::filesystem::path& file) {
  absl::Status status;
  for (int i = 0; i < kChecksBeforeDamaged; ++i) {
    status = CheckMetaPages(file);
    if (!absl::IsDataLoss(status)) break;
    std::this_thread::sleep_for(kPauseBetweenChecks);
  }
  return status;
}

// LMDB takes a write that the disk had no room for to the end for an input/output error.
bool IsDiskFull(const std::filesystem::path& directory) {
  struct statvfs info;
  return statvfs(directory.c_str(), &info) == 0 && info.f_bavail == 0;
}

// Whether a mapping of this size can be had besides those there are.
bool IsSpaceFor(size_t size) {
  void* space = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (space == MAP_FAILED) return false;
  munmap(space, size);
  return true;
}

// `wanted`, or where address space is short so much that others can live, too.
size_t AffordableMapSize(size_t wanted) {
  if (IsSpaceFor(wanted)) return wanted;
  size_t size = wanted / 2;
  while (size > kLeastMapSize && !IsSpaceFor(size)) size /= 2;
  return std::max(size / kShareOfScarceSpace, kLeastMapSize);
}

// The time as the kernel last noted it, some milliseconds ago at most.
int64_t CoarseTime() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Until what CoarseTime returns has changed so often.
void AwaitTicks(int ticks) {
  for (int i = 0; i < ticks; ++i) {
    const int64_t before = CoarseTime();
    while (CoarseTime() == before) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

absl::Status Annotate(const absl::Status& status, const std::filesystem::path& path) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(path.string(), ": ", status.message()));
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
    LmdbEnvironment* predecessor = nullptr;
    // Somebody may have deleted or compacted the cache; a new folder may even have got the same
    // inode.
    if (environment != nullptr &&
        (environment->has_failed_ || !environment->IsFileOf(options.directory))) {
      predecessor = std::exchange(environment, nullptr);
      predecessor->Abandon();
      abandoned_.push_back(predecessor);
    }
    if (environment == nullptr) {
      absl::StatusOr<LmdbEnvironment*> opened = LmdbEnvironment::Open(options);
      if (!opened.ok()) {
        environments_.erase({info.st_dev, info.st_ino});
        return opened.status();
      }
      environment = *opened;
      if (predecessor != nullptr) {
        environment->TakeOverFrom(*predecessor);
        ++environment->shares_;
      }
    }
    ++environment->shares_;
    return environment;
  }

  void Release(LmdbEnvironment* environment) {
    // What waits may have to go to a successor, which cannot be acquired while the registry is
    // locked.
    if (IsLastShare(environment)) environment->group_commit().Flush().IgnoreError();
    LmdbEnvironment::Share successor;  // given back when the registry is not locked any more
    std::lock_guard lock(mutex_);
    if (--environment->shares_ > 0) return;
    if (!environment->is_abandoned_ && !IsClosingSafeHere()) return;
    successor = std::move(environment->successor_);
    std::erase(abandoned_, environment);
    std::erase_if(environments_, [&](const auto& entry) { return entry.second == environment; });
    delete environment;
  }

  absl::Status SyncAll() {
    return ForEach([](GroupCommit& group_commit) { return group_commit.Flush(); });
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
    ForEach([](GroupCommit& group_commit) {
      group_commit.Close();
      return absl::OkStatus();
    }).IgnoreError();  // who waited has been told
  }

  // The environments must not go meanwhile, and nobody else may wait for the disk.
  absl::Status ForEach(absl::FunctionRef<absl::Status(GroupCommit&)> sync) {
    std::vector<LmdbEnvironment*> environments;
    {
      std::lock_guard lock(mutex_);
      environments = abandoned_;  // on their behalf something may still wait
      for (const auto& [place, environment] : environments_) environments.push_back(environment);
      for (LmdbEnvironment* environment : environments) ++environment->shares_;
    }
    absl::Status status;
    for (LmdbEnvironment* environment : environments) {
      status.Update(sync(environment->group_commit()));
      Release(environment);
    }
    return status;
  }

  bool IsLastShare(const LmdbEnvironment* environment) {
    std::lock_guard lock(mutex_);
    return environment->shares_ == 1;
  }

  // The parent's environments are of no use to a child, which must not even close them.
  void ForgetInherited() {
    environments_.clear();
    abandoned_.clear();
    fork_count_.fetch_add(1, std::memory_order_release);
    mutex_.unlock();
  }

  std::mutex mutex_;
  std::map<std::pair<dev_t, ino_t>, LmdbEnvironment*> environments_;
  std::vector<LmdbEnvironment*> abandoned_;
  std::atomic<uint64_t> fork_count_ = 0;
};

bool IsClosingSafe(int major, int minor, int patch) {
  const auto version = std::tuple(major, minor, patch);
  return version < std::tuple(0, 9, 26) || version > std::tuple(0, 9, 31);
}

absl::Status SyncAllEnvironments() { return LmdbRegistry::Get().SyncAll(); }

uint64_t ForkCount() { return LmdbRegistry::Get().fork_count(); }

void LmdbEnvironment::Release::operator()(LmdbEnvironment* environment) const {
  LmdbRegistry::Get().Release(environment);
}

absl::StatusOr<LmdbEnvironment::Share> LmdbEnvironment::Acquire(const LmdbOptions& options) {
  absl::StatusOr<LmdbEnvironment*> environment = LmdbRegistry::Get().Acquire(options);
  if (!environment.ok()) return environment.status();
  return Share(*environment);
}

LmdbEnvironment::LmdbEnvironment(const LmdbOptions& options, bool read_only)
    : options_(options),
      read_only_(read_only),
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
  if (waiting_->environment.load() == this) waiting_->commit->Close();
  Abandon();
}

absl::StatusOr<LmdbEnvironment*> LmdbEnvironment::Open(const LmdbOptions& options) {
  absl::StatusOr<LmdbEnvironment*> opened = TryOpen(options);
  for (int attempt = 1; absl::IsAborted(opened.status()) && attempt < kMostReplacements;
       ++attempt) {
    opened = TryOpen(options);
  }
  return opened;
}

absl::StatusOr<LmdbEnvironment*> LmdbEnvironment::TryOpen(const LmdbOptions& options) {
  const std::filesystem::path file = options.directory / kDataFile;
  absl::Status status = Annotate(CheckMetaPagesPatiently(file), file);
  if (absl::IsDataLoss(status) && DiscardUnfinishedFile(options.directory)) {
    status = absl::OkStatus();
  }
  absl::Status denied;
  for (const bool read_only : {false, true}) {
    if (!status.ok() && !absl::IsPermissionDenied(status)) return status;
    denied = status;
    LmdbEnvironment* environment = new LmdbEnvironment(options, read_only);
    absl::Cleanup destroy = [&] { delete environment; };
    status = environment->AllocateLockFile();
    if (status.ok()) status = environment->OpenFile();
    if (status.ok()) status = environment->CheckFile();
    if (status.ok()) {
      std::move(destroy).Cancel();
      return environment;
    }
  }
  // That there is no file to be read is not what is wrong.
  return absl::IsNotFound(status) ? denied : status;
}

// Lets LMDB begin anew where a crash or a full disk cut short what it wrote first. LMDB locks the
// first byte of the lock file while an environment is open, so that nobody is at it meanwhile. Only
// called while this process has not opened that file, as below.
bool LmdbEnvironment::DiscardUnfinishedFile(const std::filesystem::path& directory) {
  const std::filesystem::path lock_file = directory / kLockFile, file = directory / kDataFile;
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
absl::Status LmdbEnvironment::AllocateLockFile() const {
  if (read_only_) return absl::OkStatus();
  const std::filesystem::path file = options_.directory / kLockFile;
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

absl::Status LmdbEnvironment::OpenFile() {
  if (int error = mdb_env_create(&env_); error != 0) return ToStatus(error, "create");
  absl::Cleanup close = [&] {
    mdb_env_close(env_);
    env_ = nullptr;
  };
  mdb_env_set_maxreaders(env_, kMaxReaders);
  mdb_env_set_maxdbs(env_, kMaxGenerations);
  const size_t map_size = AffordableMapSize(options_.map_size);
  if (int error = mdb_env_set_mapsize(env_, map_size); error != 0) return ToStatus(error, "map");
  const unsigned flags = MDB_NOTLS | (read_only_ ? MDB_RDONLY : 0);
  int error = mdb_env_open(env_, options_.directory.c_str(), flags, kFileMode);
  if (error == 0 && !read_only_) error = SyncNewFile();
  if (error != 0) return ToStatus(error, "open");
  MDB_stat stat;
  mdb_env_stat(env_, &stat);
  if (absl::Status status = commits_.Open(DataFile(), stat.ms_psize); !status.ok()) {
    return Annotate(status, options_.directory / kDataFile);
  }
  ClearDeadReaders();
  std::move(close).Cancel();
  return absl::OkStatus();
}

// An empty file is to be complete before it has entries: if a crash tears it later, that is damage.
int LmdbEnvironment::SyncNewFile() {
  MDB_envinfo info;
  mdb_env_info(env_, &info);
  return info.me_last_txnid == 0 ? mdb_env_sync(env_, 1) : 0;
}

absl::Status LmdbEnvironment::CheckFile() {
  absl::Status checked;
  for (int i = 0; i < kChecksBeforeDamaged; ++i) {
    absl::Status status = Read([&](MDB_txn* txn) {
      checked = CheckPages(DataFile(), mdb_txn_id(txn));
      return 0;
    });
    if (!status.ok()) return status;
    if (checked.ok()) break;
  }
  return Annotate(checked, options_.directory / kDataFile);
}

// Reading a map beyond the end of its file is SIGBUS, and what is written to a deleted file is
// lost.
int LmdbEnvironment::CheckPresence() {
  if (is_abandoned_) return kFileLost;
  if (has_no_map_) return ENOMEM;
  const int64_t now = CoarseTime();
  struct stat info;
  if (fstat(DataFile(), &info) != 0 || info.st_nlink == 0) return kFileLost;
  int64_t largest = largest_file_size_.load(std::memory_order_relaxed);
  if (info.st_size < largest) return kFileLost;
  while (info.st_size > largest &&
         !largest_file_size_.compare_exchange_weak(largest, info.st_size)) {
  }
  presence_transaction_.store(commits_.last(), std::memory_order_relaxed);
  presence_time_.store(now, std::memory_order_relaxed);
  return 0;
}

// Asking the kernel each time would double the price of a hit. Compact's last act is a commit to
// the file it replaces, so that nobody goes on with that.
int LmdbEnvironment::CheckPresenceLately() {
  if (is_abandoned_) return kFileLost;
  if (presence_time_.load(std::memory_order_relaxed) == CoarseTime() &&
      presence_transaction_.load(std::memory_order_relaxed) == commits_.last()) {
    return has_no_map_ ? ENOMEM : 0;
  }
  return CheckPresence();
}

absl::Status LmdbEnvironment::Read(absl::FunctionRef<int(MDB_txn*)> body) {
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

int LmdbEnvironment::TryRead(absl::FunctionRef<int(MDB_txn*)> body) {
  const auto gate = EnterTransaction();
  if (int error = CheckPresenceLately(); error != 0) return error;
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

bool LmdbEnvironment::FindInMemory(const Place& place, std::string_view key,
                                   absl::FunctionRef<void(const Record&)> visit) {
  if (options_.memory_bytes == 0) return false;
  uint64_t last = 0;
  {
    const auto gate = EnterTransaction();
    if (CheckPresenceLately() != 0) return false;
    last = commits_.last();
  }
  return memory_.Find(place, key, last, visit);
}

int LmdbEnvironment::TakeReader(MDB_txn** txn) {
  {
    std::lock_guard lock(readers_mutex_);
    if (!readers_.empty()) {
      *txn = readers_.back();
      readers_.pop_back();
    }
  }
  if (*txn == nullptr) return mdb_txn_begin(env_, nullptr, MDB_RDONLY, txn);
  const int error = mdb_txn_renew(*txn);
  if (error != 0) mdb_txn_abort(*txn);
  return error;
}

absl::Status LmdbEnvironment::Write(absl::FunctionRef<int(MDB_txn*)> body) {
  if (read_only_) {
    return absl::PermissionDeniedError(
        absl::StrCat(options_.directory.string(), ": the cache can be read but not written"));
  }
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
    if (!std::filesystem::exists(options_.directory / kDataFile)) return status;
    const absl::StatusOr<Share> successor = Acquire(options_);
    status = successor.ok() ? (*successor)->WriteBatchHere(batch) : successor.status();
  }
  return status;
}

absl::Status LmdbEnvironment::WriteBatchHere(const GroupCommit::Batch& batch) {
  std::map<uint32_t, MDB_dbi> databases;
  const auto open = [&](const Place& place) {
    if (databases.contains(place.generation)) return absl::OkStatus();
    const absl::StatusOr<MDB_dbi> database = OpenGeneration(place.generation);
    if (database.ok()) databases[place.generation] = *database;
    return database.status();
  };
  absl::Status status;
  bool has_files = false;
  for (const auto& [place, entry] : batch.entries) {
    status.Update(open(place));
    if (entry->value_file == nullptr) continue;
    status.Update(entry->value_file->Sync());
    has_files = true;
  }
  for (const Place& place : batch.used) status.Update(open(place));
  if (has_files && status.ok()) status = value_files_.SyncFolder();
  if (!status.ok()) return status;

  uint64_t transaction = 0;
  status = WriteEntries([&](LmdbEntries& entries) {
    transaction = entries.transaction();
    for (const auto& [place, entry] : batch.entries) {
      if (int error = entries.Put(databases[place.generation], place, entry->bytes); error != 0) {
        return error;
      }
    }
    const TimePoint now = CoarseNow();
    for (const Place& place : batch.used) {
      if (int error = entries.NoteUse(databases[place.generation], place, now); error != 0) {
        return error;
      }
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
    const absl::StatusOr<MDB_dbi> database = OpenGeneration(place.generation);
    if (!database.ok()) return true;
    bool used = true;
    const absl::Status status = Read([&](MDB_txn* txn) {
      MDB_val key = ToVal(place.digest), bytes;
      const int error = mdb_get(txn, *database, &key, &bytes);
      const auto file = error == 0 ? FileOf(ToView(bytes)) : std::nullopt;
      used = file.has_value() && file->number == number;
      return error == MDB_NOTFOUND ? 0 : error;
    });
    return used || !status.ok();
  });
}

int LmdbEnvironment::TryWrite(absl::FunctionRef<int(MDB_txn*)> body) {
  const auto gate = EnterTransaction();
  if (int error = CheckPresence(); error != 0) return error;
  MDB_txn* txn = nullptr;
  if (int error = mdb_txn_begin(env_, nullptr, 0, &txn); error != 0) {
    if (error == MDB_PANIC) has_failed_ = true;
    return error;
  }
  absl::Cleanup abort = [&] { mdb_txn_abort(txn); };
  // Another file may have taken its place while this thread waited for its turn.
  if (int error = CheckPresence(); error != 0) return error;
  if (int error = body(txn); error != 0) return error;
  std::move(abort).Cancel();
  return mdb_txn_commit(txn);
}

// Both have one queue from now on, so that what waits can be found by way of either.
void LmdbEnvironment::TakeOverFrom(LmdbEnvironment& predecessor) {
  waiting_ = predecessor.waiting_;
  waiting_->environment = this;
  predecessor.successor_ = Share(this);
}

// Waits for the transactions that run, lets no other begin, and closes what is open. That takes
// away the locks of the whole process on the lock file, so it must be done before a successor opens
// that.
void LmdbEnvironment::Abandon() {
  const auto gate = CloseGate();
  if (std::exchange(is_abandoned_, true) || env_ == nullptr || has_no_map_) return;
  if (!IsClosingSafeHere()) return;
  for (MDB_txn* reader : readers_) mdb_txn_abort(reader);
  mdb_env_close(env_);
  commits_.Close();
}

// A thread that waits here holds the turnstile, so that a stream of readers cannot keep it waiting.
std::unique_lock<std::shared_mutex> LmdbEnvironment::CloseGate() {
  std::lock_guard turn(turnstile_);
  closing_gate_.store(true, std::memory_order_release);
  std::unique_lock gate(gate_);
  closing_gate_.store(false, std::memory_order_release);
  return gate;
}

std::shared_lock<std::shared_mutex> LmdbEnvironment::EnterTransaction() {
  if (closing_gate_.load(std::memory_order_acquire)) std::lock_guard wait(turnstile_);
  return std::shared_lock(gate_);
}

size_t LmdbEnvironment::MapSize() {
  const auto gate = EnterTransaction();
  if (is_abandoned_ || has_no_map_) return 0;
  MDB_envinfo info;
  mdb_env_info(env_, &info);
  return info.me_mapsize;
}

void LmdbEnvironment::ClearDeadReaders() {
  const auto gate = EnterTransaction();
  if (is_abandoned_ || has_no_map_) return;
  int dead = 0;
  mdb_reader_check(env_, &dead);
}

absl::Status LmdbEnvironment::GrowMap(size_t full_size) {
  if (MapSize() > full_size) return absl::OkStatus();  // another thread was faster
  ClearDeadReaders();                                  // they may be what keeps it full
  return ResizeMap(full_size + full_size / 8, 2 * full_size);
}

// Another process has grown the file beyond this one's map. How large its own map is does not
// matter: it may have more address space.
absl::Status LmdbEnvironment::AdoptMap() {
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
absl::Status LmdbEnvironment::ResizeMap(size_t least, size_t wanted) {
  const auto gate = CloseGate();
  if (is_abandoned_) return ToStatus(kFileLost, "grow the map of");
  size_t size = wanted;
  while (!IsSpaceFor(size)) {
    if (size == least) return ToStatus(MDB_MAP_FULL, "grow the map of");
    size = std::max(least, size / 4 * 3);
  }
  const int error = mdb_env_set_mapsize(env_, size);
  if (error != 0) has_no_map_ = true;
  return ToStatus(error, "grow the map of");
}

absl::StatusOr<MDB_dbi> LmdbEnvironment::OpenGeneration(uint32_t version) {
  // LMDB wants handles to be opened by one transaction at a time.
  std::lock_guard lock(generations_mutex_);
  if (const auto found = generations_.find(version); found != generations_.end()) {
    return found->second;
  }
  const std::string name = std::to_string(version);
  MDB_dbi database = 0;
  absl::Status status;
  if (read_only_) {
    // A handle outlives the transaction that opened it only if that commits.
    const auto gate = EnterTransaction();
    MDB_txn* txn = nullptr;
    int error = CheckPresence();
    if (error == 0) error = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
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

absl::StatusOr<std::vector<uint32_t>> LmdbEnvironment::Generations() {
  std::vector<uint32_t> versions;
  const absl::Status status = Read([&](MDB_txn* txn) {
    versions.clear();
    MDB_dbi main;
    if (int error = mdb_dbi_open(txn, nullptr, 0, &main); error != 0) return error;
    MDB_cursor* cursor = nullptr;
    if (int error = mdb_cursor_open(txn, main, &cursor); error != 0) return error;
    const absl::Cleanup close = [&] { mdb_cursor_close(cursor); };
    MDB_val name, ignored;
    int error = 0;
    while ((error = mdb_cursor_get(cursor, &name, &ignored, MDB_NEXT)) == 0) {
      uint32_t version = 0;
      const std::string digits(ToView(name));
      if (absl::SimpleAtoi(digits, &version)) versions.push_back(version);
    }
    return error == MDB_NOTFOUND ? 0 : error;
  });
  if (!status.ok()) return status;
  return versions;
}

absl::Status LmdbEnvironment::Compact(OnProgress progress) {
  group_commit().Flush().IgnoreError();  // who waited has been told
  bool replaced = false;
  absl::Status outcome;
  // A transaction that writes nothing keeps other writers waiting.
  const absl::Status waited = Write([&](MDB_txn* txn) {
    outcome = Replace(mdb_txn_id(txn) - 1, progress);
    replaced = outcome.ok();
    return ECANCELED;
  });
  return replaced || !outcome.ok() ? outcome : waited;
}

// Puts a copy of what transaction `last` has committed in the place of the data file. The lock file
// stays: it goes with the copy just as well.
absl::Status LmdbEnvironment::Replace(uint64_t last, OnProgress progress) {
  if (last == 0) return absl::OkStatus();  // there is nothing to copy
  const absl::StatusOr<Folder> folder = Folder::Open(options_.directory);
  if (!folder.ok()) return folder.status();
  absl::StatusOr<TemporaryFile> copy = TemporaryFile::Make(*folder);
  if (!copy.ok()) return copy.status();
  struct stat now;
  if (fstat(copy->fd(), &now) == 0) SweepTemporaries(*folder, now);

  absl::Status status = CopyTo(copy->fd(), progress);
  if (status.ok()) status = ContinueTransactions(copy->fd(), last);
  if (status.ok()) status = Annotate(CheckPages(copy->fd(), last), options_.directory / kDataFile);
  if (status.ok()) status = copy->Sync();
  if (status.ok()) status = copy->RenameTo(kDataFile);
  if (!status.ok()) return status;
  status = folder->Sync();
  AwaitTicks(2);  // until no reader relies on what it knew of the old file
  return status;
}

absl::Status LmdbEnvironment::CopyTo(int fd, OnProgress progress) {
  MDB_envinfo info;
  MDB_stat stat;
  mdb_env_info(env_, &info);
  mdb_env_stat(env_, &stat);
  const auto total = static_cast<int64_t>((info.me_last_pgno + 1) * stat.ms_psize);
  std::future<int> copied;
  try {
    copied =
        std::async(std::launch::async, [&] { return mdb_env_copyfd2(env_, fd, MDB_CP_COMPACT); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(error.what());
  }
  while (copied.wait_for(kPauseBetweenProgress) != std::future_status::ready) {
    struct stat done;
    if (fstat(fd, &done) == 0) progress(std::min<int64_t>(done.st_size, total), total);
  }
  progress(total, total);
  return ToStatus(copied.get(), "copy");
}

int LmdbEnvironment::DataFile() const {
  mdb_filehandle_t file;
  mdb_env_get_fd(env_, &file);
  return file;
}

bool LmdbEnvironment::IsFileOf(const std::filesystem::path& directory) const {
  struct stat opened, present;
  if (fstat(DataFile(), &opened) != 0) return false;
  if (stat((directory / kDataFile).c_str(), &present) != 0) return false;
  return opened.st_dev == present.st_dev && opened.st_ino == present.st_ino &&
         present.st_size >= largest_file_size_.load(std::memory_order_relaxed);
}

absl::Status LmdbEnvironment::ToStatus(int error, const char* doing) const {
  if (error == 0) return absl::OkStatus();
  if (error == kFileLost) {
    return absl::AbortedError(
        absl::StrCat(options_.directory.string(),
                     ": the data file was deleted, replaced or truncated while in use"));
  }
  const std::string failed =
      absl::StrCat(options_.directory.string(), ": cannot ", doing, " the LMDB environment");
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
      if (IsDiskFull(options_.directory)) return absl::ResourceExhaustedError(message);
      return absl::InternalError(message);
    case MDB_BAD_RSLOT:
    case MDB_PANIC:
      return absl::AbortedError(message);
    default:
      return error > 0 ? absl::ErrnoToStatus(error, failed) : absl::InternalError(message);
  }
}

}  // namespace permacache::storage
