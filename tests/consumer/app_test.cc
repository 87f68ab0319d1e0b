#include <cstdlib>

#include "permacache/permacache.h"

int main() {
  permacache::Cache cache({.directory = std::string(std::getenv("TEST_TMPDIR")) + "/cache"});
  int computed = 0;
  auto square = cache.Memoize("square", [&](int x) {
    ++computed;
    return x * x;
  });
  return square(12) == 144 && square(12) == 144 && computed == 1 && square.Size() == 1 ? 0 : 1;
}
