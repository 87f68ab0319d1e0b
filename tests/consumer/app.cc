#include <iostream>
#include <string>
#include <vector>

#include "permacache/permacache.h"
using namespace permacache::literals;

struct Point {
  double x = 0;
  double y = 0;
};

struct Path {
  std::string name;
  std::vector<Point> points;
};

Path Doubled(const Path& path, int times) {
  Path result = path;
  for (int i = 0; i < times; ++i) {
    for (Point& point : result.points) point = {2 * point.x, 2 * point.y};
  }
  return result;
}

int main() {
  auto doubled = permacache::Memoize("consumer/doubled", Doubled, "path"_a, "times"_a = 1);
  const Path path = doubled({"p", {{1, 2}}}, "times"_a = 2);
  std::cout << path.name << " " << path.points[0].x << " " << path.points[0].y << "\n"
            << doubled.Key({"p", {{1, 2}}}) << "\n";
}
