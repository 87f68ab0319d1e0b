#include "permacache/json/writer.h"

#include "permacache/json/text.h"

namespace permacache::json {
namespace {

constexpr size_t kLineLength = 100;
constexpr size_t kNeedsLine = kLineLength;

}  // namespace

void Writer::BeginLine() {
  out_ += '\n';
  line_ = out_.size();
  out_.append(2 * levels_.size(), ' ');
}

// Everything before a value of this length.
void Writer::Place(size_t length) {
  if (named_ || levels_.empty()) {
    named_ = false;
    return;
  }
  Level& level = levels_.back();
  if (!level.is_empty) out_ += ',';
  if (out_.size() - line_ + length + 2 > kLineLength) {
    BeginLine();
    level.has_lines = true;
  } else if (!level.is_empty) {
    out_ += ' ';
  }
  level.is_empty = false;
}

void Writer::Name(std::string_view name) {
  Level& level = levels_.back();
  if (!level.is_empty) out_ += ',';
  BeginLine();
  level.is_empty = false;
  level.has_lines = true;
  AppendString(out_, name);
  out_ += ": ";
  named_ = true;
}

void Writer::Scalar(std::string_view text) {
  Place(text.size());
  out_ += text;
}

void Writer::String(std::string_view text) {
  Place(text.size() + 2);
  AppendString(out_, text);
}

void Writer::Bytes(std::string_view bytes) {
  if (IsUtf8(bytes)) return String(bytes);
  BeginObject();
  Name("base64");
  String(ToBase64(bytes));
  End();
}

void Writer::Begin(char opening, char closing) {
  Place(kNeedsLine);
  out_ += opening;
  levels_.push_back({.closing = closing});
}

void Writer::End() {
  const Level level = levels_.back();
  levels_.pop_back();
  if (level.has_lines) BeginLine();
  out_ += level.closing;
}

}  // namespace permacache::json
