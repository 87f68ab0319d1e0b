// Computes under the keys that Python permacache 5.0.1 gives, with version 2 of its hashes, to
//
//   @permacache("...", key_function=dict(signal=stable_hash, window=str, verbose=None))
//   def strongest_period(signal, least=2, window=1.0, verbose=False): ...
//
//   ./bazelw run //examples:python_keys
//
// The keys alone are shared: each language has its own way to store results.
#include <cstddef>
#include <iostream>
#include <vector>

#include "permacache/permacache.h"
using namespace permacache::literals;

// The period, in samples, at which a signal is most like itself.
size_t StrongestPeriod(permacache::ArrayView<const double> signal, size_t least, double window,
                       bool verbose) {
  size_t strongest = 0;
  double most = 0;
  const auto compared = static_cast<size_t>(window * static_cast<double>(signal.size()) / 2);
  for (size_t period = least; period < signal.size() / 2; ++period) {
    double sum = 0;
    for (size_t i = 0; i < compared; ++i) sum += signal(i) * signal(i + period);
    if (sum > most) most = sum, strongest = period;
    if (verbose) std::cerr << period << ": " << sum << "\n";
  }
  return strongest;
}

int main() {
  using permacache::KeyFormat;
  auto strongest_period = permacache::Memoize(
      {.name = "examples/python_keys", .key_format = KeyFormat::kPython}, StrongestPeriod,
      "signal"_a.Key(permacache::StableHash), "least"_a = 2,
      "window"_a.Key(permacache::StringForm) = 1.0, "verbose"_a.Ignore() = false);

  std::vector<double> samples(10'000);  // numpy.arange(10_000) % 250 / 100.0 is the same array
  for (size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<double>(i % 250) / 100.0;
  const permacache::ArrayView<const double> signal(samples.data(), {samples.size()});
  for (const double window : {1.0, 0.5}) {
    const bool found = strongest_period.Contains(signal, "window"_a = window);
    const size_t period = strongest_period(signal, "window"_a = window);
    std::cout << (found ? "from the cache: " : "computed: ") << period
              << " samples, under the key\n"
              << "  " << strongest_period.Key(signal, "window"_a = window) << "\n";
  }
}
