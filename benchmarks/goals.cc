#include "benchmarks/goals.h"

#include <utility>

namespace permacache::benchmarks {
namespace {

using Figure = std::optional<double>;

Figure Quotient(Figure a, Figure b) {
  if (!a || !b || *b == 0) return std::nullopt;
  return *a / *b;
}

std::string Count(int64_t entries) {
  return entries % 1'000'000 == 0 ? std::to_string(entries / 1'000'000) + " M"
                                  : std::to_string(entries / 1'000) + " k";
}

class Comparisons {
 public:
  explicit Comparisons(const Measurements& measured) : measured_(measured) {}

  // Of the times of two benchmarks.
  void Times(std::string work, const std::string& ours, std::string peer,
             const std::string& against, double goal) {
    all_.push_back({.work = std::move(work),
                    .peer = std::move(peer),
                    .unit = "ns",
                    .ours = measured_.Time(ours),
                    .against = measured_.Time(against),
                    .goal = goal});
    Comparison& added = all_.back();
    if (!added.ours) added.missing = measured_.WhyMissing(ours);
    if (!added.against) added.missing = measured_.WhyMissing(against);
  }

  // Of how many times as fast ours is.
  void Speeds(std::string work, const std::string& ours, std::string peer,
              const std::string& against, double goal) {
    Times(std::move(work), against, std::move(peer), ours, goal);
    Comparison& added = all_.back();
    std::swap(added.ours, added.against);
    // In units of the same work per second, so that more is better.
    added.unit = "1/s";
    if (added.ours) *added.ours = 1e9 / *added.ours;
    if (added.against) *added.against = 1e9 / *added.against;
    added.at_least = true;
  }

  void Add(Comparison comparison) {
    if (!comparison.ours || !comparison.against) comparison.missing = "was not measured";
    all_.push_back(std::move(comparison));
  }

  std::vector<Comparison> Take() { return std::move(all_); }

 private:
  const Measurements& measured_;
  std::vector<Comparison> all_;
};

}  // namespace

Figure Comparison::ratio() const {
  if (!ours || !against) return std::nullopt;
  return is_difference ? *ours - *against : *ours / *against;
}

std::optional<bool> Comparison::met() const {
  const Figure value = ratio();
  if (!value) return std::nullopt;
  return at_least ? *value >= goal : *value <= goal;
}

std::vector<Comparison> Compare(const Measurements& measured, int64_t most) {
  Comparisons rows(measured);
  const std::string repeated = "RawLmdbGet/repeated/real_time";
  rows.Times("repeated hit, scalar arguments", "RepeatedHit/memory/real_time/threads:1",
             "raw LMDB get of the same record", repeated, 0.6);
  rows.Times("repeated hit, not in the memory tier", "RepeatedHit/disk/real_time/threads:1",
             "raw LMDB get of the same record", repeated, 2.0);
  for (int64_t entries = 1'000'000; entries <= most; entries *= 10) {
    const std::string count = "/" + std::to_string(entries);
    rows.Times("first hit of random keys among " + Count(entries), "RandomHits/default" + count,
               "raw LMDB get of random keys, same file", "RawRandomGets" + count, 1.5);
  }
  const std::string least = "/10000", largest = "/" + std::to_string(most);
  rows.Add({.work = "growth of a hit from disk, 10 k to " + Count(most) + " entries",
            .peer = "growth of raw LMDB",
            .unit = "times",
            .ours = Quotient(measured.Time("RandomHits/disk" + largest),
                             measured.Time("RandomHits/disk" + least)),
            .against = Quotient(measured.Time("RawRandomGets" + largest),
                                measured.Time("RawRandomGets" + least)),
            .goal = 1.3});
  for (const auto& [name, benchmark] :
       {std::pair("one key, hits from 2 threads", "RepeatedHit/memory/real_time/threads:"),
        std::pair("10 k keys, hits from 2 threads", "HitInTurn/memory/real_time/threads:")}) {
    rows.Add({.work = name,
              .peer = "from 1 thread",
              .unit = "1/s",
              .ours = measured.Counter(benchmark + std::string("2"), "items_per_second"),
              .against = measured.Counter(benchmark + std::string("1"), "items_per_second"),
              .goal = 1.9,
              .at_least = true});
  }
  rows.Times("miss of a trivial function", "TrivialMiss/real_time",
             "raw LMDB put with commit, no sync", "RawLmdbPut/no_sync/real_time", 0.3);
  rows.Times("miss of a function of 10 ms, without these", "SyncedMiss/manual_time",
             "raw LMDB put with commit and sync", "SyncedRawLmdbPut/manual_time", 1.3);
  rows.Times("hit that returns 64 MiB of doubles", "HitOfBytes/67108864/real_time",
             "memcpy into a new vector", "Memcpy/67108864/real_time", 1.5);
  rows.Speeds("key of 256 MiB of doubles, all cores",
              "KeyText<double>/all_threads/268435456/real_time", "BLAKE3's own code, one thread",
              "OfficialBlake3/268435456/real_time", 1.8);
  rows.Times("batch of 10,000 hits", "BatchOfHits/memory/real_time", "10,000 single hits",
             "SingleHits/memory/real_time", 0.5);
  rows.Times("the same, not in the memory tier", "BatchOfHits/disk/real_time",
             "10,000 single hits, likewise", "SingleHits/disk/real_time", 0.5);
  for (const auto& [peer, benchmark] :
       {std::pair("Python permacache", "python_permacache"), std::pair("joblib", "joblib"),
        std::pair("diskcache", "diskcache")}) {
    rows.Speeds("hit", "DescribeHit/real_time", peer, benchmark + std::string("/hit"), 50);
    rows.Speeds("miss", "DescribeMiss/real_time", peer, benchmark + std::string("/miss"), 50);
  }
  for (const auto& [peer, benchmark] :
       {std::pair("SQLite by hand", "sqlite"), std::pair("RocksDB by hand", "rocksdb")}) {
    rows.Times("hit", "DescribeHit/real_time", peer, benchmark + std::string("/hit"), 1.0);
    rows.Times("miss", "DescribeMiss/real_time", peer, benchmark + std::string("/miss"), 1.0);
  }
  const std::string opened = largest + "/iterations:25/manual_time";
  rows.Times("opening " + Count(most) + " entries, first hit", "OpenAgain" + opened,
             "with raw LMDB", "RawOpenAgain" + opened, 2.0);
  rows.Times("the same, the first thing that a process does", "Open" + opened, "with raw LMDB",
             "RawOpen" + opened, 2.0);
  rows.Add({.work = "memory while hitting " + Count(most) + " entries",
            .peer = "raw LMDB",
            .unit = "bytes",
            .ours = measured.Counter("Resident" + largest + "/iterations:1", "bytes"),
            .against = measured.Counter("RawResident" + largest + "/iterations:1", "bytes"),
            .goal = 64 << 20,
            .is_difference = true});
  return rows.Take();
}

}  // namespace permacache::benchmarks
