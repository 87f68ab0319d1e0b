#include "permacache/hash/threads.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <system_error>
#include <thread>
#include <vector>

#include "permacache/hash/run_on_threads.h"

namespace permacache {
namespace {

std::atomic<int> threads_set = 0;

// std::thread::hardware_concurrency counts CPUs that this process may not use, too.
int UsableCpus() {
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) return CPU_COUNT(&cpus);
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace

void SetHashThreads(int threads) { threads_set = threads; }

int HashThreads() {
  const int threads = threads_set;
  return threads > 0 ? threads : UsableCpus();
}

namespace hash {
namespace {

// The threads that are in RunOnThreads just now. In a forked child those of its parent are gone.
std::atomic<int> running = 0;
[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, [] { running = 0; });

// The share of one call in `running`.
class Share {
 public:
  Share() { ++running; }  // the caller is there already, allowed or not
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;
  ~Share() { running -= threads_; }

  // Takes one more. Returns whether that is allowed.
  bool Grow() {
    int now = running;
    do {
      if (now >= HashThreads()) return false;
    } while (!running.compare_exchange_weak(now, now + 1));
    ++threads_;
    return true;
  }

 private:
  int threads_ = 1;
};

}  // namespace

void RunOnThreads(size_t most, absl::FunctionRef<void()> work) {
  Share share;
  std::vector<std::future<void>> others;  // each waits for its thread when it is destroyed
  try {
    for (size_t i = 1; i < most && share.Grow(); ++i) {
      others.push_back(std::async(std::launch::async, work));
    }
  } catch (const std::system_error&) {
    // The system has no thread left; those that run share the work.
  }
  work();
  for (std::future<void>& other : others) other.get();
}

}  // namespace hash
}  // namespace permacache
