// Benchmark programs do not measure unoptimised code unless they are told to.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <string>

namespace permacache::benchmarks {
namespace {

#ifdef __OPTIMIZE__
constexpr int kWithoutAWord = 0;
#else
constexpr int kWithoutAWord = 2;
#endif

int ExitCodeOf(const std::string& options) {
  const std::string command =
      "benchmarks/codec_benchmark --benchmark_filter=Double --benchmark_min_time=0.001 " + options;
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(ProgramTest, RefusesToMeasureAnUnoptimisedBuild) { EXPECT_EQ(ExitCodeOf(""), kWithoutAWord); }

TEST(ProgramTest, MeasuresOneIfItIsToldTo) { EXPECT_EQ(ExitCodeOf("--unoptimized"), 0); }

TEST(ProgramTest, RefusesOptionsThatItDoesNotKnow) {
  EXPECT_EQ(ExitCodeOf("--unoptimized --fast"), 2);
}

}  // namespace
}  // namespace permacache::benchmarks
