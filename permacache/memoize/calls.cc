#include "permacache/memoize/calls.h"

#include <random>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "permacache/catalog/error.h"
#include "permacache/memoize/failure_reporter.h"
#include "permacache/memoize/nearest.h"
#include "permacache/storage/key_digest.h"
#include "permacache/storage/store.h"

namespace permacache::memoize {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr auto kPatienceWithSeveralTurns = std::chrono::seconds(1);

// Counts the time of a computation also when that throws.
class Stopwatch {
 public:
  explicit Stopwatch(Statistics& statistics) : statistics_(statistics) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() { statistics_.CountComputed(time()); }

  nanoseconds time() const { return steady_clock::now() - begin_; }

 private:
  Statistics& statistics_;
  const steady_clock::time_point begin_ = steady_clock::now();
};

}  // namespace

thread_local int HoldsSeveralTurns::depth_ = 0;

Calls::Calls(FunctionCache& cache, std::shared_ptr<FailureReporter> failures, Options options)
    : cache_(cache),
      options_(std::move(options)),
      flights_(MakeFlights(options_.turns_file)),
      failures_(std::move(failures)),
      statistics_(options_.counts_folder, failures_) {}

std::array<SingleFlight, Calls::kFlights> Calls::MakeFlights(
    const std::filesystem::path& turns_file) {
  const auto make = [&](const char* digit) {
    std::filesystem::path file = turns_file;
    return SingleFlight(file.empty() ? file : file += digit);
  };
  return {make("0"), make("1"), make("2"), make("3")};
}

SingleFlight& Calls::FlightsOf(std::string_view key) {
  return flights_[storage::DigestOfKey(key)[0] % kFlights];
}

bool Calls::IsBypassed() const {
  return modes_->no_cache.load(std::memory_order_relaxed) > 0 ||
         Modes::OfAllFunctions()->no_cache.load(std::memory_order_relaxed) > 0;
}

bool Calls::MayCompute() const {
  return modes_->error_on_miss.load(std::memory_order_relaxed) == 0 &&
         Modes::OfAllFunctions()->error_on_miss.load(std::memory_order_relaxed) == 0;
}

void Calls::Refuse(std::string_view key) const {
  throw CacheMissError(cache_.name(), std::string(key));
}

void Calls::Tell(const CallEvent& event) const {
  if (!options_.listener) return;
  try {
    options_.listener(event);
  } catch (...) {
    // The call that is going on must not suffer from how it is told.
  }
}

// Who holds several turns does not wait for another process for ever: that might wait for one of
// them. Among threads such circles are seen.
SingleFlight::Turn Calls::TakeTurn(std::string_view key) {
  std::optional<nanoseconds> for_processes;
  if (HoldsSeveralTurns::ThisThreadDoes()) for_processes = kPatienceWithSeveralTurns;
  const auto on_wait = [&] {
    statistics_.CountWait();
    Tell({.kind = CallEvent::Kind::kWait, .function = cache_.name(), .key = key});
  };
  return FlightsOf(key).Take(key, options_.longest_wait, on_wait, for_processes);
}

void Calls::Begin(const Failure& unknown, std::string_view what, size_t calls) {
  cache_.Report(unknown);
  if (!MayCompute()) Refuse(what);
  for (size_t i = 0; i < calls; ++i) statistics_.CountMiss();
}

std::optional<Calls::Hit> Calls::Answer(const CallKey& key, const TypedCall& call) {
  if (!key.ok()) {
    cache_.Report(*key.failure);
    Compute(key, call, nullptr);
    return std::nullopt;
  }
  Hit hit;
  const FunctionCache::Lookup lookup = Look(key.text, call, &hit);
  if (lookup == FunctionCache::Lookup::kHit) return hit;
  if (!MayCompute()) Refuse(key.text);
  // Where the cache cannot be read nobody should wait for what others put there.
  if (!options_.single_flight || lookup == FunctionCache::Lookup::kFailure) {
    Compute(key, call, nullptr);
    return std::nullopt;
  }
  const SingleFlight::Turn turn = TakeTurn(key.text);
  // Another process may have computed it since the look before.
  if (Look(key.text, call, &hit) == FunctionCache::Lookup::kHit) return hit;
  Compute(key, call, turn.held());
  return std::nullopt;
}

void Calls::Recompute(const CallKey& key, const TypedCall& call) {
  if (!key.ok()) cache_.Report(*key.failure);
  Compute(key, call, nullptr);
}

bool Calls::IsToBeAudited() const {
  if (options_.audit <= 0 || !MayCompute()) return false;
  static thread_local std::minstd_rand random(std::random_device{}());
  return std::uniform_real_distribution<double>()(random) < options_.audit;
}

FunctionCache::Lookup Calls::Look(std::string_view key, const TypedCall& call, Hit* hit) {
  const bool is_audited = IsToBeAudited();
  std::string stored;
  const FunctionCache::Lookup lookup = cache_.Look(key, [&](const storage::Record& record) {
    const bool is_decoded = call.decode(record.value);
    if (is_audited && is_decoded) stored = record.value;
    *hit = {.from_memory = record.from_memory,
            .bytes = record.value.size(),
            .compute_time = record.compute_time,
            .state = record.state};
    return is_decoded;
  });
  if (lookup != FunctionCache::Lookup::kHit) return lookup;
  if (const FunctionCache::Lookup restored = call.restore();
      restored != FunctionCache::Lookup::kHit) {
    return restored;
  }
  CountHit(*hit);
  Tell({.kind = CallEvent::Kind::kHit,
        .function = cache_.name(),
        .key = key,
        .from_memory = hit->from_memory,
        .duration = hit->compute_time});
  if (is_audited && call.may_audit()) Audit(key, stored, call);
  return lookup;
}

void Calls::Audit(std::string_view key, const std::string& stored, const TypedCall& call) {
  try {
    const Stopwatch stopwatch(statistics_);
    call.compute();
    if (call.equals(stored)) return;
    ReportAudit(key, "another result than the one that is stored");
  } catch (...) {
    ReportAudit(key, "an exception where a result is stored");
  }
  cache_.Guard("the result cannot be read", [&] {
    if (call.decode(stored)) call.restore();
  });
}

void Calls::ReportAudit(std::string_view key, std::string_view difference) {
  failures_->Tell(
      {.kind = Failure::Kind::kFunction,
       .message = absl::StrCat(
           "audit: the function gives ", std::string(difference), ", for ", std::string(key),
           ". Either it is not pure, or it was changed: then raise its version")});
}

void Calls::Compute(const CallKey& key, const TypedCall& call, std::shared_ptr<const void> held) {
  if (!MayCompute()) Refuse(key.text);
  statistics_.CountMiss();
  nanoseconds time;
  {
    const Stopwatch stopwatch(statistics_);
    call.compute();
    time = stopwatch.time();
  }
  Tell({.kind = CallEvent::Kind::kMiss,
        .function = cache_.name(),
        .key = key.text,
        .duration = time});
  statistics_.SaveNowAndThen();
  if (!key.ok()) return;
  cache_.Guard("the result cannot be stored", [&] {
    if (std::optional<Failure> failure = call.keep(time)) return cache_.Report(*failure);
    const std::string value = call.encode();
    if (cache_.Put(key.text, {.value = value, .compute_time = time, .held = std::move(held)})) {
      statistics_.CountWritten(value.size());
    }
  });
}

Explanation Calls::Explain(const CallKey& key, Accepts accepts) {
  if (!key.ok()) throw Error("permacache: " + key.failure->message);
  Explanation explanation;
  explanation.key = key.text;
  bool is_accepted = false;
  storage::Store& store = cache_.StoreOrThrow();
  const absl::StatusOr<bool> found = store.Get(
      key.text, [&](const storage::Record& record) { is_accepted = accepts(record.value); });
  if (!found.ok()) {
    explanation.reason = "stored, but it cannot be read: " + found.status().ToString();
  } else if (*found && is_accepted) {
    explanation.hit = true;
    explanation.reason = "found";
  } else if (*found) {
    explanation.reason =
        "stored, but it is of another type: the function's result had another shape";
  }
  if (explanation.hit) return explanation;
  absl::StatusOr<std::optional<Explanation::Nearest>> nearest = FindNearest(store, key.text);
  if (nearest.ok()) explanation.nearest = *std::move(nearest);
  if (!explanation.reason.empty()) return explanation;
  if (!nearest.ok()) {
    explanation.reason = "the cache cannot be read: " + nearest.status().ToString();
  } else {
    explanation.reason = explanation.nearest
                             ? "never computed with these arguments, or no longer stored"
                             : "nothing is stored";
  }
  return explanation;
}

}  // namespace permacache::memoize
