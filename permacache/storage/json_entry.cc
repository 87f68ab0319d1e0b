#include "permacache/storage/json_entry.h"

#include <charconv>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "permacache/json/json.h"
#include "xxhash.h"

namespace permacache::storage {
namespace {

constexpr std::string_view kBegin = "{\n  \"permacache\": ";
constexpr std::string_view kVersion = "1";
constexpr std::string_view kChecksumBegin = ",\n  \"checksum\": \"";
constexpr std::string_view kEnd = "\"\n}\n";
constexpr size_t kChecksumSize = 16;  // hexadecimal digits
constexpr size_t kTailSize = kChecksumBegin.size() + kChecksumSize + kEnd.size();
constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr int64_t kSecondsPerDay = 86400;

std::string Tail(std::string_view body) {
  char checksum[kChecksumSize + 1];
  std::snprintf(checksum, sizeof(checksum), "%016" PRIx64,
                static_cast<uint64_t>(XXH3_64bits(body.data(), body.size())));
  return std::string(kChecksumBegin) + checksum + std::string(kEnd);
}

// The quotient, rounded down, and the rest, which is not negative.
std::pair<int64_t, int64_t> DivideDown(int64_t number, int64_t by) {
  const int64_t rest = (number % by + by) % by;
  return {number / by - (number % by < 0 ? 1 : 0), rest};
}

// 2023-11-14T22:13:20.123456789Z
std::string TimeText(TimePoint time) {
  // chrono's own rounding overflows on the earliest times that there are.
  const auto [seconds, fraction] =
      DivideDown(time.time_since_epoch().count(), kNanosecondsPerSecond);
  const auto [day, second] = DivideDown(seconds, kSecondsPerDay);
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(day)))};
  char text[80];
  std::snprintf(text, sizeof(text), "%04d-%02u-%02uT%02d:%02d:%02d.%09dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(second / 3600),
                static_cast<int>(second / 60 % 60), static_cast<int>(second % 60),
                static_cast<int>(fraction));
  return text;
}

std::optional<TimePoint> ParseTime(const std::string& text) {
  int year, hour, minute, second, fraction;
  unsigned month, day;
  if (std::sscanf(text.c_str(), "%4d-%2u-%2uT%2d:%2d:%2d.%9dZ", &year, &month, &day, &hour, &minute,
                  &second, &fraction) != 7) {
    return std::nullopt;
  }
  using namespace std::chrono;
  const year_month_day date{std::chrono::year(year), std::chrono::month(month),
                            std::chrono::day(day)};
  constexpr int kFirstYear = 1677;
  constexpr int kLastYear = 2262;
  if (!date.ok() || year < kFirstYear || kLastYear < year) return std::nullopt;
  const int64_t seconds = sys_days(date).time_since_epoch().count() * kSecondsPerDay + hour * 3600 +
                          minute * 60 + second;
  // Unsigned, as the product may overflow on the way to the earliest times that there are.
  const uint64_t count = static_cast<uint64_t>(seconds) * kNanosecondsPerSecond + fraction;
  const TimePoint time(nanoseconds(static_cast<int64_t>(count)));
  if (TimeText(time) != text) return std::nullopt;
  return time;
}

// Seconds with nine decimals.
std::string SecondsText(std::chrono::nanoseconds time) {
  const int64_t count = time.count();
  const uint64_t size = count < 0 ? -static_cast<uint64_t>(count) : static_cast<uint64_t>(count);
  char text[40];
  std::snprintf(text, sizeof(text), "%s%" PRIu64 ".%09" PRIu64, count < 0 ? "-" : "",
                size / uint64_t{kNanosecondsPerSecond}, size % uint64_t{kNanosecondsPerSecond});
  return text;
}

std::optional<std::chrono::nanoseconds> ParseSeconds(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '.');
  int64_t count = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  const std::chrono::nanoseconds time(count);
  if (error != std::errc() || SecondsText(time) != text) return std::nullopt;
  return time;
}

// A value may stand in the file as it is if its line ends are nothing but layout, as they are in
// JSON, and survive a change to "\r\n" and back.
bool CanStandAsItIs(std::string_view value) {
  constexpr std::string_view kBlanks = " \t\n";
  return value.find('\r') == value.npos && json::IsValid(value) &&
         kBlanks.find(value.front()) == kBlanks.npos && kBlanks.find(value.back()) == kBlanks.npos;
}

std::string Replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string replaced;
  for (size_t end; (end = text.find(what)) != text.npos; text.remove_prefix(end + what.size())) {
    replaced += text.substr(0, end);
    replaced += by;
  }
  return replaced += text;
}

// Lines of the value are indented to where it stands.
std::string Indented(std::string_view value) { return Replaced(value, "\n", "\n  "); }
std::string Unindented(std::string_view value) { return Replaced(value, "\n  ", "\n"); }

absl::Status Damage(std::string_view what) {
  return absl::DataLossError(absl::StrCat("an entry in JSON ", std::string(what)));
}

absl::Status CheckText(std::string_view text) {
  if (!text.starts_with(kBegin)) return Damage("begins otherwise");
  const std::string_view rest = text.substr(kBegin.size());
  const std::string_view version = rest.substr(0, rest.find_first_not_of("0123456789"));
  if (version != kVersion && !version.empty() && version.front() != '0') {
    return absl::UnimplementedError(
        absl::StrCat("an entry in JSON has version ", std::string(version),
                     ", written by a newer permacache; this one knows ", std::string(kVersion)));
  }
  if (text.size() < kBegin.size() + kTailSize) return Damage("ends too early");
  const std::string_view body = text.substr(0, text.size() - kTailSize);
  if (text.substr(body.size()) != Tail(body)) return Damage("has a wrong checksum");
  if (!json::IsValid(text)) return Damage("is not JSON");
  return absl::OkStatus();
}

// Takes the members one after the other, each of which must be there.
class Members {
 public:
  explicit Members(std::string_view text) : reader_(text) { reader_.Enter(); }

  bool At(std::string_view name) {
    if (reader_.Next() == json::Reader::Kind::kEnd) return false;
    name_ = reader_.TakeName();
    return name_ == name;
  }

  const std::string& name() const { return name_; }
  json::Reader& value() { return reader_; }

 private:
  json::Reader reader_;
  std::string name_;
};

}  // namespace

std::string SealJsonEntry(std::string_view key, const Record& record) {
  std::string text;
  json::Writer writer(&text);
  writer.BeginObject();
  writer.Name("permacache");
  writer.Scalar(kVersion);
  writer.Name("key");
  writer.Bytes(key);
  writer.Name("created");
  writer.String(TimeText(record.created));
  writer.Name("compute_seconds");
  writer.Scalar(SecondsText(record.compute_time));
  if (CanStandAsItIs(record.value)) {
    writer.Name("value");
    writer.Scalar(Indented(record.value));
  } else {
    writer.Name("value_base64");
    writer.String(json::ToBase64(record.value));
  }
  return text + Tail(text);
}

bool IsJsonEntry(std::string_view bytes) { return bytes.starts_with('{'); }

absl::Status ReadJsonEntry(std::string_view bytes,
                           absl::FunctionRef<void(std::string_view key, const Record&)> visit) {
  std::string with_plain_line_ends;
  if (bytes.find('\r') != bytes.npos) {
    with_plain_line_ends = Replaced(bytes, "\r\n", "\n");
    bytes = with_plain_line_ends;
  }
  if (absl::Status status = CheckText(bytes); !status.ok()) return status;

  using Kind = json::Reader::Kind;
  Members members(bytes);
  if (!members.At("permacache")) return Damage("has no version");
  members.value().TakeValue();

  if (!members.At("key")) return Damage("has no key");
  const std::optional<std::string> key = members.value().TakeBytes();
  if (!key) return Damage("has a key that is none");

  Record record;
  if (!members.At("created") || members.value().Next() != Kind::kString) {
    return Damage("has no time");
  }
  const std::optional<TimePoint> created = ParseTime(members.value().TakeString());
  if (!created) return Damage("has a time that is none");
  record.created = *created;

  if (!members.At("compute_seconds") || members.value().Next() != Kind::kScalar) {
    return Damage("does not say how long it took");
  }
  const std::optional<std::chrono::nanoseconds> took = ParseSeconds(members.value().TakeScalar());
  if (!took) return Damage("took a time that is none");
  record.compute_time = *took;

  std::optional<std::string> value;
  if (members.At("value")) {
    value = Unindented(members.value().TakeValue());
  } else if (members.name() == "value_base64" && members.value().Next() == Kind::kString) {
    value = json::FromBase64(members.value().TakeString());
  }
  if (!value) return Damage("has no value");
  record.value = *value;
  visit(*key, record);
  return absl::OkStatus();
}

absl::StatusOr<bool> OpenJsonEntry(std::string_view bytes, std::string_view key,
                                   absl::FunctionRef<void(const Record&)> visit) {
  bool found = false;
  const absl::Status status =
      ReadJsonEntry(bytes, [&](std::string_view key_here, const Record& record) {
        found = key_here == key;
        if (found) visit(record);
      });
  if (!status.ok()) return status;
  return found;
}

}  // namespace permacache::storage
