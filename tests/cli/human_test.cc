// Numbers, times and texts for people.
#include "permacache/cli/human.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "permacache/json/json.h"
#include "permacache/testing/random.h"

namespace permacache::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(Human, CountsHaveCommas) {
  EXPECT_EQ(CountText(0), "0");
  EXPECT_EQ(CountText(999), "999");
  EXPECT_EQ(CountText(1000), "1,000");
  EXPECT_EQ(CountText(-1234567), "-1,234,567");
  EXPECT_EQ(Many(1, "entry"), "1 entry");
  EXPECT_EQ(Many(0, "entry"), "0 entries");
  EXPECT_EQ(Many(2000, "function"), "2,000 functions");
}

TEST(Human, SizesHaveThreeDigitsAtMost) {
  EXPECT_EQ(BytesText(0), "0 B");
  EXPECT_EQ(BytesText(999), "999 B");
  EXPECT_EQ(BytesText(1000), "1.0 kB");
  EXPECT_EQ(BytesText(9949), "9.9 kB");
  EXPECT_EQ(BytesText(9951), "10 kB");
  EXPECT_EQ(BytesText(999'499), "999 kB");
  EXPECT_EQ(BytesText(999'500), "1.0 MB");
  EXPECT_EQ(BytesText(1'234'567'890), "1.2 GB");
  EXPECT_EQ(BytesText(~uint64_t{0}), "18 EB");
}

TEST(Human, DurationsHaveTheirUnit) {
  EXPECT_EQ(DurationText(0ns), "0 s");
  EXPECT_EQ(DurationText(-5s), "0 s");
  EXPECT_EQ(DurationText(1500ns), "1.5 us");
  EXPECT_EQ(DurationText(1500us), "1.5 ms");
  EXPECT_EQ(DurationText(999'900us), "1.0 s");
  EXPECT_EQ(DurationText(59s), "59 s");
  EXPECT_EQ(DurationText(90s), "1.5 min");
  EXPECT_EQ(DurationText(3h), "3.0 h");
  EXPECT_EQ(DurationText(std::chrono::days(40)), "40 d");
}

TEST(Human, TimesAreLocalForPeopleAndUtcForPrograms) {
  setenv("TZ", "UTC-2", 1);  // two hours before it
  tzset();
  const storage::TimePoint time{1'700'000'000'123'456'789ns};
  EXPECT_EQ(TimeText(time), "2023-11-15 00:13");
  EXPECT_EQ(UtcText(time), "2023-11-14T22:13:20.123456789Z");
  EXPECT_EQ(TimeText({}), "-");
  EXPECT_EQ(UtcText(storage::TimePoint(-1ns)), "1969-12-31T23:59:59.999999999Z");
}

TEST(Human, TextsCannotStirATerminal) {
  EXPECT_EQ(SafeText("{\"x\": \"\u00e9 \u6c34\"}"), "{\"x\": \"\u00e9 \u6c34\"}");
  EXPECT_EQ(SafeText("a\x1b[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(SafeText("a\nb\tc\rd\x7f"), "a\\nb\\tc\\x0dd\\x7f");
  EXPECT_EQ(SafeText("\u009b31m"), "\\u009b31m");
  EXPECT_EQ(SafeText("\u202eevil\u200b"), "\\u202eevil\\u200b");
  EXPECT_EQ(SafeText("\U000e0041"), "\\U000e0041");
  EXPECT_EQ(SafeText("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(SafeText(std::string_view("\0", 1)), "\\x00");
}

TEST(Human, AnyBytesBecomeTextWithoutControlCharacters) {
  std::mt19937_64 random = testing::SeededRandom();
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 40, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    const std::string safe = SafeText(bytes);
    EXPECT_TRUE(json::IsUtf8(safe));
    for (const char c : safe) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    EXPECT_EQ(SafeText(safe), safe);
  }
}

TEST(Human, SizesAreUnderstood) {
  EXPECT_EQ(*ParseBytes("500"), 500u);
  EXPECT_EQ(*ParseBytes("10k"), 10'000u);
  EXPECT_EQ(*ParseBytes("10KB"), 10'000u);
  EXPECT_EQ(*ParseBytes("1.5G"), 1'500'000'000u);
  EXPECT_EQ(*ParseBytes("2Ki"), 2048u);
  EXPECT_EQ(*ParseBytes("1GiB"), 1u << 30);
  EXPECT_EQ(*ParseBytes("0"), 0u);
  for (const char* wrong : {"", "G", "-1", "10X", "1 G", "10kk", "i", "5i", "1e3", "9999999T"}) {
    EXPECT_THAT(std::string(ParseBytes(wrong).status().message()), HasSubstr("write it like 500"))
        << wrong;
  }
}

TEST(Human, DurationsAreUnderstood) {
  EXPECT_EQ(*ParseDuration("90s"), 90s);
  EXPECT_EQ(*ParseDuration("15m"), 15min);
  EXPECT_EQ(*ParseDuration("12h"), 12h);
  EXPECT_EQ(*ParseDuration("30d"), std::chrono::days(30));
  EXPECT_EQ(*ParseDuration("2W"), std::chrono::days(14));
  EXPECT_EQ(*ParseDuration("0.5h"), 30min);
  for (const char* wrong : {"", "30", "d", "-1d", "1x", "30 d", "1000y"}) {
    EXPECT_THAT(std::string(ParseDuration(wrong).status().message()), HasSubstr("write it like"))
        << wrong;
  }
}

}  // namespace
}  // namespace permacache::cli
