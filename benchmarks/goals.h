// What permacache's speed is measured against, and how near to it is near enough.
#ifndef PERMACACHE_BENCHMARKS_GOALS_H_
#define PERMACACHE_BENCHMARKS_GOALS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "benchmarks/measurements.h"

namespace permacache::benchmarks {

// A row of the report.
struct Comparison {
  std::string work;
  std::string peer;
  std::string unit;  // of both figures
  std::optional<double> ours;
  std::optional<double> against;
  double goal;
  bool at_least = false;       // the goal is the least ratio; else it is the greatest
  bool is_difference = false;  // the goal is for ours - against
  std::string missing = {};    // why a figure is not there

  // ours / against, or ours - against.
  std::optional<double> ratio() const;
  std::optional<bool> met() const;
};

// All of them, as far as they have been measured. `most` is the number of entries of the largest
// cache.
std::vector<Comparison> Compare(const Measurements& measured, int64_t most);

}  // namespace permacache::benchmarks

#endif  // PERMACACHE_BENCHMARKS_GOALS_H_
