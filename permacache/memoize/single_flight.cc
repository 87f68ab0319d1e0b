#include "permacache/memoize/single_flight.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "permacache/storage/key_digest.h"

namespace permacache::memoize {
namespace {

class ByteLock;
class LockFile;

using Clock = std::chrono::steady_clock;

constexpr mode_t kFileMode = 0600;

// Who waits with a timeout asks the kernel again and again, first after the shorter one.
constexpr Clock::duration kFirstPause = std::chrono::microseconds(50);
constexpr Clock::duration kLongestPause = std::chrono::milliseconds(5);

// Longer timeouts are none: the clock could not count so far.
constexpr auto kLongestTimeout = std::chrono::hours(24 * 365 * 100);

// A file may be replaced again as soon as it is open.
constexpr int kMostReplacements = 100;

// Tells threads apart, also from those that have ended: the system gives their ids to others.
enum class ThreadNumber : uint64_t { kNobody = 0 };

ThreadNumber ThisThread() {
  static constinit std::atomic<uint64_t> last = 0;
  thread_local uint64_t number = 0;
  if (number == 0) number = last.fetch_add(1, std::memory_order_relaxed) + 1;
  return ThreadNumber{number};
}

// All of this process: what must be in order when it forks. Never destroyed: programs use caches
// until their very end. No static variable of a function: a fork in the middle of its initializer
// would leave it locked.
struct State {
  std::vector<FlightTable*> tables;
  std::set<LockFile*> files;
  std::map<ThreadNumber, const Flight*> waits;  // what each thread waits for
  std::vector<Flight*> of_parent;               // never to be used again
};
constinit std::mutex mutex;
constinit State* made_state = nullptr;

State& GetState() {
  if (made_state == nullptr) made_state = new State;
  return *made_state;
}

bool IsTaken(int error) { return error == EAGAIN || error == EACCES; }

// Returns the system's error number, 0 for none.
int SetLock(int fd, int command, short type, int64_t offset) {
  struct flock range = {};  // the kernel wants zeros
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = offset;
  range.l_len = 1;
  while (fcntl(fd, command, &range) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

int64_t OffsetOf(std::string_view key) {
  uint64_t number = 0;
  for (const unsigned char byte : storage::DigestOfKey(key)) number = number << 8 | byte;
  return static_cast<int64_t>(number >> 2);  // the end of the byte must be an offset, too
}

// Where the file lies, however it was spelled. Nullopt if its folder cannot be found.
std::optional<std::string> RealNameOf(const std::filesystem::path& file) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::canonical(file.parent_path(), error);
  if (error) return std::nullopt;
  return (folder / file.filename()).string();
}

// The program may change the directory from which a relative path leads.
std::filesystem::path Absolute(const std::filesystem::path& path) {
  if (path.empty() || path.is_absolute()) return path;
  std::error_code error;
  return std::filesystem::absolute(path, error);  // empty if there is no such directory
}

}  // namespace

// A computation that is going on, or is about to pass to another thread.
struct Flight {
  // Nobody as long as none of those who wait has woken up.
  ThreadNumber owner = ThreadNumber::kNobody;
  int waiting = 0;
  std::condition_variable is_free;
};

namespace {

// A lock file that is open. Its locks belong to what was opened, and so to all threads.
class LockFile {
 public:
  // The mutex must be held. Null if it cannot be opened.
  static std::shared_ptr<LockFile> Open(const std::string& path) {
    auto file = std::make_shared<LockFile>();
    GetState().files.insert(file.get());
    file->fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, kFileMode);
    struct stat info;
    if (file->fd_ < 0 || fstat(file->fd_, &info) != 0) {
      GetState().files.erase(file.get());
      file->Close();
      return nullptr;
    }
    file->device_ = info.st_dev;
    file->inode_ = info.st_ino;
    return file;
  }

  LockFile() = default;
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

  ~LockFile() {
    if (fd_ < 0) return;
    std::lock_guard lock(mutex);
    GetState().files.erase(this);
    Close();
  }

  // Negative in a forked child.
  int fd() const { return fd_; }

  // Whether other processes find it by this name.
  bool IsAt(const std::string& path) const {
    struct stat info;
    return stat(path.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_;
  }

  // Those that this process holds, by offset, and those whose last copy is going just now.
  std::map<int64_t, ByteLock*>& locks() { return locks_; }

  // The child shares what was opened, and would keep the locks of a parent that is killed.
  void LeaveToParent() {
    Close();
    locks_.clear();
  }

 private:
  void Close() {
    if (const int fd = std::exchange(fd_, -1); fd >= 0) close(fd);
  }

  int fd_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::map<int64_t, ByteLock*> locks_;
};

// The kernel's lock on a byte.
class ByteLock : public std::enable_shared_from_this<ByteLock> {
 public:
  ByteLock(std::shared_ptr<LockFile> file, int64_t offset)
      : file_(std::move(file)), offset_(offset) {}
  ByteLock(const ByteLock&) = delete;
  ByteLock& operator=(const ByteLock&) = delete;

  ~ByteLock() {
    std::lock_guard lock(mutex);
    if (!is_locked_ || file_->fd() < 0) return;
    file_->locks().erase(offset_);
    SetLock(file_->fd(), F_OFD_SETLK, F_UNLCK, offset_);
  }

  // What this process holds already. Null if it does not. The mutex must be held.
  static std::shared_ptr<ByteLock> Share(const std::shared_ptr<LockFile>& file, int64_t offset) {
    const auto found = file->locks().find(offset);
    if (found == file->locks().end()) return nullptr;
    if (std::shared_ptr<ByteLock> lock = found->second->weak_from_this().lock()) return lock;
    // Its last copy is going, but has not unlocked the byte yet: it shall not.
    auto lock = std::make_shared<ByteLock>(file, offset);
    lock->is_locked_ = std::exchange(found->second->is_locked_, false);
    found->second = lock.get();
    return lock;
  }

  // Once the byte has been locked, which this will unlock.
  void Locked() {
    is_locked_ = true;
    std::lock_guard lock(mutex);
    file_->locks()[offset_] = this;
  }

 private:
  const std::shared_ptr<LockFile> file_;
  const int64_t offset_;
  bool is_locked_ = false;  // and no other object's
};

}  // namespace

// What goes on in this process with the keys of one lock file.
class FlightTable : public std::enable_shared_from_this<FlightTable> {
 public:
  // The table for this name, or one of its own if that is empty. The mutex must be held.
  static std::shared_ptr<FlightTable> For(const std::string& name) {
    State& state = GetState();
    for (FlightTable* table : state.tables) {
      if (name.empty() || table->name_ != name) continue;
      if (std::shared_ptr<FlightTable> shared = table->weak_from_this().lock()) return shared;
    }
    state.tables.reserve(state.tables.size() + 1);
    auto table = std::make_shared<FlightTable>(name);
    state.tables.push_back(table.get());
    return table;
  }

  explicit FlightTable(std::string name) : name_(std::move(name)) {}
  FlightTable(const FlightTable&) = delete;
  FlightTable& operator=(const FlightTable&) = delete;

  ~FlightTable() {
    std::lock_guard lock(mutex);
    std::erase(GetState().tables, this);
  }

  const std::string& name() const { return name_; }

  // The flight of a key, a new one if there is none. The mutex must be held.
  Flight& Find(int64_t offset) {
    auto found = flights_.find(offset);
    if (found == flights_.end()) {
      found = flights_.emplace(offset, std::make_unique<Flight>()).first;
    }
    return *found->second;
  }

  // Whether this thread has computed the key since before the process was forked. The mutex must be
  // held.
  bool IsInherited(int64_t offset) const {
    const auto found = inherited_.find(offset);
    return found != inherited_.end() && found->second == ThisThread();
  }

  void End(int64_t offset, const Flight* flight) {
    std::lock_guard lock(mutex);
    const auto found = flights_.find(offset);
    if (found == flights_.end() || found->second.get() != flight) {
      inherited_.erase(offset);  // it was the parent's
    } else if (flight->waiting == 0) {
      flights_.erase(found);
    } else {
      found->second->owner = ThreadNumber::kNobody;
      found->second->is_free.notify_one();
    }
  }

  // The lock file, opened if it is not open. Null if it cannot be opened.
  std::shared_ptr<LockFile> File() {
    if (name_.empty()) return nullptr;
    std::shared_ptr<LockFile> before;  // ends after the mutex is free
    std::lock_guard lock(mutex);
    if (file_ == nullptr || file_->fd() < 0) {
      before = std::exchange(file_, nullptr);
      file_ = LockFile::Open(name_);
    }
    return file_;
  }

  // Another one shall be opened, as this one has lost its name.
  void GiveUp(const std::shared_ptr<LockFile>& file) {
    std::shared_ptr<LockFile> before;
    std::lock_guard lock(mutex);
    if (file_ == file) before = std::exchange(file_, nullptr);
  }

  // In a forked child. Other threads do not go on here. What this one computes, its parent holds:
  // it must not wait for that. Nobody may even destroy what threads of the parent wait for.
  void LeaveToParent() {
    for (auto& [offset, flight] : flights_) {
      if (flight->owner == ThisThread()) inherited_[offset] = flight->owner;
      GetState().of_parent.push_back(flight.release());
    }
    flights_.clear();
  }

 private:
  const std::string name_;
  std::map<int64_t, std::unique_ptr<Flight>> flights_;
  std::map<int64_t, ThreadNumber> inherited_;
  std::shared_ptr<LockFile> file_;
};

namespace {

void LeaveAllToParent() {
  if (made_state != nullptr) {
    for (LockFile* file : made_state->files) file->LeaveToParent();
    for (FlightTable* table : made_state->tables) table->LeaveToParent();
    made_state->files.clear();
    made_state->waits.clear();
  }
  mutex.unlock();
}

// Here rather than when it is first needed: what is registered first takes its mutex last, and a
// store may have one of its own when it lets go of a turn.
[[maybe_unused]] const int registered =
    pthread_atfork([] { mutex.lock(); }, [] { mutex.unlock(); }, LeaveAllToParent);

// Whether this thread would wait for itself: for a flight of its own, or of a thread that waits for
// one. The mutex must be held.
bool IsCircle(const Flight& flight) {
  for (const Flight* next = &flight;;) {
    if (next->owner == ThisThread()) return true;
    const auto wait = GetState().waits.find(next->owner);
    if (wait == GetState().waits.end()) return false;
    next = wait->second;
  }
}

// Until somebody wakes this thread, or the deadline.
void Wait(std::unique_lock<std::mutex>& lock, Flight& flight,
          std::optional<Clock::time_point> deadline) {
  GetState().waits[ThisThread()] = &flight;
  ++flight.waiting;
  const absl::Cleanup leave = [&flight] {
    --flight.waiting;
    GetState().waits.erase(ThisThread());
  };
  if (deadline) {
    flight.is_free.wait_until(lock, *deadline);
  } else {
    flight.is_free.wait(lock);
  }
}

}  // namespace

// How long somebody waits, and what is called before.
class SingleFlight::Turn::Patience {
 public:
  Patience(std::optional<std::chrono::nanoseconds> timeout, absl::FunctionRef<void()> on_wait,
           std::optional<std::chrono::nanoseconds> timeout_for_processes = {})
      : timeout_(timeout), timeout_for_processes_(timeout_for_processes), on_wait_(on_wait) {
    if (timeout_ > kLongestTimeout) timeout_.reset();
  }

  // Before each wait: whether there is time left. The first time without the mutex.
  bool Lasts() {
    if (!has_begun_) {
      if (timeout_ && *timeout_ <= std::chrono::nanoseconds(0)) return false;
      if (timeout_) deadline_ = Clock::now() + *timeout_;
      has_begun_ = true;
      on_wait_();
    }
    return !deadline_ || Clock::now() < *deadline_;
  }

  bool has_begun() const { return has_begun_; }
  std::optional<Clock::time_point> deadline() const { return deadline_; }

  // Waits for the kernel's lock. Returns the system's error number, 0 for none.
  int Lock(int fd, int64_t offset) {
    int error = SetLock(fd, F_OFD_SETLK, F_WRLCK, offset);
    if (!IsTaken(error) || !Lasts()) return error;
    if (timeout_for_processes_) {
      const Clock::time_point end = Clock::now() + *timeout_for_processes_;
      deadline_ = deadline_ ? std::min(*deadline_, end) : end;
    }
    if (!deadline_) return SetLock(fd, F_OFD_SETLKW, F_WRLCK, offset);
    for (Clock::duration pause = kFirstPause; IsTaken(error) && Lasts();
         pause = std::min(2 * pause, kLongestPause)) {
      std::this_thread::sleep_until(std::min(Clock::now() + pause, *deadline_));
      error = SetLock(fd, F_OFD_SETLK, F_WRLCK, offset);
    }
    return error;
  }

 private:
  std::optional<std::chrono::nanoseconds> timeout_;
  const std::optional<std::chrono::nanoseconds> timeout_for_processes_;
  const absl::FunctionRef<void()> on_wait_;
  bool has_begun_ = false;
  std::optional<Clock::time_point> deadline_;
};

SingleFlight::Turn::Turn(std::shared_ptr<FlightTable> table, int64_t offset)
    : table_(std::move(table)), offset_(offset) {}

SingleFlight::Turn::Turn(Turn&& other) noexcept
    : table_(std::move(other.table_)),
      offset_(other.offset_),
      flight_(std::exchange(other.flight_, nullptr)),
      held_(std::move(other.held_)),
      waited_(other.waited_) {}

SingleFlight::Turn& SingleFlight::Turn::operator=(Turn&& other) noexcept {
  if (this == &other) return *this;
  End();
  table_ = std::move(other.table_);
  offset_ = other.offset_;
  flight_ = std::exchange(other.flight_, nullptr);
  held_ = std::move(other.held_);
  waited_ = other.waited_;
  return *this;
}

void SingleFlight::Turn::End() {
  if (const Flight* flight = std::exchange(flight_, nullptr); flight != nullptr) {
    table_->End(offset_, flight);
  }
  held_.reset();
}

SingleFlight::Turn::Outcome SingleFlight::Turn::Take(Patience& patience) {
  Outcome outcome = AwaitThreads(patience);
  if (outcome == Outcome::kMine) outcome = AwaitProcesses(patience);
  if (outcome != Outcome::kMine) End();
  waited_ = patience.has_begun();
  return outcome;
}

SingleFlight::Turn::Outcome SingleFlight::Turn::AwaitThreads(Patience& patience) {
  std::unique_lock lock(mutex);
  for (;;) {
    if (table_->IsInherited(offset_)) return Outcome::kAlone;
    Flight& flight = table_->Find(offset_);
    if (flight.owner == ThreadNumber::kNobody) {
      flight.owner = ThisThread();
      flight_ = &flight;
      return Outcome::kMine;
    }
    if (IsCircle(flight)) return Outcome::kAlone;
    const bool had_begun = patience.has_begun();
    if (!had_begun) lock.unlock();
    if (!patience.Lasts()) return Outcome::kBusy;
    if (had_begun) {
      Wait(lock, flight, patience.deadline());
    } else {
      lock.lock();  // meanwhile it may have changed
    }
  }
}

SingleFlight::Turn::Outcome SingleFlight::Turn::AwaitProcesses(Patience& patience) {
  for (int attempt = 0; attempt < kMostReplacements; ++attempt) {
    const std::shared_ptr<LockFile> file = table_->File();
    if (file == nullptr) return Outcome::kMine;
    std::shared_ptr<ByteLock> byte;
    {
      std::lock_guard lock(mutex);
      byte = ByteLock::Share(file, offset_);
    }
    if (byte == nullptr) {
      byte = std::make_shared<ByteLock>(file, offset_);
      const int error = patience.Lock(file->fd(), offset_);
      if (IsTaken(error)) return Outcome::kBusy;
      if (error != 0) return Outcome::kMine;
      byte->Locked();
    }
    if (file->IsAt(table_->name())) {
      held_ = std::move(byte);
      return Outcome::kMine;
    }
    table_->GiveUp(file);
  }
  return Outcome::kMine;
}

SingleFlight::SingleFlight(std::filesystem::path lock_file)
    : lock_file_(Absolute(lock_file)), has_final_table_(false) {}

// The same one for all objects of a file, once its folder is there to tell them by.
std::shared_ptr<FlightTable> SingleFlight::Table() {
  std::shared_ptr<FlightTable> before;  // ends after the mutex is free
  std::lock_guard lock(mutex);
  if (has_final_table_) return table_;
  std::optional<std::string> name;
  if (!lock_file_.empty()) name = RealNameOf(lock_file_);
  has_final_table_ = lock_file_.empty() || name.has_value();
  before = table_;
  table_ = FlightTable::For(name.value_or(lock_file_.lexically_normal().string()));
  return table_;
}

SingleFlight::Turn SingleFlight::Take(std::string_view key,
                                      std::optional<std::chrono::nanoseconds> timeout,
                                      absl::FunctionRef<void()> on_wait,
                                      std::optional<std::chrono::nanoseconds> for_processes) {
  Turn turn(Table(), OffsetOf(key));
  Turn::Patience patience(timeout, on_wait, for_processes);
  turn.Take(patience);
  return turn;
}

std::optional<SingleFlight::Turn> SingleFlight::TryTake(std::string_view key) {
  Turn turn(Table(), OffsetOf(key));
  Turn::Patience patience(std::chrono::nanoseconds(0), [] {});
  if (turn.Take(patience) == Turn::Outcome::kBusy) return std::nullopt;
  return turn;
}

}  // namespace permacache::memoize
