// How an epidemic goes, by how many people meet. The configuration is one struct: its fields are
// the named arguments, and the key.
//
//   ./bazelw run //examples:aggregate
#include <algorithm>
#include <iostream>

#include "permacache/permacache.h"

struct Disease {
  double infection = 0.05;  // per contact
  double recovery = 0.1;    // per day
};

struct Epidemic {
  double contacts = 5;  // per person and day
  double steps_per_day = 20'000;
  int days = 365;
  Disease disease = {};
};

struct Outcome {
  double peak = 0;  // of those infected at a time, as parts of all
  int peak_day = 0;
  double ever_infected = 0;
};

Outcome Simulate(const Epidemic& epidemic) {
  const auto& [infection, recovery] = epidemic.disease;
  const double dt = 1 / epidemic.steps_per_day;
  double healthy = 1 - 1e-6;
  double infected = 1e-6;
  Outcome outcome;
  for (int day = 0; day < epidemic.days; ++day) {
    for (int step = 0; step < epidemic.steps_per_day; ++step) {
      const double caught = healthy * infected * epidemic.contacts * infection * dt;
      healthy -= caught;
      infected += caught - infected * recovery * dt;
    }
    if (infected > outcome.peak) outcome.peak_day = day;
    outcome.peak = std::max(outcome.peak, infected);
  }
  outcome.ever_infected = 1 - healthy;
  return outcome;
}

int main() {
  auto simulate = permacache::Memoize("examples/epidemic", Simulate);
  for (const double contacts : {3.0, 5.0, 8.0}) {
    const bool found = simulate.Contains({.contacts = contacts});
    const Outcome outcome = simulate({.contacts = contacts});
    std::cout << (found ? "from the cache: " : "computed: ") << contacts
              << " contacts a day infect " << 100 * outcome.ever_infected << " % in a year, "
              << 100 * outcome.peak << " % of them on day " << outcome.peak_day << "\n";
  }
  std::cout << "Fields that are left out are those of the struct: " << simulate.Key({}) << "\n";
}
