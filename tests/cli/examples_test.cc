// The commands in --help and in README.md, run one after the other on the example cache, and what
// they write.
//
// What depends on the machine is left out before it is compared: what doctor finds, and the sizes
// of LMDB's files that compact shows. Everything else is as it stands in examples.golden. To write
// that anew, from the root of the checkout:
//
//   bazel run //tests/cli:examples_test -- --write=$PWD/tests/cli/examples.golden
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "permacache/testing/temporary_directory.h"
#include "tests/cli/command.h"
#include "tests/cli/example_cache.h"

namespace permacache::testing {
namespace {

namespace fs = std::filesystem;

// In an order in which the later ones find something left to do.
constexpr const char* kCommands[] = {"ls",     "get",     "count",  "stats",     "verify",
                                     "doctor", "export",  "import", "rm",        "prune",
                                     "clear",  "compact", "help",   "completion"};

std::vector<std::string> Lines(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string WithoutWhatDependsOnTheMachine(const std::string& command, const std::string& text) {
  if (command.starts_with("permacache doctor")) return "";
  if (!command.starts_with("permacache compact")) return text;
  return std::regex_replace(text, std::regex(" +[0-9.]+ (B|kB|MB)"), "  SIZE");
}

class Examples {
 public:
  Examples() { MakeExampleCache(directory_.path() / "cache"); }

  // The command as people type it, and what it writes then.
  std::string Run(const std::string& command) {
    const Outcome outcome = RunLine(directory_.path() / "cache", directory_.path(), command);
    EXPECT_EQ(outcome.exit_code, 0) << command << "\n" << outcome.err;
    EXPECT_EQ(outcome.err, "") << command;
    return "$ " + command + "\n" + WithoutWhatDependsOnTheMachine(command, outcome.out);
  }

  // Those in the help of a command.
  std::vector<std::string> Of(const std::string& command) {
    const Outcome help = RunCommand(directory_.path() / "cache", {command, "--help"});
    EXPECT_EQ(help.exit_code, 0);
    std::vector<std::string> examples;
    bool are_examples = false;
    for (const std::string& line : Lines(help.out)) {
      if (are_examples && line.starts_with("  ")) examples.push_back(line.substr(2));
      are_examples = are_examples || line == "Examples:";
    }
    EXPECT_FALSE(examples.empty()) << command;
    return examples;
  }

 private:
  const TemporaryDirectory directory_{ParentInMemory()};
};

std::string AllExamples() {
  Examples examples;
  std::string written;
  for (const char* command : kCommands) {
    for (const std::string& example : examples.Of(command)) written += examples.Run(example) + "\n";
  }
  return written;
}

TEST(Help, ShowsExamplesThatDoWhatTheyDid) {
  EXPECT_EQ(AllExamples(), ReadFile("tests/cli/examples.golden"));
}

TEST(Help, HasExamplesOfEachCommand) {
  const Outcome help = RunCommand("", {"--help"});
  for (const char* command : kCommands) {
    EXPECT_NE(help.out.find(std::string("\n  ") + command + " "), std::string::npos) << command;
  }
  size_t commands = 0;
  bool are_commands = false;
  for (const std::string& line : Lines(help.out)) {
    if (are_commands && line.starts_with("  ")) ++commands;
    are_commands = (are_commands && !line.empty()) || line == "Subcommands:";
  }
  EXPECT_EQ(commands, std::size(kCommands));
}

TEST(Readme, ShowsCommandsThatDoWhatItSays) {
  std::string shown, written;
  bool is_inside = false;
  Examples examples;
  for (const std::string& line : Lines(ReadFile("README.md"))) {
    if (line.starts_with("```")) {
      is_inside = line == "```console";
    } else if (is_inside) {
      shown += line + "\n";
      if (line.starts_with("$ ")) written += examples.Run(line.substr(2));
    }
  }
  EXPECT_FALSE(shown.empty());
  EXPECT_EQ(shown, written);
}

}  // namespace
}  // namespace permacache::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  constexpr std::string_view kWrite = "--write=";
  if (argc == 2 && std::string_view(argv[1]).starts_with(kWrite)) {
    std::ofstream(argv[1] + kWrite.size()) << permacache::testing::AllExamples();
    return 0;
  }
  return RUN_ALL_TESTS();
}
