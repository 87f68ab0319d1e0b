// Analyses each text file below a folder, and each content only once, ever.
//
//   ./bazelw run //examples:file_stats [-- FOLDER]
//
// The analysis looks for the two lines of a file that are most alike, by comparing each with each,
// which takes a while. It depends on the content of the file alone, so the content is its argument:
// a file that is edited is analysed again, one that is renamed or copied is not.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "permacache/permacache.h"

namespace {

namespace fs = std::filesystem;
using namespace permacache::literals;

constexpr size_t kComparedLines = 60;
constexpr uintmax_t kLargestFile = 1 << 20;

struct FileStats {
  int lines = 0;
  int words = 0;
  int distinct_words = 0;
  // The least edit distance between two different lines, if there are two.
  std::optional<int> least_distance;
  std::vector<std::string> most_alike;
};

// The Levenshtein distance: how many characters have to be inserted, deleted or replaced.
int EditDistance(std::string_view a, std::string_view b) {
  std::vector<int> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

FileStats Analyse(const std::string& text) {
  FileStats stats;
  std::istringstream lines(text);
  std::vector<std::string> compared;
  for (std::string line; std::getline(lines, line);) {
    ++stats.lines;
    const bool is_new = std::ranges::find(compared, line) == compared.end();
    if (line.size() > 10 && is_new && compared.size() < kComparedLines) compared.push_back(line);
  }
  std::istringstream words(text);
  std::set<std::string> distinct;
  for (std::string word; words >> word; ++stats.words) distinct.insert(word);
  stats.distinct_words = static_cast<int>(distinct.size());
  for (size_t i = 0; i < compared.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const int distance = EditDistance(compared[i], compared[j]);
      if (!stats.least_distance || distance < *stats.least_distance) {
        stats.least_distance = distance;
        stats.most_alike = {compared[j], compared[i]};
      }
    }
  }
  return stats;
}

// The content of a text file; nothing for other files.
std::optional<std::string> ReadText(const fs::directory_entry& entry) {
  std::error_code error;
  if (entry.is_symlink(error) || !entry.is_regular_file(error)) return std::nullopt;
  if (entry.file_size(error) > kLargestFile || error) return std::nullopt;
  std::ifstream file(entry.path(), std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file || text.empty() || text.find('\0') != std::string::npos) return std::nullopt;
  return text;
}

std::vector<fs::directory_entry> FilesBelow(const fs::path& folder) {
  std::vector<fs::directory_entry> files;
  const auto options = fs::directory_options::skip_permission_denied;
  for (auto i = fs::recursive_directory_iterator(folder, options); i != fs::end(i); ++i) {
    const bool is_hidden = i->path().filename().string().starts_with('.');
    if (is_hidden && i->is_directory()) i.disable_recursion_pending();
    if (!is_hidden) files.push_back(*i);
  }
  return files;
}

// `bazel run` starts programs elsewhere and tells in these variables where it was called.
fs::path FolderToWalk(int argc, char** argv) {
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  const char* called_from = std::getenv("BUILD_WORKING_DIRECTORY");
  if (argc < 2) return workspace == nullptr ? "." : workspace;
  return called_from == nullptr ? fs::path(argv[1]) : fs::path(called_from) / argv[1];
}

void ShowProgress(size_t done, size_t all) {
  if (!isatty(STDERR_FILENO)) return;
  std::cerr << "\r" << done << " of " << all << " files" << (done == all ? "\n" : "") << std::flush;
}

int Run(const fs::path& folder) {
  auto analyse = permacache::Memoize("examples/file_stats", Analyse, "text"_a);
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<fs::directory_entry> files = FilesBelow(folder);
  int texts = 0;
  int64_t lines = 0;
  fs::path closest;
  FileStats closest_stats;
  for (size_t i = 0; i < files.size(); ++i) {
    if (const std::optional<std::string> text = ReadText(files[i])) {
      const FileStats stats = analyse(*text);
      ++texts;
      lines += stats.lines;
      if (stats.least_distance &&
          (closest.empty() || stats.least_distance < closest_stats.least_distance)) {
        closest = files[i].path();
        closest_stats = stats;
      }
    }
    ShowProgress(i + 1, files.size());
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  std::cout << texts << " text files with " << lines << " lines in " << folder.string() << "\n";
  if (!closest.empty()) {
    std::cout << "The two lines most alike, in " << closest.string() << ":\n";
    for (const std::string& line : closest_stats.most_alike) std::cout << "  " << line << "\n";
  }
  std::cout << analyse.Stats().misses << " computed, " << analyse.Stats().hits
            << " from the cache, in " << seconds.count() << " s\n"
            << "The cache lies in " << permacache::Cache().directory().string() << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const fs::path folder = FolderToWalk(argc, argv).lexically_normal();
  try {
    if (!fs::is_directory(folder)) {
      std::cerr << folder.string() << " is not a folder. Usage: file_stats [FOLDER]\n";
      return 2;
    }
    return Run(folder);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
