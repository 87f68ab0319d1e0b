// Finds the longest Collatz sequences of many numbers at once; whatever stops the program, what was
// computed stays, and only the rest is computed next time.
//
//   ./bazelw run //examples:batches [-- 20000]
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <vector>

#include "permacache/permacache.h"
using namespace permacache::literals;

// How many steps each of the numbers takes to get to 1.
std::vector<int> Steps(const std::vector<int64_t>& numbers) {
  std::cout << "  computing " << numbers.size() << " numbers\n";
  std::vector<int> steps;
  for (int64_t number : numbers) {
    int count = 0;
    for (; number != 1; ++count) number = number % 2 == 0 ? number / 2 : 3 * number + 1;
    steps.push_back(count);
  }
  return steps;
}

int main(int argc, char** argv) {
  const int64_t most = argc > 1 ? std::atoll(argv[1]) : 10'000;
  auto steps = permacache::Memoize({.name = "examples/steps", .chunk_size = 2'500}, Steps,
                                   "numbers"_a.Batch());
  std::vector<int64_t> numbers(most);
  std::iota(numbers.begin(), numbers.end(), 1);
  const permacache::BatchPlan plan = steps.Plan(numbers);
  std::cout << plan.cached << " of " << plan.elements << " are in the cache, " << plan.missing
            << " are missing\n";
  const std::vector<int> all = steps(numbers);
  const auto longest = std::ranges::max_element(all);
  std::cout << "the longest: " << numbers[longest - all.begin()] << " takes " << *longest
            << " steps\n";
}
