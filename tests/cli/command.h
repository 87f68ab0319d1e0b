// Runs the permacache command as people do.
#ifndef PERMACACHE_TESTS_CLI_COMMAND_H_
#define PERMACACHE_TESTS_CLI_COMMAND_H_

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace permacache::testing {

// What a command has written, and how it ended: its exit code, or -N if signal N ended it.
struct Outcome {
  int exit_code = 0;
  std::string out;
  std::string err;
};

// Where the command is.
std::filesystem::path CommandPath();

// Runs it on this cache, with Universal Time for the local one.
Outcome RunCommand(const std::filesystem::path& cache, const std::vector<std::string>& arguments);

// Runs a line in bash, in that folder, where `permacache` is the command, and the cache that of
// $PERMACACHE_DIR.
Outcome RunLine(const std::filesystem::path& cache, const std::filesystem::path& folder,
                const std::string& line);

std::string ReadFile(const std::filesystem::path& file);

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTS_CLI_COMMAND_H_
