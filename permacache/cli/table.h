// Columns of text, side by side. An object belongs to one thread at a time.
#ifndef PERMACACHE_CLI_TABLE_H_
#define PERMACACHE_CLI_TABLE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace permacache::cli {

struct Cell {
  std::string text;
  bool at_right = false;  // and with it all of its column
};

// Each column is as wide as the widest of its first cells, as many as kRowsToMeasure; what is wider
// and comes later shifts the rest of its own line.
class Table {
 public:
  static constexpr size_t kRowsToMeasure = 1000;

  // Written before the first row.
  void SetTitles(std::vector<std::string> titles);

  // Returns the lines that can be written by now.
  std::string Add(std::vector<Cell> row);

  // The rest.
  std::string Flush();

 private:
  std::string Line(const std::vector<Cell>& row) const;

  std::vector<std::string> titles_;
  std::vector<size_t> widths_;
  std::vector<bool> at_right_;
  std::vector<std::vector<Cell>> waiting_;
  bool is_measured_ = false;
};

// How many columns of a terminal a text takes, which is UTF-8: one for each of its characters.
size_t WidthOf(std::string_view text);

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_TABLE_H_
