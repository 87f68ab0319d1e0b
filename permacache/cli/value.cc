#include "permacache/cli/value.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "permacache/cli/human.h"
#include "permacache/json/json.h"

namespace permacache::cli {
namespace {

// A line for 16 bytes: where they are, their digits, their characters.
std::string HexDump(std::string_view bytes) {
  constexpr size_t kPerLine = 16;
  std::string dump;
  for (size_t begin = 0; begin < bytes.size(); begin += kPerLine) {
    const std::string_view line = bytes.substr(begin, kPerLine);
    std::string digits, characters;
    for (const char c : line) {
      const auto byte = static_cast<unsigned char>(c);
      absl::StrAppend(&digits, absl::StrFormat("%02x ", byte));
      characters += byte >= 0x20 && byte < 0x7f ? c : '.';
    }
    absl::StrAppend(&dump, begin == 0 ? "" : "\n",
                    absl::StrFormat("%08x  %-48s %s", begin, digits, characters));
  }
  return dump;
}

// Lines of JSON, whose strings may hold anything but control characters.
std::string SafeLines(std::string_view text) {
  std::string safe;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    absl::StrAppend(&safe, begin == 0 ? "" : "\n", SafeText(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return safe;
}

struct ForPeople {
  std::string operator()(Unknown) const { return "-"; }
  std::string operator()(bool value) const { return value ? "yes" : "no"; }
  std::string operator()(Count value) const { return CountText(value.number); }
  std::string operator()(Bytes value) const { return BytesText(value.number); }
  std::string operator()(Duration value) const { return DurationText(value.length); }
  std::string operator()(Time value) const { return TimeText(value.point); }
  std::string operator()(Share value) const { return ShareText(value.number); }
  std::string operator()(const Text& value) const { return SafeText(value.text); }
  std::string operator()(const Json& value) const { return SafeLines(value.text); }
  std::string operator()(const Binary& value) const { return HexDump(value.bytes); }
  std::string operator()(const Numbers& value) const { return absl::StrJoin(value.numbers, ", "); }
};

struct ForPrograms {
  std::string operator()(Unknown) const { return "null"; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(Count value) const { return absl::StrCat(value.number); }
  std::string operator()(Bytes value) const { return absl::StrCat(value.number); }
  std::string operator()(Duration value) const {
    const int64_t count = value.length.count();
    const uint64_t size = count < 0 ? -static_cast<uint64_t>(count) : count;
    constexpr uint64_t kSecond = 1'000'000'000;
    return absl::StrFormat("%s%d.%09d", count < 0 ? "-" : "", size / kSecond, size % kSecond);
  }
  std::string operator()(Time value) const { return Quoted(UtcText(value.point)); }
  std::string operator()(Share value) const { return absl::StrFormat("%.6f", value.number); }
  std::string operator()(const Text& value) const {
    if (json::IsUtf8(value.text)) return Quoted(value.text);
    return absl::StrCat("{\"base64\": ", Quoted(json::ToBase64(value.text)), "}");
  }
  std::string operator()(const Json& value) const { return value.text; }
  std::string operator()(const Binary& value) const { return Quoted(json::ToBase64(value.bytes)); }
  std::string operator()(const Numbers& value) const {
    return absl::StrCat("[", absl::StrJoin(value.numbers, ", "), "]");
  }

  static std::string Quoted(std::string_view text) {
    std::string quoted;
    json::AppendString(quoted, text);
    return quoted;
  }
};

}  // namespace

std::string ToText(const Value& value) { return std::visit(ForPeople(), value); }

std::string ToJson(const Value& value) { return std::visit(ForPrograms(), value); }

bool IsNumber(const Value& value) {
  return std::holds_alternative<Count>(value) || std::holds_alternative<Bytes>(value) ||
         std::holds_alternative<Duration>(value) || std::holds_alternative<Share>(value);
}

}  // namespace permacache::cli
