#include "permacache/json/reader.h"

#include <algorithm>

#include "permacache/json/text.h"

namespace permacache::json {
namespace {

void AppendCharacter(std::string& out, uint32_t character) {
  const auto append = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (character < 0x80) {
    append(character);
  } else if (character < 0x800) {
    append(0xc0 | character >> 6);
    append(0x80 | (character & 63));
  } else if (character < 0x10000) {
    append(0xe0 | character >> 12);
    append(0x80 | (character >> 6 & 63));
    append(0x80 | (character & 63));
  } else {
    append(0xf0 | character >> 18);
    append(0x80 | (character >> 12 & 63));
    append(0x80 | (character >> 6 & 63));
    append(0x80 | (character & 63));
  }
}

uint32_t UnitAt(std::string_view text, size_t place) {
  return static_cast<uint32_t>(std::stoul(std::string(text.substr(place, 4)), nullptr, 16));
}

// Appends what the escape at `place`, the letter behind its backslash, means. Returns where the
// text goes on.
size_t AppendEscaped(std::string& out, std::string_view text, size_t place) {
  switch (text[place]) {
    case 'b':
      out += '\b';
      return place + 1;
    case 'f':
      out += '\f';
      return place + 1;
    case 'n':
      out += '\n';
      return place + 1;
    case 'r':
      out += '\r';
      return place + 1;
    case 't':
      out += '\t';
      return place + 1;
    case 'u': {
      uint32_t character = UnitAt(text, place + 1);
      place += 5;
      if (0xd800 <= character && character < 0xe000) {  // the first of a pair
        character = 0x10000 + ((character - 0xd800) << 10) + (UnitAt(text, place + 2) - 0xdc00);
        place += 6;
      }
      AppendCharacter(out, character);
      return place;
    }
    default:
      out += text[place];
      return place + 1;
  }
}

// Where the string that begins at `place` ends, behind its quotes.
size_t EndOfString(std::string_view text, size_t place) {
  for (++place; text[place] != '"'; ++place) {
    if (text[place] == '\\') ++place;
  }
  return place + 1;
}

}  // namespace

Reader::Reader(std::string_view text) : text_(text) {
  Advance();
  std::vector<size_t> around;  // the arrays and objects around a place, by their index in sizes_
  bool is_empty = false;       // the innermost one, as far as it was read
  for (size_t place = place_; place < text.size();) {
    const char c = text[place];
    if (c == '[' || c == '{') {
      around.push_back(sizes_.size());
      sizes_.push_back(1);
    } else if (c == ']' || c == '}') {
      if (is_empty) sizes_[around.back()] = 0;
      around.pop_back();
    } else if (c == ',') {
      ++sizes_[around.back()];
    }
    is_empty = c == '[' || c == '{';
    place = c == '"' ? EndOfString(text, place) : place + 1;
    place = std::min(text.find_first_not_of(" \t\r\n", place), text.size());
  }
}

// Over all that only separates. In a valid text nothing of it means anything to who reads by kind.
void Reader::Advance() {
  const size_t next = text_.find_first_not_of(" \t\r\n,:", place_);
  place_ = next == text_.npos ? text_.size() : next;
}

Reader::Kind Reader::Next() const {
  if (place_ == text_.size()) return Kind::kEnd;
  switch (text_[place_]) {
    case '"':
      return Kind::kString;
    case '[':
      return Kind::kArray;
    case '{':
      return Kind::kObject;
    case ']':
    case '}':
      return Kind::kEnd;
    default:
      return Kind::kScalar;
  }
}

std::string_view Reader::TakeScalar() {
  const size_t begin = place_;
  place_ = text_.find_first_of(" \t\r\n,]}", place_);
  if (place_ == text_.npos) place_ = text_.size();
  const std::string_view scalar = text_.substr(begin, place_ - begin);
  Advance();
  return scalar;
}

std::string Reader::TakeString() {
  std::string string;
  size_t place = place_ + 1;
  for (;;) {
    const size_t end = text_.find_first_of("\"\\", place);
    string += text_.substr(place, end - place);
    place = end + 1;
    if (text_[end] == '"') break;
    place = AppendEscaped(string, text_, place);
  }
  place_ = place;
  Advance();
  return string;
}

std::optional<std::string> Reader::TakeBytes() {
  if (Next() == Kind::kString) return TakeString();
  if (Next() != Kind::kObject) return std::nullopt;
  Enter();
  if (Next() == Kind::kEnd || TakeName() != "base64" || Next() != Kind::kString) {
    return std::nullopt;
  }
  std::optional<std::string> bytes = FromBase64(TakeString());
  if (Next() != Kind::kEnd) return std::nullopt;
  Leave();
  return bytes;
}

std::string_view Reader::TakeValue() {
  const Kind kind = Next();
  if (kind == Kind::kScalar) return TakeScalar();
  const size_t begin = place_;
  size_t depth = 0;
  do {
    const char c = text_[place_];
    if (c == '[' || c == '{') ++depth, ++begun_;
    if (c == ']' || c == '}') --depth;
    place_ = c == '"' ? EndOfString(text_, place_) : place_ + 1;
  } while (depth > 0);
  const std::string_view value = text_.substr(begin, place_ - begin);
  Advance();
  return value;
}

uint32_t Reader::Enter() {
  ++place_;
  Advance();
  return sizes_[begun_++];
}

void Reader::Leave() {
  ++place_;
  Advance();
}

}  // namespace permacache::json
