#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "permacache/cli/report.h"
#include "permacache/json/json.h"

namespace permacache::cli {
namespace {

void AppendMember(std::string& out, std::string_view name, const Value& value) {
  json::AppendString(out, name);
  absl::StrAppend(&out, ": ", ToJson(value));
}

class JsonLines : public Report {
 public:
  explicit JsonLines(std::FILE* out) : out_(out) {}

  void Fact(const Name& name, const Value& value) override {
    BeginMember();
    AppendMember(line_, name.member, value);
    Write();
  }

  void BeginList(const Name& name, std::vector<Name> columns, Layout) override {
    BeginMember();
    json::AppendString(line_, name.member);
    line_ += ": [";
    columns_ = std::move(columns);
    is_first_row_ = true;
    Write();
  }

  void Row(const std::vector<Value>& values) override {
    line_ += is_first_row_ ? "\n    {" : ",\n    {";
    is_first_row_ = false;
    for (size_t i = 0; i < values.size(); ++i) {
      if (i > 0) line_ += ", ";
      AppendMember(line_, columns_[i].member, values[i]);
    }
    line_ += "}";
    Write();
  }

  void EndList() override {
    line_ += is_first_row_ ? "]" : "\n  ]";
    Write();
  }

  void Sentence(std::string_view) override {}

  void End() override {
    line_ += is_first_member_ ? "{}\n" : "\n}\n";
    Write();
  }

 private:
  void BeginMember() {
    line_ += is_first_member_ ? "{\n  " : ",\n  ";
    is_first_member_ = false;
  }

  void Write() {
    std::fwrite(line_.data(), 1, line_.size(), out_);
    line_.clear();
  }

  std::FILE* const out_;
  std::string line_;
  std::vector<Name> columns_;
  bool is_first_member_ = true;
  bool is_first_row_ = true;
};

}  // namespace

std::unique_ptr<Report> JsonReport(std::FILE* out) { return std::make_unique<JsonLines>(out); }

}  // namespace permacache::cli
