// A test that must be fast: it may use stored results of a slow simulation, and not run it.
//
//   ./bazelw run //examples:error_on_miss               fails: nothing is stored yet
//   ./bazelw run //examples:error_on_miss -- --compute  computes, and stores
//   ./bazelw run //examples:error_on_miss               passes
#include <cmath>
#include <iostream>
#include <string_view>

#include "permacache/permacache.h"
using namespace permacache::literals;

// The period of a pendulum of 1 m that is let go at an angle, in seconds.
double Period(double angle, double step) {
  double time = 0, speed = 0;
  for (double now = angle; now > 0; time += step) {
    speed -= 9.81 * std::sin(now) * step;
    now += speed * step;
  }
  return 4 * time;
}

int main(int argc, char** argv) {
  auto period = permacache::Memoize("examples/period", Period, "angle"_a, "step"_a = 1e-7);
  if (argc > 1 && std::string_view(argv[1]) == "--compute") {
    std::cout << "computed: " << period(0.1) << " s and " << period(1.5) << " s\n";
    return 0;
  }
  permacache::ScopedErrorOnMiss guard;
  try {
    const bool passes = period(0.1) < 2.02 && period(1.5) > 2.3;
    std::cout << (passes ? "passed" : "failed") << ", without computing\n";
    return passes ? 0 : 1;
  } catch (const permacache::CacheMissError& error) {
    std::cout << error.what() << "\n" << period.Explain(0.1).ToString() << "\n";
    return 2;
  }
}
