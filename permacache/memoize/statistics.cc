#include "permacache/memoize/statistics.h"

#include <pthread.h>

#include <cstdlib>
#include <mutex>
#include <set>
#include <utility>

#include "permacache/memoize/failure_reporter.h"
#include "permacache/memoize/statistics_file.h"
#include "permacache/memoize/thread_slot.h"

namespace permacache {
namespace memoize {
namespace {

using std::chrono::steady_clock;

// What a process that is killed loses of its counts at most, if it computes now and then.
constexpr auto kPauseBetweenSaves = std::chrono::seconds(60);

steady_clock::rep NextSave() {
  return (steady_clock::now() + kPauseBetweenSaves).time_since_epoch().count();
}

FunctionStats Difference(FunctionStats now, const FunctionStats& before) {
  now.hits -= before.hits;
  now.memory_hits -= before.memory_hits;
  now.misses -= before.misses;
  now.waits -= before.waits;
  now.failures -= before.failures;
  now.bytes_read -= before.bytes_read;
  now.bytes_written -= before.bytes_written;
  now.computed -= before.computed;
  now.saved -= before.saved;
  return now;
}

}  // namespace

// The counts of all functions that this process has.
class StatisticsRegistry {
 public:
  // Never destroyed: programs use caches until their very end.
  static StatisticsRegistry& Get() {
    static StatisticsRegistry* const registry = new StatisticsRegistry;
    return *registry;
  }

  void Enter(Statistics* statistics) {
    std::lock_guard lock(mutex_);
    all_.insert(statistics);
  }

  void Leave(Statistics* statistics) {
    std::lock_guard lock(mutex_);
    statistics->Save();
    gone_ += statistics->OfThisProcess();
    all_.erase(statistics);
  }

  void Save(Statistics* statistics) {
    std::lock_guard lock(mutex_);
    statistics->Save();
  }

  FunctionStats Unsaved(const Statistics& statistics) {
    std::lock_guard lock(mutex_);
    return Difference(statistics.OfThisProcess(), statistics.saved_in_file_);
  }

  void SaveAll() {
    std::lock_guard lock(mutex_);
    for (Statistics* statistics : all_) statistics->Save();
  }

  FunctionStats Sum() {
    std::lock_guard lock(mutex_);
    FunctionStats sum = gone_;
    for (const Statistics* statistics : all_) sum += statistics->OfThisProcess();
    return sum;
  }

 private:
  StatisticsRegistry() {
    pthread_atfork([] { Get().mutex_.lock(); }, [] { Get().mutex_.unlock(); },
                   [] { Get().LeaveToParent(); });
    std::atexit([] { Get().SaveAll(); });
  }

  // What the parent has counted by now is for the parent to save.
  void LeaveToParent() {
    for (Statistics* statistics : all_) statistics->saved_in_file_ = statistics->OfThisProcess();
    mutex_.unlock();
  }

  std::mutex mutex_;
  std::set<Statistics*> all_;
  FunctionStats gone_;
};

Statistics::Statistics(std::filesystem::path folder, std::shared_ptr<FailureReporter> failures)
    : folder_(std::move(folder)), failures_(std::move(failures)), next_save_(NextSave()) {
  StatisticsRegistry::Get().Enter(this);
}

Statistics::~Statistics() { StatisticsRegistry::Get().Leave(this); }

void Statistics::CountHit(bool from_memory, size_t bytes, std::chrono::nanoseconds saved) {
  Add(from_memory ? kMemoryHits : kDiskHits, 1);
  Add(kBytesRead, static_cast<int64_t>(bytes));
  Add(kSaved, saved.count());
}

void Statistics::Add(Kind kind, int64_t number) {
  const size_t thread = ThreadSlot::OfThisThread();
  if (thread < kCounts - 1) {  // nobody else writes there
    std::atomic<int64_t>& mine = counts_[thread].numbers[kind];
    mine.store(mine.load(std::memory_order_relaxed) + number, std::memory_order_relaxed);
  } else {
    counts_.back().numbers[kind].fetch_add(number, std::memory_order_relaxed);
  }
}

int64_t Statistics::Sum(Kind kind) const {
  int64_t sum = 0;
  for (const Counts& counts : counts_) sum += counts.numbers[kind].load(std::memory_order_relaxed);
  return sum;
}

FunctionStats Statistics::OfThisProcess() const {
  FunctionStats stats;
  stats.memory_hits = Sum(kMemoryHits);
  stats.hits = stats.memory_hits + Sum(kDiskHits);
  stats.misses = Sum(kMisses);
  stats.waits = Sum(kWaits);
  stats.failures = failures_->failures();
  stats.bytes_read = Sum(kBytesRead);
  stats.bytes_written = Sum(kBytesWritten);
  stats.computed = std::chrono::nanoseconds(Sum(kComputed));
  stats.saved = std::chrono::nanoseconds(Sum(kSaved));
  return stats;
}

FunctionStats Statistics::OfAllProcesses() const {
  FunctionStats sum = StatisticsRegistry::Get().Unsaved(*this);
  if (!folder_.empty()) sum += ReadStatisticsFile(folder_);
  return sum;
}

void Statistics::SaveNowAndThen() {
  steady_clock::rep next = next_save_.load(std::memory_order_relaxed);
  if (steady_clock::now().time_since_epoch().count() < next ||
      !next_save_.compare_exchange_strong(next, NextSave())) {
    return;
  }
  StatisticsRegistry::Get().Save(this);
}

// Where there is no folder yet nothing was stored.
void Statistics::Save() {
  if (folder_.empty()) return;
  const FunctionStats now = OfThisProcess();
  const FunctionStats added = Difference(now, saved_in_file_);
  if (added == FunctionStats()) return;
  if (AddToStatisticsFile(folder_, added)) saved_in_file_ = now;
}

void SaveAllStatistics() { StatisticsRegistry::Get().SaveAll(); }

FunctionStats StatisticsOfThisProcess() { return StatisticsRegistry::Get().Sum(); }

}  // namespace memoize

FunctionStats& FunctionStats::operator+=(const FunctionStats& other) {
  hits += other.hits;
  memory_hits += other.memory_hits;
  misses += other.misses;
  waits += other.waits;
  failures += other.failures;
  bytes_read += other.bytes_read;
  bytes_written += other.bytes_written;
  computed += other.computed;
  saved += other.saved;
  return *this;
}

}  // namespace permacache
