// Random values of a type of every kind: their texts are equal exactly if they are.
#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/numeric/int128.h"
#include "gtest/gtest.h"
#include "permacache/key/key.h"
#include "permacache/testing/random.h"

namespace permacache {
namespace {

// A smart pointer that compares what it points to.
template <class T>
class Owned {
 public:
  using element_type = T;
  Owned() = default;
  explicit Owned(T value) : value_(std::make_shared<const T>(std::move(value))) {}
  const T* get() const { return value_.get(); }
  const T& operator*() const { return *value_; }
  explicit operator bool() const { return value_ != nullptr; }
  bool operator==(const Owned& other) const {
    return value_ == other.value_ || (value_ && other.value_ && *value_ == *other.value_);
  }

 private:
  std::shared_ptr<const T> value_;
};

// A type whose key its hook writes, in as many pieces as it has numbers.
class Hooked {
 public:
  Hooked() = default;
  explicit Hooked(std::vector<int> numbers) : numbers_(std::move(numbers)) {}
  bool operator==(const Hooked&) const = default;

 private:
  friend void PermacacheKey(KeyWriter& key, const Hooked& hooked) {
    for (const int number : hooked.numbers_) key.Write(number);
  }

  std::vector<int> numbers_;
};

enum class Color : uint8_t { kRed, kGreen };

struct Numbers {
  absl::int128 wide = 0;
  key::UInt128 wide_unsigned = 0;
  std::complex<double> complex;
  std::bitset<3> bits;
  long double extended = 0;
  std::byte byte{};
  Color color{};

  bool operator==(const Numbers&) const = default;
};

struct Texts {
  std::string bytes;
  std::u8string utf8;
  std::u16string utf16;
  std::u32string utf32;
  std::wstring wide;
  std::filesystem::path path;
  char16_t unit{};
  char32_t code_point{};

  bool operator==(const Texts&) const = default;
};

struct Times {
  std::chrono::milliseconds duration{};
  std::chrono::sys_seconds point;
  std::chrono::year_month_day date{};
  std::chrono::weekday weekday{};
  std::chrono::month_weekday occasion{std::chrono::month(), std::chrono::weekday()[0]};

  bool operator==(const Times&) const = default;
};

struct Holders {
  std::optional<std::optional<Owned<int>>> maybe;
  Owned<std::optional<int>> owned;
  std::variant<std::monostate, int, std::string, int, std::vector<std::string>> choice;
  std::optional<std::variant<std::nullptr_t, std::optional<int>>> nothings;
  Hooked hooked;

  bool operator==(const Holders&) const = default;
};

struct Ranges {
  std::vector<std::array<uint8_t, 3>> rows;
  std::array<std::array<float, 2>, 2> square{};
  std::vector<bool> flags;
  std::deque<int64_t> scattered;
  std::vector<std::vector<char>> letters;
  std::vector<std::string> texts;

  bool operator==(const Ranges&) const = default;
};

struct Maps {
  std::map<std::string, std::variant<int, std::string>> named;
  absl::flat_hash_map<std::string, std::vector<int>> hashed;
  std::unordered_map<std::u16string, int> wide;
  std::map<std::optional<int>, std::set<std::string>> sets;
  std::unordered_set<std::string> unordered;
  std::multiset<int> repeated;

  bool operator==(const Maps&) const = default;
};

struct Zoo {
  Numbers numbers;
  Texts texts;
  Times times;
  Holders holders;
  Ranges ranges;
  Maps maps;
  std::vector<Zoo> children;

  bool operator==(const Zoo&) const = default;
};

// Makes small values of few different parts, so that equal and nearly equal ones come up.
class Maker {
 public:
  explicit Maker(std::mt19937_64 random) : random_(std::move(random)) {}

  size_t Below(size_t limit) { return random_() % limit; }
  int Number() { return static_cast<int>(Below(3)) - 1; }
  bool Flag() { return Below(2) == 0; }

  template <class Char>
  std::basic_string<Char> Text() {
    constexpr uint32_t kCharacters[] = {0,    '"',   '\\',  ',',    '.',    'n',     0x7f,
                                        0x80, 0xc3,  0xe9,  0xd800, 0xdc80, 0xdcff,  0xffff,
                                        0xa9, 0x110, 0x1f6, 0xd83d, 0xde00, 0x1f600, 0x110000};
    std::basic_string<Char> text;
    for (size_t i = Below(4); i > 0; --i) {
      text += static_cast<Char>(kCharacters[Below(std::size(kCharacters))]);
    }
    return text;
  }

  std::string Word() {
    constexpr const char* kWords[] = {"",  "a",   ".type",   ".a",    "null", "\", \"",
                                      "[", "map", "entries", "value", "\xff", "1"};
    return kWords[Below(std::size(kWords))];
  }

  double Real() {
    // Not -0.0, which equals 0.0, but has another text.
    constexpr double kNumbers[] = {0, 1, 0.1, 0.1f, 1e16, 5e-324, -1};
    return kNumbers[Below(std::size(kNumbers))];
  }

  void Change(Numbers& numbers) {
    switch (Below(7)) {
      case 0:
        numbers.wide = absl::MakeInt128(Number(), Below(2));
        break;
      case 1:
        numbers.wide_unsigned = key::UInt128{Below(2)} << (64 * Below(2));
        break;
      case 2:
        numbers.complex = {Real(), Real()};
        break;
      case 3:
        numbers.bits.flip(Below(3));
        break;
      case 4:
        numbers.extended = Real();
        break;
      case 5:
        numbers.byte = static_cast<std::byte>(Below(256));
        break;
      case 6:
        numbers.color = Flag() ? Color::kRed : Color::kGreen;
        break;
    }
  }

  void Change(Texts& texts) {
    switch (Below(8)) {
      case 0:
        texts.bytes = Text<char>();
        break;
      case 1:
        texts.utf8 = Text<char8_t>();
        break;
      case 2:
        texts.utf16 = Text<char16_t>();
        break;
      case 3:
        texts.utf32 = Text<char32_t>();
        break;
      case 4:
        texts.wide = Text<wchar_t>();
        break;
      case 5:
        texts.path = Word();
        break;
      case 6:
        texts.unit = static_cast<char16_t>(random_());
        break;
      case 7:
        texts.code_point = static_cast<char32_t>(random_());
        break;
    }
  }

  void Change(Times& times) {
    using namespace std::chrono;
    const auto small = [&] { return static_cast<unsigned>(Below(4)); };
    switch (Below(5)) {
      case 0:
        times.duration = milliseconds(Number());
        break;
      case 1:
        times.point = sys_seconds(seconds(Number()));
        break;
      case 2:
        times.date = year(Number()) / month(small()) / day(small());
        break;
      case 3:
        times.weekday = weekday(small());
        break;
      case 4:
        times.occasion = {month(small()), weekday(small())[small()]};
        break;
    }
  }

  void Change(Holders& holders) {
    switch (Below(5)) {
      case 0:
        holders.maybe.reset();
        if (Flag()) holders.maybe.emplace();
        if (holders.maybe && Flag()) holders.maybe->emplace();
        if (holders.maybe && *holders.maybe && Flag()) **holders.maybe = Owned<int>(Number());
        break;
      case 1:
        holders.owned = {};
        if (Flag()) holders.owned = Owned<std::optional<int>>(std::nullopt);
        if (Flag()) holders.owned = Owned<std::optional<int>>(Number());
        break;
      case 2:
        ChangeChoice(holders);
        break;
      case 3:
        holders.nothings.reset();
        if (Flag()) holders.nothings = nullptr;
        if (Flag()) holders.nothings = std::optional<int>();
        if (Flag()) holders.nothings = std::optional<int>(Number());
        break;
      case 4:
        holders.hooked = Hooked(std::vector<int>(Below(3), Number()));
        break;
    }
  }

  void ChangeChoice(Holders& holders) {
    switch (Below(5)) {
      case 0:
        holders.choice.emplace<0>();
        break;
      case 1:
        holders.choice.emplace<1>(Number());
        break;
      case 2:
        holders.choice.emplace<2>(Word());
        break;
      case 3:
        holders.choice.emplace<3>(Number());
        break;
      case 4:
        holders.choice.emplace<4>(Below(3), Word());
        break;
    }
  }

  void Change(Ranges& ranges) {
    switch (Below(6)) {
      case 0:
        ranges.rows.resize(Flag() ? Below(3) : 21 + Below(3));
        if (!ranges.rows.empty()) ranges.rows.back()[Below(3)] = static_cast<uint8_t>(Below(2));
        break;
      case 1:
        ranges.square[Below(2)][Below(2)] = static_cast<float>(Real());
        break;
      case 2:
        ranges.flags.resize(Flag() ? Below(3) : 64 + Below(3));
        if (!ranges.flags.empty()) ranges.flags.back() = Flag();
        break;
      case 3:
        ranges.scattered.assign(Flag() ? Below(3) : 64 + Below(3), Number());
        break;
      case 4:
        ranges.letters.assign(Below(3), std::vector<char>(Below(2), static_cast<char>(Below(256))));
        break;
      case 5:
        ranges.texts.assign(Below(3), Word());
        break;
    }
  }

  void Change(Maps& maps) {
    switch (Below(6)) {
      case 0:
        if (maps.named.erase(Word()) == 0) maps.named[Word()] = Number();
        if (Flag()) maps.named[Word()] = Word();
        break;
      case 1:
        if (maps.hashed.erase(Word()) == 0) maps.hashed[Word()].push_back(Number());
        break;
      case 2:
        maps.wide[Text<char16_t>()] = Number();
        if (maps.wide.size() > 3) maps.wide.erase(maps.wide.begin());
        break;
      case 3:
        maps.sets[Flag() ? std::optional<int>() : Number()].insert(Word());
        if (maps.sets.size() > 3) maps.sets.clear();
        break;
      case 4:
        if (maps.unordered.erase(Word()) == 0) maps.unordered.insert(Word());
        break;
      case 5:
        if (maps.repeated.erase(Number()) == 0) maps.repeated.insert(Number());
        break;
    }
  }

  // Changes one part of the zoo, perhaps to what it is.
  void Change(Zoo& zoo, int depth = 0) {
    switch (Below(7)) {
      case 0:
        return Change(zoo.numbers);
      case 1:
        return Change(zoo.texts);
      case 2:
        return Change(zoo.times);
      case 3:
        return Change(zoo.holders);
      case 4:
        return Change(zoo.ranges);
      case 5:
        return Change(zoo.maps);
      case 6:
        if (depth > 1) return;
        if (zoo.children.empty() || Below(8) == 0) zoo.children.emplace_back();
        if (zoo.children.size() > 3) zoo.children.clear();
        if (!zoo.children.empty()) Change(zoo.children[Below(zoo.children.size())], depth + 1);
    }
  }

 private:
  std::mt19937_64 random_;
};

TEST(KindsProperty, TextsAreEqualExactlyIfValuesAre) {
  Maker maker(testing::SeededRandom());
  size_t equal = 0;
  size_t different = 0;
  for (int round = 0; round < 60; ++round) {
    Zoo zoo;
    for (int step = 0; step < 60; ++step) {
      Zoo changed = zoo;
      maker.Change(changed);
      const std::string text = KeyText(zoo);
      ASSERT_EQ(KeyText(Zoo(zoo)), text);
      ASSERT_EQ(KeyText(changed) == text, changed == zoo) << text << "\n" << KeyText(changed);
      ++(changed == zoo ? equal : different);
      zoo = std::move(changed);
    }
  }
  EXPECT_GT(equal, 100u);
  EXPECT_GT(different, 1000u);
}

// Of one type, values that have nothing to do with each other: the text says which value it is.
template <class T>
void ExpectATextForEachValue(Maker& maker) {
  std::map<std::string, T> value_of_text;
  for (int round = 0; round < 3000; ++round) {
    T value{};
    for (size_t i = maker.Below(4); i > 0; --i) maker.Change(value);
    const auto [known, is_new] = value_of_text.emplace(KeyText(value), value);
    ASSERT_TRUE(known->second == value) << known->first;
  }
  EXPECT_GT(value_of_text.size(), 100u);
}

TEST(KindsProperty, DifferentValuesNeverShareAText) {
  Maker maker(testing::SeededRandom());
  ExpectATextForEachValue<Numbers>(maker);
  ExpectATextForEachValue<Texts>(maker);
  ExpectATextForEachValue<Times>(maker);
  ExpectATextForEachValue<Holders>(maker);
  ExpectATextForEachValue<Ranges>(maker);
  ExpectATextForEachValue<Maps>(maker);
}

TEST(KindsProperty, ArrayViewsAreEqualExactlyIfShapesAndElementsAre) {
  Maker maker(testing::SeededRandom());
  std::map<std::string, std::pair<std::vector<size_t>, std::vector<int16_t>>> view_of_text;
  for (int round = 0; round < 5000; ++round) {
    std::vector<size_t> shape(maker.Below(4));
    size_t size = 1;
    for (size_t& extent : shape) size *= extent = maker.Below(6);
    std::vector<int16_t> elements(size, static_cast<int16_t>(maker.Number()));
    if (size > 0) elements[maker.Below(size)] = static_cast<int16_t>(maker.Number());
    const std::string text = KeyText(ArrayView(elements.data(), shape));
    const auto [known, is_new] = view_of_text.emplace(text, std::pair(shape, elements));
    ASSERT_EQ(known->second, std::pair(shape, elements)) << text;
  }
  EXPECT_GT(view_of_text.size(), 500u);
}

}  // namespace
}  // namespace permacache
