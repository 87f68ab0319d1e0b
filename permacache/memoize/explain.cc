#include "permacache/memoize/explain.h"

#include <algorithm>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "permacache/json/json.h"
#include "permacache/memoize/nearest.h"

namespace permacache {
namespace {

constexpr size_t kLongestValue = 80;
constexpr size_t kLongestKey = 240;
constexpr std::string_view kGap = "...";

// Nearly any text has so few bytes in a row that do not begin a character.
constexpr size_t kLongestRestOfCharacter = 3;

bool BeginsCharacter(std::string_view text, size_t place) {
  return place >= text.size() || (static_cast<uint8_t>(text[place]) & 0xc0) != 0x80;
}

size_t CharacterBefore(std::string_view text, size_t place) {
  for (size_t i = 0; i < kLongestRestOfCharacter && !BeginsCharacter(text, place); ++i) --place;
  return place;
}

size_t CharacterFrom(std::string_view text, size_t place) {
  for (size_t i = 0; i < kLongestRestOfCharacter && !BeginsCharacter(text, place); ++i) ++place;
  return std::min(place, text.size());
}

size_t FirstDifference(std::string_view a, std::string_view b) {
  return std::ranges::mismatch(a, b).in1 - a.begin();
}

// Leaves out what makes `text` much longer than `longest`, but nothing around `first`, where it
// begins to differ from another text. What is left of the two differs, too: before `first` they are
// cut in the same places, as these depend on nothing behind it, and if one of them is not cut at
// all, `first` is not beyond `longest`, and the other one is cut behind `first` alone.
std::string Shortened(std::string_view text, size_t first, size_t longest) {
  if (text.size() <= longest) return std::string(text);
  std::string shortened;
  size_t begin = 0;
  size_t end = std::max(longest * 3 / 4, first + longest / 20);
  if (first > longest) {
    const size_t head = CharacterFrom(text, longest / 4);
    begin = CharacterBefore(text, first - longest / 5);
    end = first + longest / 4;
    shortened.append(text.substr(0, head)).append(kGap);
  }
  end = CharacterFrom(text, end);
  const size_t tail = CharacterFrom(text, text.size() - longest / 5);
  if (tail <= end + kGap.size()) return shortened.append(text.substr(begin));
  return shortened.append(text.substr(begin, end - begin)).append(kGap).append(text.substr(tail));
}

struct Member {
  std::string_view name;  // as it is escaped in the key
  std::string_view value;

  auto operator<=>(const Member&) const = default;
};

// Takes the text of an object apart. Not by json::Reader: a key may have NaN in it, and escapes of
// lone surrogates, and what somebody else has stored may be anything.
class ObjectSplitter {
 public:
  explicit ObjectSplitter(std::string_view text) : text_(text) {}

  // Whether it is one.
  bool Split(std::vector<Member>& members) {
    if (!Take('{')) return false;
    if (Take('}')) return AtEnd();
    do {
      Member member;
      if (!TakeName(member.name) || !Take(':') || !TakeValue(member.value)) return false;
      members.push_back(member);
    } while (Take(','));
    return Take('}') && AtEnd();
  }

 private:
  bool AtEnd() const { return place_ >= text_.size(); }

  void SkipBlanks() {
    while (!AtEnd() && text_[place_] == ' ') ++place_;
  }

  bool Take(char c) {
    SkipBlanks();
    if (AtEnd() || text_[place_] != c) return false;
    ++place_;
    return true;
  }

  // Over a string, from its first quote to behind its last one.
  bool SkipString() {
    for (++place_; !AtEnd(); ++place_) {
      if (text_[place_] == '"') {
        ++place_;
        return true;
      }
      if (text_[place_] == '\\') ++place_;
    }
    return false;
  }

  bool TakeName(std::string_view& name) {
    SkipBlanks();
    const size_t begin = place_;
    if (AtEnd() || text_[place_] != '"' || !SkipString()) return false;
    name = text_.substr(begin + 1, place_ - begin - 2);
    return true;
  }

  // All up to the comma or bracket that ends it.
  bool TakeValue(std::string_view& value) {
    SkipBlanks();
    const size_t begin = place_;
    for (size_t depth = 0; !AtEnd();) {
      const char c = text_[place_];
      const bool closes = c == ']' || c == '}';
      if (depth == 0 && (closes || c == ',')) break;
      if (c == '"') {
        if (!SkipString()) return false;
        continue;
      }
      if (c == '[' || c == '{') ++depth;
      if (closes) --depth;
      ++place_;
    }
    value = text_.substr(begin, place_ - begin);
    return !value.empty();
  }

  std::string_view text_;
  size_t place_ = 0;
};

// The members of a key by their names. A key that is no object is one of no name.
void SplitKey(std::string_view key, std::vector<Member>& members) {
  members.clear();
  if (!ObjectSplitter(key).Split(members)) {
    members.clear();
    members.push_back({.name = {}, .value = key});
  }
  if (!std::ranges::is_sorted(members)) std::ranges::sort(members);
}

// Calls visit(name, here, stored) for each member that is not in both with the same text, until it
// returns false. A text is empty where there is no such member.
template <class Visit>
void ForEachDifference(const std::vector<Member>& here, const std::vector<Member>& stored,
                       Visit visit) {
  auto a = here.begin();
  auto b = stored.begin();
  bool goes_on = true;
  while (goes_on && (a != here.end() || b != stored.end())) {
    if (b == stored.end() || (a != here.end() && a->name < b->name)) {
      goes_on = visit(a->name, a->value, std::string_view());
      ++a;
    } else if (a == here.end() || b->name < a->name) {
      goes_on = visit(b->name, std::string_view(), b->value);
      ++b;
    } else {
      if (a->value != b->value) goes_on = visit(a->name, a->value, b->value);
      ++a;
      ++b;
    }
  }
}

// How many bytes lie between what is the same at both ends of two texts.
size_t DifferingBytes(std::string_view a, std::string_view b) {
  if (a.size() < b.size()) std::swap(a, b);
  const size_t first = FirstDifference(a, b);
  const auto end = std::mismatch(b.rbegin(), b.rend() - static_cast<ptrdiff_t>(first), a.rbegin());
  return a.size() - first - static_cast<size_t>(end.first - b.rbegin());
}

// How far a stored key is from that of a call.
struct Distance {
  size_t parameters = 0;
  size_t bytes = 0;

  auto operator<=>(const Distance&) const = default;
};

// Counts no further than what is too far anyway.
Distance DistanceOf(const std::vector<Member>& here, const std::vector<Member>& stored,
                    size_t most_parameters) {
  Distance distance;
  ForEachDifference(here, stored, [&](std::string_view, std::string_view a, std::string_view b) {
    if (++distance.parameters > most_parameters) return false;
    distance.bytes += DifferingBytes(a, b);
    return true;
  });
  return distance;
}

// The name that is escaped in a key.
std::string Unescaped(std::string_view name) {
  const std::string quoted = '"' + std::string(name) + '"';
  return json::IsValid(quoted) ? json::Reader(quoted).TakeString() : std::string(name);
}

std::vector<Difference> DifferencesOf(const std::vector<Member>& here,
                                      const std::vector<Member>& stored) {
  std::vector<Difference> differences;
  ForEachDifference(here, stored,
                    [&](std::string_view name, std::string_view a, std::string_view b) {
                      const size_t first = FirstDifference(a, b);
                      differences.push_back({.parameter = Unescaped(name),
                                             .here = Shortened(a, first, kLongestValue),
                                             .stored = Shortened(b, first, kLongestValue)});
                      return true;
                    });
  return differences;
}

// 2023-11-14 22:13:20 UTC
std::string TimeText(storage::TimePoint time) {
  using namespace std::chrono;  // NOLINT: for this function
  const sys_seconds second(duration_cast<seconds>(time.time_since_epoch()));
  const sys_days day = floor<days>(second);
  const year_month_day date(day);
  const hh_mm_ss of_day(second - day);
  char text[80];
  std::snprintf(text, sizeof(text), "%04d-%02u-%02u %02d:%02d:%02d UTC",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(of_day.hours().count()),
                static_cast<int>(of_day.minutes().count()),
                static_cast<int>(of_day.seconds().count()));
  return text;
}

std::string OrAbsent(const std::string& text) { return text.empty() ? "absent" : text; }

}  // namespace

std::string Explanation::ToString() const {
  const size_t first = nearest ? FirstDifference(key, nearest->key) : 0;
  std::string text = (hit ? "hit: " : "miss: ") + reason;
  text += "\n  key:     " + Shortened(key, first, kLongestKey);
  if (!nearest) return text;
  text += "\n  nearest: " + Shortened(nearest->key, first, kLongestKey);
  text += ", stored on " + TimeText(nearest->created);
  for (const auto& [parameter, here, stored] : nearest->differences) {
    text += "\n    " + (parameter.empty() ? "the key" : parameter) + ": here " + OrAbsent(here) +
            ", stored " + OrAbsent(stored);
  }
  return text;
}

namespace memoize {

absl::StatusOr<std::optional<Explanation::Nearest>> FindNearest(storage::Store& store,
                                                                std::string_view key) {
  std::vector<Member> here;
  SplitKey(key, here);
  std::vector<Member> stored;
  std::optional<Explanation::Nearest> nearest;
  Distance least;
  const absl::Status status =
      store.ForEach(storage::Depth::kHeads, [&](const storage::EntryInfo& info) {
        if (!info.status.ok()) return storage::Verdict::kKeep;
        SplitKey(info.key, stored);
        const Distance distance = DistanceOf(here, stored, nearest ? least.parameters : SIZE_MAX);
        // The order of entries is any: the last tie is broken by the keys themselves.
        const bool is_nearer =
            !nearest || std::tuple(distance, nearest->created, info.key) <
                            std::tuple(least, info.created, std::string_view(nearest->key));
        if (is_nearer) {
          least = distance;
          nearest = {.key = std::string(info.key), .created = info.created, .differences = {}};
        }
        return storage::Verdict::kKeep;
      });
  if (!status.ok()) return status;
  if (nearest) {
    SplitKey(nearest->key, stored);
    nearest->differences = DifferencesOf(here, stored);
  }
  return nearest;
}

}  // namespace memoize
}  // namespace permacache
