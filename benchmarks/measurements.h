// What the benchmark programs have measured.
#ifndef PERMACACHE_BENCHMARKS_MEASUREMENTS_H_
#define PERMACACHE_BENCHMARKS_MEASUREMENTS_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace permacache::benchmarks {

// The figures of programs that print google-benchmark's JSON, by the names of the benchmarks. Not
// thread-safe.
class Measurements {
 public:
  // Runs a program, shows on stderr what it says there, and keeps its figures; of a benchmark that
  // was repeated the median. A program that fails leaves a reason instead of figures, as does one
  // that exits with 3, which says that what it measures is not installed.
  void Run(const std::vector<std::string>& command);

  // In nanoseconds. Nothing if it was not measured.
  std::optional<double> Time(const std::string& benchmark) const;

  // A counter of the benchmark's own, or "items_per_second" and the like.
  std::optional<double> Counter(const std::string& benchmark, const std::string& name) const;

  // Why there are no figures: what the programs said of benchmarks whose names begin so; "was not
  // measured" if they said nothing.
  std::string WhyMissing(std::string_view prefix) const;

 private:
  struct Figures {
    double nanoseconds = 0;
    std::map<std::string, double> counters = {};
  };

  std::map<std::string, Figures> figures_;
  std::map<std::string, std::string> missing_;
};

}  // namespace permacache::benchmarks

#endif  // PERMACACHE_BENCHMARKS_MEASUREMENTS_H_
