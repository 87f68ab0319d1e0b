// README.md shows only what works: its programs and settings are those that the tests run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace {

using ::testing::HasSubstr;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// The lines without indentation, as a snippet may be indented where it is compiled.
std::string WithoutIndentation(const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    const size_t begin = line.find_first_not_of(' ');
    if (begin != std::string::npos) result += line.substr(begin) + "\n";
  }
  return result;
}

std::vector<std::string> BlocksOf(const std::string& language) {
  std::istringstream lines(ReadFile("README.md"));
  std::vector<std::string> blocks;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line == "```" + language && !inside) {
      blocks.emplace_back();
      inside = true;
    } else if (line.starts_with("```")) {
      inside = false;
    } else if (inside) {
      blocks.back() += line + "\n";
    }
  }
  return blocks;
}

TEST(Readme, ShowsTheQuickstartAndSnippetsThatAreTested) {
  const std::string sources = WithoutIndentation(ReadFile("examples/quickstart.cc")) +
                              WithoutIndentation(ReadFile("tests/readme/tour_test.cc"));
  const std::vector<std::string> blocks = BlocksOf("cpp");
  ASSERT_EQ(blocks.size(), size_t{4});
  EXPECT_EQ(blocks[0], ReadFile("examples/quickstart.cc"));
  for (const std::string& block : blocks)
    EXPECT_THAT(sources, HasSubstr(WithoutIndentation(block)));
}

TEST(Readme, ShowsTheWorkspaceThatIsTested) {
  const std::vector<std::string> blocks = BlocksOf("python");
  ASSERT_EQ(blocks.size(), size_t{1});
  EXPECT_EQ(blocks[0], ReadFile("tests/consumer/WORKSPACE"));
  EXPECT_THAT(ReadFile("README.md"), HasSubstr(ReadFile("tests/consumer/.bazelrc")));
}

// .ci/run calls these commands.
TEST(Readme, ShowsTheCommandsThatAreChecked) {
  const std::vector<std::string> blocks = BlocksOf("sh");
  ASSERT_EQ(blocks.size(), size_t{1});
  std::istringstream lines(blocks[0]);
  const std::string checks = ReadFile(".ci/run");
  for (std::string line; std::getline(lines, line);) {
    const std::string command = line.substr(0, line.find("   #"));
    EXPECT_THAT(checks, HasSubstr(command));
  }
}

}  // namespace
