// How the calls of one function are answered: from the cache, or by the function, one at a time for
// each key; as far as that knows no C++ types.
#ifndef PERMACACHE_MEMOIZE_CALLS_H_
#define PERMACACHE_MEMOIZE_CALLS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "permacache/memoize/call_key.h"
#include "permacache/memoize/explain.h"
#include "permacache/memoize/function_cache.h"
#include "permacache/memoize/modes.h"
#include "permacache/memoize/options.h"
#include "permacache/memoize/single_flight.h"
#include "permacache/memoize/statistics.h"

namespace permacache::memoize {

// What of a call depends on the types of its function.
struct TypedCall {
  // Runs the function and keeps its result. What it throws reaches the caller.
  absl::FunctionRef<void()> compute;

  // Keeps the result that these bytes hold, unless it is of another type, and says whether it has.
  // Throws codec::DecodeError if it is damaged.
  absl::FunctionRef<bool(std::string_view value)> decode;

  // What is to be done after `decode`, outside of the store, before it is a hit. A failure has been
  // reported.
  absl::FunctionRef<FunctionCache::Lookup()> restore;

  // What is to be done after `compute` before the result may be stored; why it may not.
  absl::FunctionRef<std::optional<Failure>(std::chrono::nanoseconds compute_time)> keep;

  // The result that was computed, as bytes.
  absl::FunctionRef<std::string()> encode;

  // Whether the result that was computed is the one in these bytes.
  absl::FunctionRef<bool(std::string_view value)> equals;

  // Whether computing once more loses nothing that a hit gives.
  absl::FunctionRef<bool()> may_audit;
};

// What of a call with a batch depends on the types of its function. Elements are told by their
// places in the list of different keys.
struct TypedBatch {
  // Computes these elements and keeps their results. What it throws reaches the caller.
  absl::FunctionRef<void(std::span<const size_t> elements)> compute;

  // As in TypedCall.
  absl::FunctionRef<bool(size_t element, std::string_view value)> decode;
  absl::FunctionRef<std::optional<Failure>(std::span<const size_t> elements)> keep;
  absl::FunctionRef<std::string(size_t element)> encode;
  absl::FunctionRef<bool(size_t element, std::string_view value)> equals;
};

// While it lives, this thread computes for several keys at once.
class HoldsSeveralTurns {
 public:
  HoldsSeveralTurns() { ++depth_; }
  HoldsSeveralTurns(const HoldsSeveralTurns&) = delete;
  HoldsSeveralTurns& operator=(const HoldsSeveralTurns&) = delete;
  ~HoldsSeveralTurns() { --depth_; }

  static bool ThisThreadDoes() { return depth_ > 0; }

 private:
  static thread_local int depth_;
};

// Every method may be called from any thread, and in a forked child.
class Calls {
 public:
  struct Options {
    bool single_flight = true;
    std::optional<std::chrono::nanoseconds> longest_wait = {};
    double audit = 0;
    std::optional<size_t> chunk_size = {};
    Progress batch_progress = {};
    Listener listener = {};
    // The files in which processes take turns have this name and a digit; empty for none.
    std::filesystem::path turns_file = {};
    std::filesystem::path counts_folder = {};  // where counts are kept; empty for none
  };

  Calls(FunctionCache& cache, std::shared_ptr<FailureReporter> failures, Options options);

  // Whether calls are not to touch the cache now.
  bool IsBypassed() const;

  // Whether the function may be called now, and what is thrown if not.
  bool MayCompute() const;
  [[noreturn]] void Refuse(std::string_view key) const;

  // What comes before the computation of calls whose keys are not known: reports why, and counts.
  void Begin(const Failure& unknown, std::string_view what, size_t calls);

  // A result that was found.
  struct Hit {
    bool from_memory = false;
    size_t bytes = 0;
    std::chrono::nanoseconds compute_time = {};
    storage::StoreState state = {};  // see storage::Record
  };

  // Says whether it is a hit.
  std::optional<Hit> Answer(const CallKey& key, const TypedCall& call);

  // For hits that need no look-up: see storage::Store::State. Nothing if each is to be looked at.
  std::optional<storage::StoreState> State() const {
    return options_.audit > 0 || options_.listener ? std::nullopt : cache_.State();
  }
  void CountHit(const Hit& hit) {
    statistics_.CountHit(hit.from_memory, hit.bytes, hit.compute_time);
  }

  void Recompute(const CallKey& key, const TypedCall& call);

  // The keys differ from each other. If one is not known none are, and nothing is stored.
  void AnswerBatch(std::span<const std::string> keys, const TypedBatch& batch);
  void RecomputeBatch(std::span<const std::string> keys, const TypedBatch& batch);

  // `accepts` says whether a value is one of the function's results.
  using Accepts = absl::FunctionRef<bool(std::string_view value)>;
  BatchPlan Plan(std::span<const std::string> keys,
                 absl::FunctionRef<bool(size_t key, std::string_view value)> accepts);
  Explanation Explain(const CallKey& key, Accepts accepts);

  // With how many elements the function may be called.
  std::optional<size_t> chunk_size() const { return options_.chunk_size; }

  const std::shared_ptr<Modes>& modes() const { return modes_; }
  const Statistics& statistics() const { return statistics_; }

 private:
  class BatchRun;

  FunctionCache::Lookup Look(std::string_view key, const TypedCall& call, Hit* hit);
  void Audit(std::string_view key, const std::string& stored, const TypedCall& call);
  void ReportAudit(std::string_view key, std::string_view difference);
  bool IsToBeAudited() const;
  void Compute(const CallKey& key, const TypedCall& call, std::shared_ptr<const void> held);
  SingleFlight::Turn TakeTurn(std::string_view key);
  void Tell(const CallEvent& event) const;

  FunctionCache& cache_;
  const Options options_;
  const std::shared_ptr<Modes> modes_ = std::make_shared<Modes>();

  // Each for a part of the keys, as the kernel searches the list of a file's locks from its start,
  // and a process holds the locks of all that it has computed until that is written.
  static constexpr size_t kFlights = 4;
  static std::array<SingleFlight, kFlights> MakeFlights(const std::filesystem::path& turns_file);
  SingleFlight& FlightsOf(std::string_view key);
  std::array<SingleFlight, kFlights> flights_;

  const std::shared_ptr<FailureReporter> failures_;
  Statistics statistics_;
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_CALLS_H_
