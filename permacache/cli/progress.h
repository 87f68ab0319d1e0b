// A line that shows how far something has come, while it takes long: on a terminal only, from the
// second second on, and gone in the end. An object belongs to one thread at a time.
#ifndef PERMACACHE_CLI_PROGRESS_H_
#define PERMACACHE_CLI_PROGRESS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace permacache::cli {

enum class Unit { kEntries, kBytes };

// "verify  [=====>      ]  42 %  1.2 GB of 2.9 GB  310 MB/s  5.5 s left", no wider than `width`.
std::string ProgressLine(std::string_view doing, Unit unit, int64_t done, int64_t total,
                         std::chrono::nanoseconds elapsed, size_t width);

class Progress {
 public:
  Progress(std::string_view doing, Unit unit);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  // From here on it is done to something else, and counted from 0.
  void GoOnWith(std::string_view object);

  // `total` is 0 while nobody knows it.
  void Show(int64_t done, int64_t total);

  // The same, and throws Interrupted after a SIGINT.
  void Update(int64_t done, int64_t total);

 private:
  using Clock = std::chrono::steady_clock;

  const std::string doing_;
  std::string object_;
  const Unit unit_;
  const bool is_on_terminal_;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point next_;
  bool is_shown_ = false;
};

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_PROGRESS_H_
