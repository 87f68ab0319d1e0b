#include "permacache/storage/prune.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <vector>

namespace permacache::storage {
namespace {

// Tells how far a walk over the stores has come, but not of each entry.
class Walk {
 public:
  Walk(OnProgress progress, int64_t total) : progress_(progress), total_(total) {}

  void Step() {
    if (++done_ % kStepsBetweenProgress == 0) Tell();
  }
  void Tell() { progress_(done_, std::max(done_, total_)); }

 private:
  static constexpr int64_t kStepsBetweenProgress = 1000;

  const OnProgress progress_;
  const int64_t total_;
  int64_t done_ = 0;
};

// Seconds per byte, coarsely: values that differ by less than a two-thousandth may share a number.
// So any number of entries can be ranked in little memory.
size_t RankOf(const EntryInfo& info) {
  if (!info.status.ok()) return 0;
  const auto seconds = std::chrono::duration<float>(info.compute_time).count();
  const float value =
      std::max(seconds, 0.0f) / static_cast<float>(std::max<uint64_t>(info.bytes, 1));
  return std::bit_cast<uint32_t>(value) >> 12;  // the bits of positive floats are in their order
}
constexpr size_t kRanks = size_t{1} << 19;

class Pruning {
 public:
  Pruning(const Stores& stores, const PruneLimits& limits, TimePoint now)
      : stores_(stores), limits_(limits), now_(now) {}

  absl::StatusOr<PruneReport> Run(OnProgress progress) {
    int64_t total = 0;
    for (const auto& store : stores_) {
      const absl::StatusOr<int64_t> size = store->Size();
      if (!size.ok()) return size.status();
      total += *size;
    }
    Walk walk(progress, limits_.max_bytes ? 2 * total : total);
    if (limits_.max_bytes) bytes_of_rank_.resize(kRanks);
    absl::Status status = ForEach(walk, [this](const EntryInfo& info) { return ByTime(info); });
    if (status.ok() && limits_.max_bytes && report_.kept_bytes > *limits_.max_bytes) {
      FindLastRank();
      status = ForEach(walk, [this](const EntryInfo& info) { return ByValue(info); });
    }
    walk.Tell();
    if (!status.ok()) return status;
    return report_;
  }

 private:
  static bool IsOfNewerVersion(const EntryInfo& info) { return absl::IsUnimplemented(info.status); }

  absl::Status ForEach(Walk& walk, absl::FunctionRef<Verdict(const EntryInfo&)> visit) {
    for (const auto& store : stores_) {
      const absl::Status status = store->ForEach(Depth::kHeads, [&](const EntryInfo& info) {
        walk.Step();
        return visit(info);
      });
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  bool IsTooOld(const EntryInfo& info) const {
    return info.status.ok() && (IsBeyond(info.created, limits_.older_than) ||
                                IsBeyond(info.last_used, limits_.unused_for));
  }

  Verdict Remove(const EntryInfo& info) {
    ++report_.removed_entries;
    report_.removed_bytes += info.bytes;
    return limits_.dry_run ? Verdict::kKeep : Verdict::kRemove;
  }

  Verdict ByTime(const EntryInfo& info) {
    if (IsTooOld(info)) return Remove(info);
    ++report_.kept_entries;
    report_.kept_bytes += info.bytes;
    if (limits_.max_bytes && !IsOfNewerVersion(info)) bytes_of_rank_[RankOf(info)] += info.bytes;
    return Verdict::kKeep;
  }

  bool IsBeyond(TimePoint time, const std::optional<std::chrono::nanoseconds>& limit) const {
    return limit && time < now_ - *limit;
  }

  // Everything below it goes, and of it as much as is still too much.
  void FindLastRank() {
    uint64_t excess = report_.kept_bytes - *limits_.max_bytes;
    while (last_rank_ + 1 < kRanks && bytes_of_rank_[last_rank_] < excess) {
      excess -= bytes_of_rank_[last_rank_++];
    }
  }

  Verdict ByValue(const EntryInfo& info) {
    // What was put meanwhile was not counted.
    if (info.created > now_ || IsOfNewerVersion(info)) return Verdict::kKeep;
    // It has been counted, and would have gone by now.
    if (limits_.dry_run && IsTooOld(info)) return Verdict::kKeep;
    const size_t rank = RankOf(info);
    const bool goes =
        rank < last_rank_ || (rank == last_rank_ && report_.kept_bytes > *limits_.max_bytes);
    if (!goes) return Verdict::kKeep;
    --report_.kept_entries;
    report_.kept_bytes -= info.bytes;
    return Remove(info);
  }

  const Stores& stores_;
  const PruneLimits limits_;
  const TimePoint now_;
  PruneReport report_;
  std::vector<uint64_t> bytes_of_rank_;
  size_t last_rank_ = 0;
};

}  // namespace

absl::StatusOr<PruneReport> Prune(const Stores& stores, const PruneLimits& limits, TimePoint now,
                                  OnProgress progress) {
  return Pruning(stores, limits, now).Run(progress);
}

}  // namespace permacache::storage
