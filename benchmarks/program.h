// What the benchmark programs have in common: how they are run.
#ifndef PERMACACHE_BENCHMARKS_PROGRAM_H_
#define PERMACACHE_BENCHMARKS_PROGRAM_H_

namespace permacache::benchmarks {

// Runs what is registered as google-benchmark's flags say, and returns what main() shall. Refuses
// (2) an unoptimised build unless it is given --unoptimized: its figures say nothing, and are soon
// taken for what they are not.
int RunProgram(int argc, char** argv);

}  // namespace permacache::benchmarks

#endif  // PERMACACHE_BENCHMARKS_PROGRAM_H_
