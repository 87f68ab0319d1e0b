// What a cache holds, added up in one walk.
#ifndef PERMACACHE_CLI_SUMMARY_H_
#define PERMACACHE_CLI_SUMMARY_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "permacache/cli/entries.h"
#include "permacache/cli/session.h"
#include "permacache/memoize/options.h"
#include "permacache/storage/store.h"

namespace permacache::cli {

struct FunctionSummary {
  std::string name;
  bool in_files = false;
  std::vector<uint32_t> versions = {};  // that have entries
  int64_t entries = 0;
  uint64_t bytes = 0;
  int64_t damaged = 0;                         // entries that cannot be read
  std::chrono::nanoseconds compute_time = {};  // what computing all of them took
  storage::TimePoint last_used = {};

  // What happened to calls, over all processes; not counted for results in files.
  bool has_counts = false;
  FunctionStats counts = {};
};

struct NamedEntry {
  std::string function = {};
  uint32_t version = 0;
  std::string key = {};
  uint64_t bytes = 0;
  std::chrono::nanoseconds compute_time = {};
};

struct Summary {
  std::vector<FunctionSummary> functions;  // by name, with entries or counts
  std::vector<NamedEntry> largest;         // entries, the first of them
  std::vector<NamedEntry> costliest;       // likewise, by what they took to compute

  FunctionSummary Total() const;
};

// With the `top` largest and costliest entries.
Summary Summarize(Session& session, const Selection& selection, std::string_view doing, size_t top);

// The share of calls that were answered from the cache; 0 if there were none.
double HitRate(const FunctionStats& counts);

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_SUMMARY_H_
