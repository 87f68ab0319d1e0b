// Completion of command lines by bash.
#ifndef PERMACACHE_CLI_COMPLETION_H_
#define PERMACACHE_CLI_COMPLETION_H_

#include <string>
#include <vector>

namespace permacache::cli {

// What bash is to evaluate. It asks `permacache completion words -- WORD...` for candidates, of
// which there is one per line, and takes them for nothing but texts.
extern const char kBashCompletion[];

// What a command offers: its options and whether names of functions follow.
struct CommandWords {
  std::string name;
  std::vector<std::string> options;
  std::vector<std::string> words;  // that can follow
  bool takes_functions = false;
};

// The cache that a command line names, or the default one; empty if there is none.
std::string CacheOf(const std::vector<std::string>& words);

// The words that may stand in the place of the last of `words`, which has been begun, after the
// others. The first of `commands` is the program itself, whose words are the commands.
std::vector<std::string> Candidates(const std::vector<CommandWords>& commands,
                                    const std::vector<std::string>& words);

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_COMPLETION_H_
