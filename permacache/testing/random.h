// Random numbers for tests, from a seed that can be given and is always shown.
#ifndef PERMACACHE_TESTING_RANDOM_H_
#define PERMACACHE_TESTING_RANDOM_H_

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace permacache::testing {

// Prints the seed: set PERMACACHE_TEST_SEED to it to see the same run again.
inline std::mt19937_64 SeededRandom() {
  const char* given = std::getenv("PERMACACHE_TEST_SEED");
  const uint64_t seed = given == nullptr ? std::random_device()() : std::stoull(given);
  std::cout << "PERMACACHE_TEST_SEED=" << seed << std::endl;
  return std::mt19937_64(seed);
}

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTING_RANDOM_H_
