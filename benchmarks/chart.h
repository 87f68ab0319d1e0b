// Line charts as SVG.
#ifndef PERMACACHE_BENCHMARKS_CHART_H_
#define PERMACACHE_BENCHMARKS_CHART_H_

#include <string>
#include <utility>
#include <vector>

namespace permacache::benchmarks {

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  // x and y, both positive
};

// Both axes are logarithmic. Series without points are left out.
struct Chart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Series> series;
};

// A document with the charts one above the other.
std::string ToSvg(const std::vector<Chart>& charts);

}  // namespace permacache::benchmarks

#endif  // PERMACACHE_BENCHMARKS_CHART_H_
