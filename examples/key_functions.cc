// Finds the most frequent word of a text, and says what of each argument enters the key.
//
//   ./bazelw run //examples:key_functions [-- /the/whole/path/of/a/text]
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "permacache/permacache.h"
using namespace permacache::literals;

class StopWords {  // not a plain struct; its name, with its edition, tells what is in it
 public:
  StopWords(std::string name, std::set<std::string> words)
      : name_(std::move(name)), words_(std::move(words)) {}
  const std::string& name() const { return name_; }
  bool Contains(const std::string& word) const { return words_.contains(word); }

 private:
  std::string name_;
  std::set<std::string> words_;
};

std::string MostFrequent(const std::filesystem::path& text, const StopWords& ignored, bool verbose,
                         size_t min_length) {
  if (verbose) std::cerr << "reading " << text.string() << "\n";
  std::map<std::string, int> counts;
  std::pair<int, std::string> most;
  std::ifstream file(text);
  for (std::string word; file >> word;) {
    std::erase_if(word, [](unsigned char c) { return std::isalpha(c) == 0; });
    if (word.size() < min_length || ignored.Contains(word)) continue;
    if (const int count = ++counts[word]; count > most.first) most = {count, word};
  }
  return most.second;
}

int main(int argc, char** argv) {
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");  // of `bazel run`
  const std::filesystem::path readme =
      std::filesystem::path(workspace == nullptr ? "." : workspace) / "README.md";
  const std::filesystem::path text = argc > 1 ? argv[1] : readme;
  auto most_frequent = permacache::Memoize(
      "examples/most_frequent", MostFrequent,
      "text"_a.FileContents(),             // a renamed file is the same, an edited one another
      "ignored"_a.Key(&StopWords::name),   // any function whose result can be a key
      "verbose"_a.Ignore(),                // does not matter for the result
      ("min_length"_a = 1).DropIfEqual(1)  // added later: results of before stay valid
  );
  const StopWords english("english-1", {"a", "and", "in", "is", "it", "of", "that", "the", "to"});
  for (const size_t min_length : {1, 8}) {
    const bool found = most_frequent.Contains(text, english, true, min_length);
    const std::string word = most_frequent(text, english, true, min_length);
    std::cout << (found ? "from the cache: " : "computed: ") << word << "\n  is the result for "
              << most_frequent.Key(text, english, true, min_length) << "\n";
  }
}
