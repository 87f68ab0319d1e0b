// One computation at a time per key: who needs a result that another one is computing waits for it
// instead of computing it, too.
#ifndef PERMACACHE_MEMOIZE_SINGLE_FLIGHT_H_
#define PERMACACHE_MEMOIZE_SINGLE_FLIGHT_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace permacache::memoize {

class FlightTable;
struct Flight;

// Threads take turns by a table in memory, processes by the kernel's locks on single bytes of a
// file, one for each key. The kernel's lock goes on to who waits for it whoever is killed. Where it
// cannot be had (a folder that is missing or may not be written, a file system without locks),
// threads still take turns, processes do not; each turn tries again. No failure is reported: the
// worst is that a result is computed twice.
//
// Waiting in a circle. A thread that takes a turn that it holds itself, or that somebody holds who
// waits for it, gets one that is_alone(), as far as threads of one process wait here for each
// other. A circle through two processes is not seen, nor one through something else, as a pool of
// threads: who holds one key, and waits for another one in no fixed order, needs a timeout.
//
// Thread safety: every method may be called from any thread, and in a forked child, which is
// another process: what its parent holds stays with the parent. Objects that were made for the same
// file in one process are as one.
class SingleFlight {
 public:
  // Processes lock bytes of `lock_file`, which stays empty. It is made when it is first needed, the
  // folder of it is not. Nobody loses more than a turn when either is removed or replaced. An empty
  // path: the threads that use this object take turns among themselves.
  explicit SingleFlight(std::filesystem::path lock_file);
  SingleFlight(const SingleFlight&) = delete;
  SingleFlight& operator=(const SingleFlight&) = delete;

  // The right to compute one key, until this ends, which may be in another thread and after the
  // SingleFlight. Then the next one goes on, whether there is a result or not.
  class Turn {
   public:
    Turn(Turn&& other) noexcept;
    Turn& operator=(Turn&& other) noexcept;
    ~Turn() { End(); }

    // Somebody else had the turn just before. Without it, too, somebody may have had the turn since
    // the result was last looked up: only who looks it up once more, now, computes nothing twice.
    bool waited() const { return waited_; }

    // It is no turn: others may compute the key at the same time. The time was over, or waiting
    // would never have ended.
    bool is_alone() const { return flight_ == nullptr; }

    // Other processes wait until the last copy of this is gone, too; threads of this process do
    // not. It is for the store, which lets go of it when other processes can find the result. Null
    // where processes do not take turns. It may be let go of in any thread, but not in a handler of
    // pthread_atfork.
    std::shared_ptr<const void> held() const { return held_; }

   private:
    friend class SingleFlight;
    class Patience;
    enum class Outcome { kMine, kAlone, kBusy };

    Turn(std::shared_ptr<FlightTable> table, int64_t offset);
    Outcome Take(Patience& patience);
    Outcome AwaitThreads(Patience& patience);
    Outcome AwaitProcesses(Patience& patience);
    void End();

    std::shared_ptr<FlightTable> table_;
    int64_t offset_;            // of the key's byte
    Flight* flight_ = nullptr;  // in the table
    std::shared_ptr<const void> held_;
    bool waited_ = false;
  };

  // Waits until nobody else computes this key. At most `timeout`, if there is one; then the turn
  // is_alone(). Calls `on_wait` once before it first waits; what that throws is passed on. For
  // another process it waits at most `for_processes`, if that is given: a circle through that is
  // not seen.
  Turn Take(std::string_view key, std::optional<std::chrono::nanoseconds> timeout,
            absl::FunctionRef<void()> on_wait,
            std::optional<std::chrono::nanoseconds> for_processes = {});

  // Nullopt where it would have to wait.
  std::optional<Turn> TryTake(std::string_view key);

 private:
  std::shared_ptr<FlightTable> Table();

  const std::filesystem::path lock_file_;
  bool has_final_table_;
  std::shared_ptr<FlightTable> table_;
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_SINGLE_FLIGHT_H_
