#include "permacache/key/hashed.h"

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/key/key.h"

namespace permacache {
namespace {

// Counts how often its key is written.
class Counted {
 public:
  explicit Counted(std::atomic<int>& count) : count_(&count) {}

 private:
  friend void PermacacheKey(KeyWriter& key, const Counted& counted) {
    ++*counted.count_;
    key.Write("counted");
  }

  std::atomic<int>* count_;
};

constexpr KeyFormat kFormats[] = {KeyFormat::kNative, KeyFormat::kPython};

template <class T>
void ExpectTheTextOfThePlainValue(const T& value) {
  for (const KeyFormat format : kFormats) {
    EXPECT_EQ(KeyText(Hashed(value), format), KeyText(value, format));
    EXPECT_EQ(Hashed(value).key_text(format), KeyText(value, format));
  }
}

TEST(Hashed, HasTheTextOfThePlainValueInBothFormats) {
  ExpectTheTextOfThePlainValue(3);
  ExpectTheTextOfThePlainValue(std::string("a"));
  ExpectTheTextOfThePlainValue(std::string(100'000, 'a'));
  ExpectTheTextOfThePlainValue(std::vector<double>(1000, 0.5));
  ExpectTheTextOfThePlainValue(std::optional<int>());
  ExpectTheTextOfThePlainValue(std::map<int, std::string>{{2, "two"}});
}

TEST(Hashed, HasItsTextInsideOfOtherValues) {
  EXPECT_EQ(KeyText(std::pair(1, Hashed(std::vector{1, 2}))), "[1, [1, 2]]");
}

TEST(Hashed, IsHashedOnceForEachFormat) {
  std::atomic<int> count = 0;
  const Hashed hashed{Counted(count)};
  EXPECT_EQ(count, 0);
  const std::string text = KeyText(hashed);
  EXPECT_EQ(count, 1);
  EXPECT_EQ(KeyText(hashed), text);
  EXPECT_EQ(KeyText(std::vector{hashed, hashed}), "[" + text + ", " + text + "]");
  EXPECT_EQ(count, 1);
  KeyText(hashed, KeyFormat::kPython);
  KeyText(hashed, KeyFormat::kPython);
  EXPECT_EQ(count, 2);
}

TEST(Hashed, IsSharedByItsCopies) {
  std::atomic<int> count = 0;
  std::optional<Hashed<Counted>> hashed(Counted{count});
  const Hashed<Counted> before = *hashed;
  const std::string text = KeyText(*hashed);
  const Hashed<Counted> after = *hashed;
  hashed.reset();
  EXPECT_EQ(KeyText(before), text);
  EXPECT_EQ(KeyText(after), text);
  EXPECT_EQ(count, 1);
}

TEST(Hashed, GivesItsValue) {
  const Hashed hashed(std::string("abc"));
  EXPECT_EQ(*hashed, "abc");
  EXPECT_EQ(hashed->size(), 3u);
  const Hashed copy = hashed;
  EXPECT_EQ(&*copy, &*hashed);
}

TEST(Hashed, MayBeUsedByManyThreads) {
  std::atomic<int> count = 0;
  const Hashed hashed{Counted(count)};
  std::vector<std::string> texts(16);
  {
    std::vector<std::jthread> threads;
    for (std::string& text : texts) {
      threads.emplace_back([&hashed, &text, copy = hashed] {
        text = KeyText(hashed) + KeyText(copy) + KeyText(copy, KeyFormat::kPython);
      });
    }
  }
  EXPECT_EQ(count, 2);
  for (const std::string& text : texts) EXPECT_EQ(text, texts[0]);
}

TEST(StableHash, IsTheSha256OfTheText) {
  EXPECT_EQ(StableHash(std::string("a")),  // of "a" with its quotes
            "ac8d8342bbb2362d13f0a559a3621bb407011368895164b628a54f7fc33fc43c");
  EXPECT_EQ(StableHash(2, KeyFormat::kPython), StableHash(2));
  EXPECT_NE(StableHash(0.1f, KeyFormat::kPython), StableHash(0.1f));
}

TEST(StableHash, OfHashedIsThatOfThePlainValue) {
  const std::vector<double> numbers(1000, 0.5);
  for (const KeyFormat format : kFormats) {
    EXPECT_EQ(StableHash(Hashed(numbers), format), StableHash(numbers, format));
  }
}

}  // namespace
}  // namespace permacache
