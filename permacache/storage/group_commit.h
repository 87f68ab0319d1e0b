// Group commit: entries wait in memory for a moment and are then written together, with one sync of
// the disk for all of them.
#ifndef PERMACACHE_STORAGE_GROUP_COMMIT_H_
#define PERMACACHE_STORAGE_GROUP_COMMIT_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "permacache/storage/place.h"
#include "permacache/storage/value_files.h"

namespace permacache::storage {

// Called in any thread when entries could not be written after all.
using OnLost = std::function<void(const absl::Status&)>;

// What waits for one environment. Every method may be called from any thread; an object belongs to
// the process that made it. A thread runs only while something waits.
class GroupCommit {
 public:
  // How long an entry waits at most, unless the disk is slower.
  static constexpr auto kLongestWait = std::chrono::milliseconds(20);

  // More bytes than this do not wait: whoever adds them writes them.
  static constexpr size_t kMostBytes = size_t{64} << 20;

  // When so many entries hold something they wait no longer: what they hold may be locks, of which
  // the kernel makes lists that it searches from the start.
  static constexpr size_t kMostHeld = 128;

  struct Entry {
    std::string bytes;                                // its envelope
    std::shared_ptr<ValueFiles::Written> value_file;  // if its value is not in the envelope
    OnLost on_lost;

    // Let go of when the batch has been written or lost, or the entry replaced or dropped, while no
    // mutex is held: that may take system calls.
    std::shared_ptr<const void> held = {};
  };

  struct Batch {
    std::map<Place, std::shared_ptr<const Entry>> entries;
    std::set<Place> used;  // entries that are on the disk, whose use is to be noted

    // Whether nothing waits or is being written, not even a use.
    bool IsIdle() const;

    bool empty() const { return entries.empty() && used.empty(); }
  };

  // Writes a batch in one transaction. OK means that the disk has it, and keeps its files.
  using WriteBatch = std::function<absl::Status(const Batch&)>;

  explicit GroupCommit(WriteBatch write) : write_(std::move(write)) {}
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;
  ~GroupCommit() { Close(); }

  // From now on Find has this entry, in place of an earlier one of its name. It is written soon.
  void Add(const Place& name, Entry entry);

  // That the entry of this name was used now is written with what else is written next.
  void NoteUse(const Place& name);

  // Calls visit(bytes) if an entry of this name waits; returns whether it does. Its file stays
  // during that call.
  bool Find(const Place& name, absl::FunctionRef<void(std::string_view bytes)> visit) const;

  // Writes everything that waits. Says why it could not write something since the last time.
  absl::Status Flush();

  // Runs `body`, which writes to the same place, while nothing else is written. Before, what waits
  // and is accepted by `drop` is forgotten.
  absl::Status Instead(absl::FunctionRef<bool(const Place&)> drop,
                       absl::FunctionRef<absl::Status()> body);

  // Writes what waits and ends the thread. From now on nothing waits: Add writes at once.
  void Close();

  // Whether nothing waits or is being written, not even a use.
  bool IsIdle() const;

  bool empty() const { return entries_.load(std::memory_order_acquire) == 0; }

 private:
  void AwaitWriter(std::unique_lock<std::mutex>& lock);
  void StopWaiting();
  void StartWriter(std::unique_lock<std::mutex>& lock);
  void RunWriter();
  absl::Status Commit();
  absl::Status Write() const;
  static void TellOfLoss(const Batch& batch, const absl::Status& status);
  void CountThoseThereAre();

  const WriteBatch write_;

  std::mutex commit_mutex_;  // held while a batch is written; taken before mutex_

  mutable std::mutex mutex_;  // guards what follows; writing_ is read with either mutex
  std::condition_variable wake_;
  Batch waiting_;
  Batch writing_;
  size_t waiting_bytes_ = 0;
  size_t waiting_held_ = 0;  // of entries that were added, also if they have been replaced since
  absl::Status lost_;        // since the last Flush
  bool writer_runs_ = false;
  bool stops_waiting_ = false;
  std::thread writer_;

  std::atomic<size_t> entries_ = 0;  // in both batches, to be read without the mutex
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_GROUP_COMMIT_H_
