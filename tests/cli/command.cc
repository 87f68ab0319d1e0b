#include "tests/cli/command.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "permacache/testing/processes.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

namespace fs = std::filesystem;

const fs::path& StartFolder() {
  static const fs::path folder = fs::current_path();  // before a test goes elsewhere
  return folder;
}

void Redirect(int descriptor, const fs::path& file) {
  const int opened = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(opened, descriptor);
  close(opened);
}

Outcome Run(const fs::path& cache, const fs::path& folder, std::vector<std::string> words) {
  const TemporaryDirectory outputs;
  const fs::path out = outputs.path() / "out", err = outputs.path() / "err";
  const std::string path = CommandPath().parent_path().string() + ":" + std::getenv("PATH");
  const pid_t process = StartProcess([&]() -> int {
    Redirect(STDOUT_FILENO, out);
    Redirect(STDERR_FILENO, err);
    setenv("PERMACACHE_DIR", cache.c_str(), 1);
    setenv("PATH", path.c_str(), 1);
    setenv("TZ", "UTC", 1);
    if (!folder.empty()) fs::current_path(folder);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    return 127;
  });
  const int exit_code = WaitForProcess(process);
  return {exit_code, ReadFile(out), ReadFile(err)};
}

}  // namespace

fs::path CommandPath() { return StartFolder() / "permacache/cli/permacache"; }

Outcome RunCommand(const fs::path& cache, const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {CommandPath().string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return Run(cache, "", words);
}

Outcome RunLine(const fs::path& cache, const fs::path& folder, const std::string& line) {
  return Run(cache, folder, {"bash", "-c", line});
}

std::string ReadFile(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace permacache::testing
