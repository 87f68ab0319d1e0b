#include "permacache/cli/arguments.h"

#include <algorithm>
#include <cstddef>
#include <string>

namespace permacache::cli {
namespace {

constexpr int kDeepest = 1000;

struct SpecialNumber {
  std::string_view word;
  std::string_view json;
};

constexpr SpecialNumber kSpecialNumbers[] = {{"NaN", "null"},
                                             {"Infinity", "1.7976931348623157e308"}};

// Where the string ends that begins at `begin`.
size_t EndOfString(std::string_view text, size_t begin) {
  size_t end = begin + 1;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  return std::min(end + 1, text.size());
}

// Calls visit(place) for each character that is not in a string; it returns the next place.
template <class Visit>
void ForEachOutsideOfStrings(std::string_view text, Visit visit) {
  for (size_t place = 0; place < text.size();) {
    place = text[place] == '"' ? visit(place, EndOfString(text, place)) : visit(place, place + 1);
  }
}

bool IsTooDeep(std::string_view text) {
  int depth = 0, deepest = 0;
  ForEachOutsideOfStrings(text, [&](size_t place, size_t next) {
    if (text[place] == '[' || text[place] == '{') deepest = std::max(deepest, ++depth);
    if (text[place] == ']' || text[place] == '}') --depth;
    return next;
  });
  return deepest > kDeepest;
}

std::string WithoutSpecialNumbers(std::string_view text) {
  std::string json;
  ForEachOutsideOfStrings(text, [&](size_t place, size_t next) {
    for (const SpecialNumber& special : kSpecialNumbers) {
      if (!text.substr(place).starts_with(special.word)) continue;
      json += special.json;
      return place + special.word.size();
    }
    json += text.substr(place, next - place);
    return next;
  });
  return json;
}

}  // namespace

std::optional<nlohmann::json> ArgumentsIn(std::string_view key) {
  if (IsTooDeep(key)) return std::nullopt;
  nlohmann::json arguments = nlohmann::json::parse(key, nullptr, false);
  if (arguments.is_discarded()) {
    arguments = nlohmann::json::parse(WithoutSpecialNumbers(key), nullptr, false);
  }
  if (arguments.is_discarded()) return std::nullopt;
  return arguments;
}

}  // namespace permacache::cli
