#include "permacache/cli/where_words.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace permacache::cli {
namespace {

struct Sign {
  std::string_view text;
  Word::Kind kind;
};

// Those that begin others come after them.
constexpr Sign kSigns[] = {
    {"==", Word::Kind::kEqual},       {"!=", Word::Kind::kUnequal},
    {"<=", Word::Kind::kLessOrEqual}, {">=", Word::Kind::kGreaterOrEqual},
    {"<", Word::Kind::kLess},         {">", Word::Kind::kGreater},
    {"~", Word::Kind::kContains},     {"&&", Word::Kind::kAnd},
    {"||", Word::Kind::kOr},          {"!", Word::Kind::kNot},
    {"(", Word::Kind::kOpen},         {")", Word::Kind::kClose},
    {"[", Word::Kind::kOpenBracket},  {"]", Word::Kind::kCloseBracket},
    {".", Word::Kind::kDot},
};

bool BeginsName(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool IsOfName(char c) { return BeginsName(c) || IsDigit(c); }
bool IsOfNumber(char c) { return IsOfName(c) || c == '.' || c == '+' || c == '-'; }
bool IsBlank(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

// How many characters at the beginning are of that kind.
template <class Accept>
size_t Count(std::string_view text, Accept accept) {
  return std::ranges::find_if_not(text, accept) - text.begin();
}

// A string in single quotes as JSON has it.
std::string WithDoubleQuotes(std::string_view text) {
  std::string json = "\"";
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    const bool is_escape = text[i] == '\\';
    if (text[i] == '"' || (is_escape && text[i + 1] != '\'')) json += '\\';
    json += is_escape ? text[++i] : text[i];
  }
  return json + "\"";
}

}  // namespace

bool IsComparison(Word::Kind kind) {
  return kind >= Word::Kind::kEqual && kind <= Word::Kind::kContains;
}

void Words::Advance() {
  place_ += Count(text_.substr(place_), IsBlank);
  if (place_ == text_.size()) {
    next_ = Make(Word::Kind::kEnd, 0);
    return;
  }
  const char c = text_[place_];
  if (BeginsName(c)) {
    next_ = ReadName();
  } else if (IsDigit(c) || c == '-') {
    next_ = ReadNumber();
  } else if (c == '"' || c == '\'') {
    next_ = ReadString();
  } else {
    next_ = ReadSign();
  }
  place_ += next_.text.size();
}

Word Words::Make(Word::Kind kind, size_t size) const {
  return {.kind = kind, .text = text_.substr(place_, size), .begin = place_};
}

Word Words::Wrong(size_t size, std::string problem) const {
  Word word = Make(Word::Kind::kWrong, size);
  word.problem = std::move(problem);
  return word;
}

Word Words::ReadSign() const {
  for (const Sign& sign : kSigns) {
    if (text_.substr(place_).starts_with(sign.text)) return Make(sign.kind, sign.text.size());
  }
  if (text_[place_] == '=') return Wrong(1, "= (write == to compare)");
  return Make(Word::Kind::kWrong, 1);
}

Word Words::ReadName() const {
  Word word = Make(Word::Kind::kName, Count(text_.substr(place_), IsOfName));
  if (word.text == "true" || word.text == "false" || word.text == "null") {
    word.kind = Word::Kind::kConstant;
  }
  return word;
}

Word Words::ReadNumber() const {
  const Word word = Make(Word::Kind::kNumber, Count(text_.substr(place_), IsOfNumber));
  const nlohmann::json value = nlohmann::json::parse(word.text, nullptr, false);
  if (value.is_number()) return word;
  return Wrong(word.text.size(), absl::StrCat(std::string(word.text), ", which is no number"));
}

Word Words::ReadString() const {
  const char quote = text_[place_];
  size_t end = place_ + 1;
  while (end < text_.size() && text_[end] != quote) end += text_[end] == '\\' ? 2 : 1;
  if (end >= text_.size()) {
    return Wrong(text_.size() - place_, "a string that does not end");
  }
  Word word = Make(Word::Kind::kString, end + 1 - place_);
  const nlohmann::json value = nlohmann::json::parse(
      quote == '"' ? std::string(word.text) : WithDoubleQuotes(word.text), nullptr, false);
  if (!value.is_string()) {
    return Wrong(word.text.size(), "a string that JSON does not know; see its escapes");
  }
  word.value = value.get<std::string>();
  return word;
}

}  // namespace permacache::cli
