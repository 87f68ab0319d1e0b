// How calls with a batch are answered: what is there in one look-up, the rest in chunks.
#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "permacache/memoize/calls.h"

namespace permacache::memoize {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// The kernel keeps locks in a list. A larger chunk takes one turn as a whole, so that one that
// overlaps it, and is not the same, may compute the same once more.
constexpr size_t kMostTurns = 4096;

}  // namespace

// One call: which elements there are by now, and the turns at computing the others.
class Calls::BatchRun {
 public:
  BatchRun(Calls& calls, std::span<const std::string> keys, const TypedBatch& batch)
      : calls_(calls), keys_(keys), batch_(batch) {}

  // Those of the elements that are not in the cache.
  std::vector<size_t> Find(const std::vector<size_t>& elements) {
    std::vector<std::string> some;
    std::span<const std::string> asked = keys_;
    const bool are_all = elements.size() == keys_.size() && std::ranges::is_sorted(elements);
    if (!are_all) {
      some.reserve(elements.size());
      for (const size_t element : elements) some.push_back(keys_[element]);
      asked = some;
    }
    std::vector<bool> found(elements.size(), false);
    calls_.cache_.GetMany(asked, [&](size_t index, const storage::Record& record) {
      if (!batch_.decode(elements[index], record.value)) return;
      found[index] = true;
      if (calls_.IsToBeAudited()) audited_.push_back({elements[index], std::string(record.value)});
      calls_.statistics_.CountHit(record.from_memory, record.value.size(), record.compute_time);
      calls_.Tell({.kind = CallEvent::Kind::kHit,
                   .function = calls_.cache_.name(),
                   .key = asked[index],
                   .from_memory = record.from_memory,
                   .duration = record.compute_time});
    });
    std::vector<size_t> missing;
    for (size_t i = 0; i < elements.size(); ++i) {
      if (!found[i]) missing.push_back(elements[i]);
    }
    Done(elements.size() - missing.size());
    return missing;
  }

  // Computes them, a chunk after the other. What others compute at this time is waited for in the
  // end, while this thread has no turn: two batches must not wait for each other.
  void ComputeInTurns(std::vector<size_t> missing) {
    const size_t most = ChunkSize(missing.size());
    std::vector<size_t> elsewhere;
    for (size_t begin = 0; begin < missing.size(); begin += most) {
      const size_t end = std::min(missing.size(), begin + most);
      ComputeChunk({missing.begin() + begin, missing.begin() + end}, &elsewhere);
    }
    while (!elsewhere.empty()) {
      const size_t first = elsewhere.back();
      SingleFlight::Turn turn = calls_.TakeTurn(keys_[first]);
      if (Find({first}).empty()) {
        elsewhere.pop_back();
        continue;
      }
      // Whoever computed it has given up, and perhaps with it the others.
      const size_t count = std::min(most, elsewhere.size());
      std::vector<size_t> chunk(elsewhere.end() - count, elsewhere.end() - 1);
      elsewhere.resize(elsewhere.size() - count);
      std::vector<SingleFlight::Turn> turns = TakeTurns(chunk, &elsewhere);
      chunk = Find(chunk);
      chunk.push_back(first);
      turns.push_back(std::move(turn));
      Compute(chunk, turns);
    }
  }

  void ComputeAll(const std::vector<size_t>& elements) {
    const size_t most = ChunkSize(elements.size());
    for (size_t begin = 0; begin < elements.size(); begin += most) {
      const size_t end = std::min(elements.size(), begin + most);
      Compute({elements.begin() + begin, elements.begin() + end}, {});
    }
  }

  // Computes again those of the elements found that are to be, and compares.
  void Audit() {
    const size_t most = ChunkSize(audited_.size());
    for (size_t begin = 0; begin < audited_.size(); begin += most) {
      AuditChunk(std::span(audited_).subspan(begin, std::min(most, audited_.size() - begin)));
    }
  }

 private:
  // An element, and what is stored of it.
  using Audited = std::pair<size_t, std::string>;

  void AuditChunk(std::span<const Audited> chunk) {
    std::vector<size_t> elements;
    for (const auto& [element, stored] : chunk) elements.push_back(element);
    bool has_thrown = false;
    const steady_clock::time_point begin = steady_clock::now();
    try {
      batch_.compute(elements);
    } catch (...) {
      has_thrown = true;
      calls_.ReportAudit(keys_[elements.front()], "an exception where a result is stored");
    }
    calls_.statistics_.CountComputed(steady_clock::now() - begin);
    for (const Audited& audited : chunk) {
      const auto& [element, stored] = audited;
      if (!has_thrown && batch_.equals(element, stored)) continue;
      if (!has_thrown) {
        calls_.ReportAudit(keys_[element], "another result than the one that is stored");
      }
      calls_.cache_.Guard("a result cannot be read",
                          [&] { batch_.decode(audited.first, audited.second); });
    }
  }

  size_t ChunkSize(size_t all) const {
    const size_t most = calls_.options_.chunk_size.value_or(all);
    return std::max<size_t>(most, 1);
  }

  void Done(size_t elements) {
    done_ += elements;
    if (elements > 0 && calls_.options_.batch_progress) {
      calls_.options_.batch_progress(static_cast<int64_t>(done_),
                                     static_cast<int64_t>(keys_.size()));
    }
  }

  void ComputeChunk(std::vector<size_t> chunk, std::vector<size_t>* elsewhere) {
    std::vector<SingleFlight::Turn> turns;
    if (calls_.options_.single_flight) {
      if (chunk.size() <= kMostTurns) {
        turns = TakeTurns(chunk, elsewhere);
      } else {
        turns.push_back(calls_.TakeTurn(NameOf(chunk)));
      }
      chunk = Find(chunk);  // others may have computed them since the look before
    }
    if (!chunk.empty()) Compute(chunk, turns);
  }

  // Takes turns at the elements of the chunk; those at which others are go elsewhere.
  std::vector<SingleFlight::Turn> TakeTurns(std::vector<size_t>& chunk,
                                            std::vector<size_t>* elsewhere) {
    std::vector<SingleFlight::Turn> turns;
    std::vector<size_t> taken;
    for (const size_t element : chunk) {
      std::optional<SingleFlight::Turn> turn =
          calls_.FlightsOf(keys_[element]).TryTake(keys_[element]);
      if (!turn) {
        elsewhere->push_back(element);
        continue;
      }
      turns.push_back(*std::move(turn));
      taken.push_back(element);
    }
    chunk = std::move(taken);
    return turns;
  }

  // The same for the same elements, in whichever order.
  std::string NameOf(const std::vector<size_t>& chunk) const {
    std::set<std::string_view> sorted;
    for (const size_t element : chunk) sorted.insert(keys_[element]);
    std::string all = "batch";
    for (const std::string_view key : sorted) absl::StrAppend(&all, "\n", std::string(key));
    return all;
  }

  void Compute(const std::vector<size_t>& chunk, const std::vector<SingleFlight::Turn>& turns) {
    if (!calls_.MayCompute()) calls_.Refuse(keys_[chunk.front()]);
    for (size_t i = 0; i < chunk.size(); ++i) calls_.statistics_.CountMiss();
    const steady_clock::time_point begin = steady_clock::now();
    try {
      std::optional<HoldsSeveralTurns> several;
      if (turns.size() > 1) several.emplace();
      batch_.compute(chunk);
    } catch (...) {
      calls_.statistics_.CountComputed(steady_clock::now() - begin);
      throw;
    }
    const nanoseconds time = steady_clock::now() - begin;
    calls_.statistics_.CountComputed(time);
    Store(chunk, time / chunk.size(), turns);
    for (const size_t element : chunk) {
      calls_.Tell({.kind = CallEvent::Kind::kMiss,
                   .function = calls_.cache_.name(),
                   .key = keys_[element],
                   .duration = time / chunk.size()});
    }
    calls_.statistics_.SaveNowAndThen();
    Done(chunk.size());
  }

  void Store(const std::vector<size_t>& chunk, nanoseconds each,
             const std::vector<SingleFlight::Turn>& turns) {
    calls_.cache_.Guard("the results cannot be stored", [&] {
      if (std::optional<Failure> failure = batch_.keep(chunk)) {
        return calls_.cache_.Report(*failure);
      }
      // Other processes wait for all of the turns until the last of the results is there.
      auto held = std::make_shared<std::vector<std::shared_ptr<const void>>>();
      for (const SingleFlight::Turn& turn : turns) held->push_back(turn.held());
      std::vector<std::string> values;
      values.reserve(chunk.size());
      std::vector<storage::KeyedRecord> records;
      size_t bytes = 0;
      for (const size_t element : chunk) {
        // One that cannot be stored does not cost the others.
        const bool is_encoded = calls_.cache_.Guard(
            "a result cannot be stored", [&] { values.push_back(batch_.encode(element)); });
        if (!is_encoded) continue;
        bytes += values.back().size();
        records.push_back({.key = keys_[element],
                           .record = {.value = values.back(), .compute_time = each, .held = held}});
      }
      const bool synced = calls_.options_.chunk_size.has_value();
      if (calls_.cache_.PutMany(std::move(records), synced)) {
        calls_.statistics_.CountWritten(bytes);
      }
    });
  }

  Calls& calls_;
  const std::span<const std::string> keys_;
  const TypedBatch& batch_;
  size_t done_ = 0;
  std::vector<Audited> audited_;
};

namespace {

std::vector<size_t> AllOf(std::span<const std::string> keys) {
  std::vector<size_t> all(keys.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  return all;
}

}  // namespace

void Calls::AnswerBatch(std::span<const std::string> keys, const TypedBatch& batch) {
  BatchRun run(*this, keys, batch);
  const std::vector<size_t> missing = run.Find(AllOf(keys));
  if (!missing.empty()) {
    if (!MayCompute()) Refuse(keys[missing.front()]);
    run.ComputeInTurns(missing);
  }
  run.Audit();
}

void Calls::RecomputeBatch(std::span<const std::string> keys, const TypedBatch& batch) {
  BatchRun(*this, keys, batch).ComputeAll(AllOf(keys));
}

BatchPlan Calls::Plan(std::span<const std::string> keys,
                      absl::FunctionRef<bool(size_t key, std::string_view value)> accepts) {
  int64_t known = 0;
  nanoseconds cost{};
  cache_.GetMany(keys, [&](size_t key, const storage::Record& record) {
    if (!accepts(key, record.value)) return;
    ++known;
    cost += record.compute_time;
  });
  BatchPlan plan;
  plan.missing = static_cast<int64_t>(keys.size()) - known;
  if (known == 0) {
    const FunctionStats all = statistics_.OfAllProcesses();
    known = all.misses;
    cost = all.computed;
  }
  if (known > 0) plan.remaining = cost / known * plan.missing;
  return plan;
}

}  // namespace permacache::memoize
