#include "permacache/cli/summary.h"

#include <algorithm>
#include <utility>

#include "permacache/catalog/location.h"
#include "permacache/cli/top.h"
#include "permacache/memoize/statistics_file.h"

namespace permacache::cli {
namespace {

using storage::EntryInfo;
using storage::Verdict;

// The greatest entries by one of their numbers.
template <class Number>
class TopEntries {
 public:
  TopEntries(size_t most, Number NamedEntry::*number)
      : top_(most,
             [number](const NamedEntry& a, const NamedEntry& b) { return a.*number > b.*number; }) {
  }

  void Add(const Generation& generation, const EntryInfo& info) {
    NamedEntry entry{.bytes = info.bytes, .compute_time = info.compute_time};
    if (!info.status.ok() || !top_.IsWanted(entry)) return;
    entry.function = generation.function.name;
    entry.version = generation.version;
    entry.key = info.key;
    top_.Add(std::move(entry));
  }

  std::vector<NamedEntry> Take() { return top_.Take(); }

 private:
  Top<NamedEntry> top_;
};

FunctionSummary Begin(const catalog::StoredFunction& function) {
  return {
      .name = function.name,
      .in_files = function.in_files,
      .has_counts = !function.in_files,
      .counts = function.in_files ? FunctionStats() : memoize::ReadStatisticsFile(function.folder)};
}

// Copies of files that a function wrote took nothing to compute but what its results did.
bool IsCopyOfFile(const Generation& generation) {
  return generation.function.folder.filename() == catalog::kOutFilesName;
}

void AddTo(FunctionSummary& sum, const Generation& generation, const EntryInfo& info) {
  const uint32_t version = generation.version;
  if (sum.versions.empty() || sum.versions.back() != version) sum.versions.push_back(version);
  ++sum.entries;
  sum.bytes += info.bytes;
  if (!info.status.ok()) {
    ++sum.damaged;
    return;
  }
  if (!IsCopyOfFile(generation)) sum.compute_time += info.compute_time;
  sum.last_used = std::max(sum.last_used, std::max(info.last_used, info.created));
}

}  // namespace

FunctionSummary Summary::Total() const {
  FunctionSummary total{.name = "all"};
  for (const FunctionSummary& function : functions) {
    total.entries += function.entries;
    total.bytes += function.bytes;
    total.damaged += function.damaged;
    total.compute_time += function.compute_time;
    total.last_used = std::max(total.last_used, function.last_used);
    total.has_counts = total.has_counts || function.has_counts;
    total.counts += function.counts;
  }
  return total;
}

Summary Summarize(Session& session, const Selection& selection, std::string_view doing,
                  size_t top) {
  Summary summary;
  TopEntries largest(top, &NamedEntry::bytes);
  TopEntries costliest(top, &NamedEntry::compute_time);
  Progress progress(doing, Unit::kEntries);
  for (const catalog::StoredFunction& function : session.Functions(selection.function)) {
    FunctionSummary& sum = summary.functions.emplace_back(Begin(function));
    ForEachEntryOf(session, function, selection, progress, storage::Depth::kHeads,
                   [&](const Generation& generation, const EntryInfo& info) {
                     AddTo(sum, generation, info);
                     largest.Add(generation, info);
                     if (!IsCopyOfFile(generation)) costliest.Add(generation, info);
                     return Verdict::kKeep;
                   });
    if (sum.entries == 0 && sum.counts == FunctionStats()) summary.functions.pop_back();
  }
  summary.largest = largest.Take();
  summary.costliest = costliest.Take();
  return summary;
}

double HitRate(const FunctionStats& counts) {
  const int64_t calls = counts.hits + counts.misses;
  return calls == 0 ? 0 : static_cast<double>(counts.hits) / static_cast<double>(calls);
}

}  // namespace permacache::cli
