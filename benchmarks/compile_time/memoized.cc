// One function that returns a struct, memoized.
#include <string>
#include <vector>

#include "permacache/permacache.h"

using namespace permacache::literals;

struct Result {
  double x, y;
  std::vector<std::string> names;
};

Result Compute(int x, const std::string& name) { return {1.0 * x, 2.0, {name}}; }

int main() {
  auto compute = permacache::Memoize("compute", Compute, "x"_a, "name"_a = "a");
  return static_cast<int>(compute(1).x);
}
