// What a command has to say: facts and lists of rows, handed over one by one, so that a list may be
// longer than memory.
//
// An object belongs to one thread at a time.
#ifndef PERMACACHE_CLI_REPORT_H_
#define PERMACACHE_CLI_REPORT_H_

#include <cstdio>
#include <memory>
#include <string_view>
#include <vector>

#include "permacache/cli/value.h"

namespace permacache::cli {

// What a value is called: in JSON, where names are for ever, and by people.
struct Name {
  std::string_view member;
  std::string_view title;  // empty for what people need not know
};

enum class Layout {
  kTable,    // a line per row, under a line of titles
  kRecords,  // a paragraph per row, with a line per value
};

class Report {
 public:
  Report() = default;
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;
  virtual ~Report() = default;

  virtual void Fact(const Name& name, const Value& value) = 0;

  // Rows have a value for each of the columns. Lists are not inside one another.
  virtual void BeginList(const Name& name, std::vector<Name> columns, Layout layout) = 0;
  virtual void Row(const std::vector<Value>& values) = 0;
  virtual void EndList() = 0;

  // For people alone.
  virtual void Sentence(std::string_view text) = 0;

  // Nothing may follow.
  virtual void End() = 0;
};

// One JSON object: a member for each fact, and for each list an array of objects.
std::unique_ptr<Report> JsonReport(std::FILE* out);

// Lines. A table is as wide as its first thousand rows need.
std::unique_ptr<Report> TextReport(std::FILE* out);

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_REPORT_H_
