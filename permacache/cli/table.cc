#include "permacache/cli/table.h"

#include <algorithm>
#include <utility>

namespace permacache::cli {

size_t WidthOf(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; });
}

void Table::SetTitles(std::vector<std::string> titles) { titles_ = std::move(titles); }

std::string Table::Add(std::vector<Cell> row) {
  if (is_measured_) return Line(row);
  waiting_.push_back(std::move(row));
  return waiting_.size() < kRowsToMeasure ? "" : Flush();
}

std::string Table::Flush() {
  if (waiting_.empty()) return "";
  widths_.resize(titles_.size());
  at_right_.resize(titles_.size());
  std::vector<Cell> head;
  for (const std::string& title : titles_) head.push_back({.text = title});
  waiting_.insert(waiting_.begin(), std::move(head));
  for (const std::vector<Cell>& row : waiting_) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths_[i] = std::max(widths_[i], WidthOf(row[i].text));
      at_right_[i] = at_right_[i] || row[i].at_right;
    }
  }
  is_measured_ = true;
  std::string lines;
  for (const std::vector<Cell>& row : waiting_) lines += Line(row);
  waiting_.clear();
  return lines;
}

std::string Table::Line(const std::vector<Cell>& row) const {
  std::string line;
  for (size_t i = 0; i < row.size(); ++i) {
    const size_t width = WidthOf(row[i].text);
    const std::string blanks(widths_[i] - std::min(width, widths_[i]), ' ');
    const bool is_last = i + 1 == row.size();
    if (i > 0) line += "  ";
    if (at_right_[i]) line += blanks;
    line += row[i].text;
    if (!at_right_[i] && !is_last) line += blanks;
  }
  return line + "\n";
}

}  // namespace permacache::cli
