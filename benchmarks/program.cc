#include "benchmarks/program.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

namespace permacache::benchmarks {
namespace {

#ifdef __OPTIMIZE__
constexpr bool kIsOptimized = true;
#else
constexpr bool kIsOptimized = false;
#endif

}  // namespace

int64_t TakeMost(int* argc, char** argv) {
  constexpr std::string_view kFlag = "--most=";
  int64_t most = 1'000'000;
  int kept = 0;
  for (int i = 0; i < *argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with(kFlag)) {
      most = std::stoll(argv[i] + kFlag.size());
    } else {
      argv[kept++] = argv[i];
    }
  }
  *argc = kept;
  return most;
}

int RunProgram(int argc, char** argv) {
  char** const flag = std::find(argv, argv + argc, std::string_view("--unoptimized"));
  const bool takes_any = flag != argv + argc;
  argc = static_cast<int>(std::remove(argv, argv + argc, std::string_view("--unoptimized")) - argv);
  if (!kIsOptimized && !takes_any) {
    std::fprintf(stderr,
                 "This is an unoptimised build, whose figures say nothing. Build with -c opt, or "
                 "say --unoptimized to measure it all the same.\n");
    return 2;
  }
  benchmark::AddCustomContext("optimized", kIsOptimized ? "yes" : "no");
  benchmark::AddCustomContext("compiler", __VERSION__);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace permacache::benchmarks
