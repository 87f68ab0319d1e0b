// What the benchmark programs have in common: how they are run.
#ifndef PERMACACHE_BENCHMARKS_PROGRAM_H_
#define PERMACACHE_BENCHMARKS_PROGRAM_H_

#include <cstdint>

namespace permacache::benchmarks {

// Takes --most=N, the number of entries of the largest cache, out of the arguments. Default
// 1000000.
int64_t TakeMost(int* argc, char** argv);

// Runs what is registered as google-benchmark's flags say, and returns what main() shall. Refuses
// (2) an unoptimised build unless it is given --unoptimized: its figures say nothing, and are soon
// taken for what they are not.
int RunProgram(int argc, char** argv);

}  // namespace permacache::benchmarks

#endif  // PERMACACHE_BENCHMARKS_PROGRAM_H_
