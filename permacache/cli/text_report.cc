#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "permacache/cli/human.h"
#include "permacache/cli/report.h"
#include "permacache/cli/table.h"

namespace permacache::cli {
namespace {

// A line of a paragraph; what needs several lines begins on the next.
std::string FactLine(std::string_view title, size_t width, const Value& value) {
  const std::string text = ToText(value);
  std::string line(title);
  if (text.find('\n') != text.npos || std::holds_alternative<Binary>(value)) {
    return absl::StrCat(line, "\n", text, "\n");
  }
  return absl::StrCat(line, std::string(width - line.size(), ' '), "  ", text, "\n");
}

class Lines : public Report {
 public:
  explicit Lines(std::FILE* out) : out_(out) {}

  void Fact(const Name& name, const Value& value) override {
    if (!name.title.empty()) facts_.emplace_back(name.title, value);
  }

  void BeginList(const Name& name, std::vector<Name> columns, Layout layout) override {
    WriteFacts();
    layout_ = layout;
    columns_ = std::move(columns);
    title_ = name.title;
    if (layout == Layout::kRecords) return;
    table_ = Table();
    std::vector<std::string> titles;
    for (const Name& column : columns_) {
      if (!column.title.empty()) titles.push_back(absl::AsciiStrToUpper(std::string(column.title)));
    }
    table_.SetTitles(std::move(titles));
  }

  void Row(const std::vector<Value>& values) override {
    if (layout_ == Layout::kRecords) return WriteRecord(values);
    std::vector<Cell> cells;
    for (size_t i = 0; i < values.size(); ++i) {
      if (columns_[i].title.empty()) continue;
      cells.push_back({.text = ToText(values[i]), .at_right = IsNumber(values[i])});
    }
    if (std::exchange(has_rows_, true) == false) BeginParagraphOfTable();
    Write(table_.Add(std::move(cells)));
  }

  void EndList() override {
    Write(table_.Flush());
    has_rows_ = false;
  }

  void Sentence(std::string_view text) override {
    WriteFacts();
    Write(absl::StrCat(std::string(text), "\n"));
  }

  void End() override { WriteFacts(); }

 private:
  void WriteFacts() {
    if (facts_.empty()) return;
    BeginParagraph();
    size_t width = 0;
    for (const auto& [title, value] : facts_) width = std::max(width, title.size());
    for (const auto& [title, value] : facts_) Write(FactLine(title, width, value));
    facts_.clear();
  }

  void WriteRecord(const std::vector<Value>& values) {
    for (size_t i = 0; i < values.size(); ++i) {
      const bool is_known = !std::holds_alternative<Unknown>(values[i]);
      if (!columns_[i].title.empty() && is_known) facts_.emplace_back(columns_[i].title, values[i]);
    }
    WriteFacts();
  }

  void BeginParagraphOfTable() {
    BeginParagraph();
    if (!title_.empty()) Write(absl::StrCat(std::string(title_), "\n"));
  }

  void BeginParagraph() {
    if (std::exchange(is_begun_, true)) Write("\n");
  }

  void Write(const std::string& text) { std::fwrite(text.data(), 1, text.size(), out_); }

  std::FILE* const out_;
  bool is_begun_ = false;
  std::vector<std::pair<std::string_view, Value>> facts_;
  Layout layout_ = Layout::kTable;
  std::string_view title_;
  std::vector<Name> columns_;
  Table table_;
  bool has_rows_ = false;
};

}  // namespace

std::unique_ptr<Report> TextReport(std::FILE* out) { return std::make_unique<Lines>(out); }

}  // namespace permacache::cli
