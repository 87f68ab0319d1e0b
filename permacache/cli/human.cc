#include "permacache/cli/human.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "permacache/json/json.h"

namespace permacache::cli {
namespace {

using std::chrono::nanoseconds;

struct Unit {
  std::string_view name;
  double size;
};

// With one decimal below ten, where that says something.
std::string WithUnit(double number, std::string_view unit) {
  return absl::StrFormat("%.*f %s", number < 9.95 ? 1 : 0, number, std::string(unit));
}

// Number and unit of what people write; the unit in lower case.
struct Quantity {
  double number = 0;
  std::string unit;
};

bool Split(std::string_view text, Quantity* quantity) {
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  quantity->unit = absl::AsciiStrToLower(std::string(text.substr(digits)));
  return absl::SimpleAtod(std::string(text.substr(0, digits)), &quantity->number);
}

// What is larger is no quantity of bytes or nanoseconds.
constexpr double kMost = 9e18;

absl::Status Refuse(std::string_view text, std::string_view examples) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", SafeText(text), "\" is not understood; write it like ", std::string(examples)));
}

tm PartsOf(storage::TimePoint time, bool local) {
  const time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  tm parts{};
  local ? localtime_r(&seconds, &parts) : gmtime_r(&seconds, &parts);
  return parts;
}

std::string DateText(const tm& parts) {
  return absl::StrFormat("%04d-%02d-%02d", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

// The character at the beginning of a text that is UTF-8, and its bytes.
struct Character {
  char32_t code;
  size_t size;
};

Character First(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return {byte(0), 1};
  const size_t size = byte(0) < 0xe0 ? 2 : byte(0) < 0xf0 ? 3 : 4;
  char32_t code = byte(0) & (0x7f >> size);
  for (size_t i = 1; i < size; ++i) code = code << 6 | (byte(i) & 0x3f);
  return {code, size};
}

// How many bytes at the beginning of `text` are one character of UTF-8; 0 if none are.
size_t SizeOfFirst(std::string_view text) {
  for (size_t size = 1; size <= 4 && size <= text.size(); ++size) {
    if (json::IsUtf8(text.substr(0, size))) return size;
  }
  return 0;
}

bool IsHarmless(char32_t code) {
  const bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  const bool is_invisible =
      code == 0xad || code == 0x61c || (code >= 0x200b && code <= 0x200f) ||
      (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
      (code >= 0xfff9 && code <= 0xfffb) || (code >= 0xe0000 && code <= 0xe0fff);
  return !is_control && !is_invisible;
}

std::string Escaped(char32_t code) {
  if (code == '\n') return "\\n";
  if (code == '\t') return "\\t";
  if (code < 0x80) return absl::StrFormat("\\x%02x", static_cast<unsigned>(code));
  const auto number = static_cast<unsigned>(code);
  return code < 0x10000 ? absl::StrFormat("\\u%04x", number) : absl::StrFormat("\\U%08x", number);
}

}  // namespace

std::string CountText(int64_t count) {
  std::string text = absl::StrCat(count);
  const size_t first = count < 0 ? 1 : 0;
  for (size_t i = text.size(); i > first + 3; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

std::string BytesText(uint64_t bytes) {
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  auto number = static_cast<double>(bytes);
  std::string_view unit;
  for (const std::string_view next : {"kB", "MB", "GB", "TB", "PB", "EB"}) {
    if (!unit.empty() && number < 999.5) break;
    number /= 1000;
    unit = next;
  }
  return WithUnit(number, unit);
}

std::string DurationText(nanoseconds length) {
  constexpr Unit kUnits[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}, {"ms", 1e-3}};
  const double seconds = std::chrono::duration<double>(length).count();
  if (seconds <= 0) return "0 s";
  for (const Unit& unit : kUnits) {
    if (seconds >= unit.size * 0.9995) return WithUnit(seconds / unit.size, unit.name);
  }
  return WithUnit(seconds * 1e6, "us");
}

std::string TimeText(storage::TimePoint time) {
  if (time == storage::TimePoint()) return "-";
  const tm parts = PartsOf(time, true);
  return absl::StrFormat("%s %02d:%02d", DateText(parts), parts.tm_hour, parts.tm_min);
}

std::string UtcText(storage::TimePoint time) {
  const tm parts = PartsOf(time, false);
  const auto rest = time - std::chrono::floor<std::chrono::seconds>(time);
  return absl::StrFormat("%sT%02d:%02d:%02d.%09dZ", DateText(parts), parts.tm_hour, parts.tm_min,
                         parts.tm_sec, static_cast<int64_t>(nanoseconds(rest).count()));
}

std::string ShareText(double share) { return absl::StrFormat("%.1f %%", 100 * share); }

std::string Many(int64_t count, std::string_view word) {
  const bool ends_in_y = word.ends_with('y');
  const std::string stem(ends_in_y ? word.substr(0, word.size() - 1) : word);
  const std::string many = ends_in_y ? stem + "ies" : stem + "s";
  return absl::StrCat(CountText(count), " ", count == 1 ? std::string(word) : many);
}

std::string SafeText(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    const size_t size = SizeOfFirst(text);
    if (size == 0) {
      absl::StrAppend(&safe, absl::StrFormat("\\x%02x", static_cast<unsigned char>(text.front())));
      text.remove_prefix(1);
      continue;
    }
    const Character first = First(text);
    IsHarmless(first.code) ? safe.append(text.substr(0, size)) : safe.append(Escaped(first.code));
    text.remove_prefix(size);
  }
  return safe;
}

absl::StatusOr<uint64_t> ParseBytes(std::string_view text) {
  constexpr std::string_view kExamples = "500, 10k, 200M, 1.5G, 2T, or 10Gi for powers of 1024";
  Quantity quantity;
  if (!Split(text, &quantity)) return Refuse(text, kExamples);
  std::string_view unit = quantity.unit;
  if (unit.ends_with('b')) unit.remove_suffix(1);
  const bool is_binary = unit.ends_with('i');
  if (is_binary) unit.remove_suffix(1);
  constexpr std::string_view kPrefixes = "kmgtp";
  if (unit.size() > 1 || (is_binary && unit.empty())) return Refuse(text, kExamples);
  const size_t power = unit.empty() ? 0 : kPrefixes.find(unit) + 1;
  if (power == 0 && !unit.empty()) return Refuse(text, kExamples);
  const double bytes =
      quantity.number * std::pow(is_binary ? 1024 : 1000, static_cast<double>(power));
  if (!(bytes < kMost)) return Refuse(text, kExamples);
  return static_cast<uint64_t>(bytes);
}

absl::StatusOr<nanoseconds> ParseDuration(std::string_view text) {
  constexpr std::string_view kExamples = "90s, 15m, 12h, 30d, 2w or 1y";
  constexpr Unit kUnits[] = {{"s", 1},     {"m", 60},        {"h", 3600},
                             {"d", 86400}, {"w", 7 * 86400}, {"y", 365.25 * 86400}};
  Quantity quantity;
  if (!Split(text, &quantity)) return Refuse(text, kExamples);
  const auto unit = std::ranges::find(kUnits, quantity.unit, &Unit::name);
  if (unit == std::end(kUnits)) return Refuse(text, kExamples);
  const double length = quantity.number * unit->size * 1e9;
  if (!(length < kMost)) return Refuse(text, kExamples);
  return nanoseconds(static_cast<int64_t>(length));
}

}  // namespace permacache::cli
