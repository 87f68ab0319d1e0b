#include "permacache/cli/completion.h"

#include <algorithm>
#include <iterator>

#include "permacache/catalog/error.h"
#include "permacache/catalog/location.h"
#include "permacache/catalog/stored_functions.h"

namespace permacache::cli {
namespace {

std::vector<std::string> FunctionsIn(const std::string& cache) {
  std::vector<std::string> names;
  if (cache.empty()) return names;
  const auto functions = catalog::FindStoredFunctions(cache);
  if (!functions.ok()) return names;
  for (const catalog::StoredFunction& function : *functions) names.push_back(function.name);
  return names;
}

const CommandWords& CommandOf(const std::vector<CommandWords>& commands,
                              const std::vector<std::string>& words) {
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const auto command =
        std::ranges::find(commands.begin() + 1, commands.end(), words[i], &CommandWords::name);
    if (command != commands.end()) return *command;
    if (words[i] == "--cache") ++i;
  }
  return commands.front();
}

}  // namespace

const char kBashCompletion[] = R"bash(_permacache() {
  local IFS=$'\n' word
  COMPREPLY=()
  while read -r word; do
    COMPREPLY+=("$(printf '%q' "$word")")
  done < <("${COMP_WORDS[0]}" completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _permacache permacache
)bash";

std::string CacheOf(const std::vector<std::string>& words) {
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "--cache") return words[i + 1];
  }
  try {
    return catalog::DefaultDirectory();
  } catch (const Error&) {
    return "";
  }
}

std::vector<std::string> Candidates(const std::vector<CommandWords>& commands,
                                    const std::vector<std::string>& words) {
  if (words.empty()) return {};
  const std::string& begun = words.back();
  const CommandWords& command = CommandOf(commands, words);
  std::vector<std::string> candidates = begun.starts_with('-') ? command.options : command.words;
  if (!begun.starts_with('-') && command.takes_functions) {
    std::ranges::copy(FunctionsIn(CacheOf(words)), std::back_inserter(candidates));
  }
  std::erase_if(candidates,
                [&](const std::string& candidate) { return !candidate.starts_with(begun); });
  return candidates;
}

}  // namespace permacache::cli
