#include <chrono>
#include <iostream>

#include "permacache/permacache.h"
using namespace permacache::literals;

long Fib(int n, long f1) { return n < 2 ? n * f1 : Fib(n - 1, f1) + Fib(n - 2, f1); }  // slow

int main() {
  auto fib = permacache::Memoize("quickstart/fib", Fib, "n"_a, "f1"_a = 1);
  for (int n : {30, 35, 40}) {
    const auto begin = std::chrono::steady_clock::now();
    std::cout << (fib.Contains(n) ? "from the cache: " : "computed: ") << fib(n);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    std::cout << " = fib(" << n << ") in " << seconds.count() << " s\n";
  }
  std::cout << "The cache lies in " << permacache::Cache().directory().string() << "\n";
}
