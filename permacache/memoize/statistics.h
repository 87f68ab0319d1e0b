// What happens to the calls of a function, counted; for the process, and over all processes in a
// file beside the results.
#ifndef PERMACACHE_MEMOIZE_STATISTICS_H_
#define PERMACACHE_MEMOIZE_STATISTICS_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "permacache/memoize/options.h"

namespace permacache::memoize {

class FailureReporter;

// Counts for one handle. Every method may be called from any thread, and in a forked child.
class Statistics {
 public:
  // `folder` is that of the function, where sums over all processes are kept; empty for none.
  Statistics(std::filesystem::path folder, std::shared_ptr<FailureReporter> failures);
  Statistics(const Statistics&) = delete;
  Statistics& operator=(const Statistics&) = delete;
  ~Statistics();  // saves what was counted

  void CountHit(bool from_memory, size_t bytes, std::chrono::nanoseconds saved);
  void CountMiss() { Add(kMisses, 1); }
  void CountComputed(std::chrono::nanoseconds time) { Add(kComputed, time.count()); }
  void CountWait() { Add(kWaits, 1); }
  void CountWritten(size_t bytes) { Add(kBytesWritten, static_cast<int64_t>(bytes)); }

  FunctionStats OfThisProcess() const;

  // Of all processes, and of this one what it has not saved yet.
  FunctionStats OfAllProcesses() const;

  // Saves what was counted if that was not done for a while.
  void SaveNowAndThen();

 private:
  friend class StatisticsRegistry;

  enum Kind {
    kMemoryHits,
    kDiskHits,
    kMisses,
    kWaits,
    kBytesRead,
    kBytesWritten,
    kComputed,  // nanoseconds, as the next
    kSaved,
    kKinds,
  };

  // What one thread has counted, or all that have no counts of their own. Where several write to
  // one place they wait for each other, longer than a hit takes.
  struct alignas(64) Counts {
    std::array<std::atomic<int64_t>, kKinds> numbers = {};
  };
  static constexpr size_t kCounts = 16;

  void Add(Kind kind, int64_t number);
  int64_t Sum(Kind kind) const;
  void Save();

  const std::filesystem::path folder_;
  const std::shared_ptr<FailureReporter> failures_;

  std::array<Counts, kCounts> counts_;  // the last one is for all who have none
  FunctionStats saved_in_file_;         // guarded by the registry's mutex
  std::atomic<std::chrono::steady_clock::rep> next_save_;
};

// Saves what all functions of this process have counted.
void SaveAllStatistics();

// What was counted for all functions of this process, also those that are gone.
FunctionStats StatisticsOfThisProcess();

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_STATISTICS_H_
