// The cache on which the examples of the command are run: with times and costs that do not change,
// so that their output does not, either.
#ifndef PERMACACHE_TESTS_CLI_EXAMPLE_CACHE_H_
#define PERMACACHE_TESTS_CLI_EXAMPLE_CACHE_H_

#include <filesystem>

namespace permacache::testing {

// wing/lift has versions 1 and 2, in JSON; mesh/refine results in binary; report/text has files.
void MakeExampleCache(const std::filesystem::path& directory);

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTS_CLI_EXAMPLE_CACHE_H_
