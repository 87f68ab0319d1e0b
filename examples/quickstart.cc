#include <chrono>
#include <iostream>

#include "permacache/permacache.h"
using namespace permacache::literals;

int CountPrimes(int below, int from) {  // slow on purpose
  int count = 0;
  for (int n = from; n < below; ++n) {
    int divisor = 2;
    while (divisor < n && n % divisor != 0) ++divisor;
    count += divisor == n;
  }
  return count;
}

int main() {
  auto primes = permacache::Memoize("quickstart/primes", CountPrimes, "below"_a, "from"_a = 2);
  for (int below : {20'000, 40'000, 80'000}) {
    const bool cached = primes.Contains(below);
    const auto begin = std::chrono::steady_clock::now();
    std::cout << "primes below " << below << ": " << primes(below);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    std::cout << (cached ? ", from the cache in " : ", computed in ") << seconds.count() << " s\n";
  }
  std::cout << "The cache lies in " << permacache::Cache().directory().string() << "\n";
}
