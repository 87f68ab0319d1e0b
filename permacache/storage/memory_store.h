// A store in this process' memory: for tests, and for caches that shall not outlive the program.
// Must not be used in a child that was forked while another thread used it.
#ifndef PERMACACHE_STORAGE_MEMORY_STORE_H_
#define PERMACACHE_STORAGE_MEMORY_STORE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "permacache/storage/store.h"

namespace permacache::storage {

class MemoryStore : public Store {
 public:
  absl::StatusOr<bool> Get(std::string_view key,
                           absl::FunctionRef<void(const Record&)> visit) override;
  absl::Status Put(std::string_view key, const Record& record) override;
  absl::StatusOr<bool> Erase(std::string_view key) override;
  absl::Status Clear() override;
  absl::StatusOr<int64_t> Size() override;
  absl::Status ForEach(Depth depth, absl::FunctionRef<Verdict(const EntryInfo&)> visit) override;

 private:
  struct Entry {
    std::string value;
    TimePoint created;
    std::chrono::nanoseconds compute_time;
    std::atomic<TimePoint> last_used;
  };

  std::vector<std::string> Keys();

  std::shared_mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;  // guarded by mutex_
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_MEMORY_STORE_H_
