// std::chrono: durations, points in time, every type of the calendar.
#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <string>

#include "gtest/gtest.h"
#include "permacache/key/key.h"

namespace permacache {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

TEST(Duration, HasItsCountAndPeriodInSeconds) {
  EXPECT_EQ(KeyText(1500ms), R"({".type": "duration", "count": 1500, "period": [1, 1000]})");
  EXPECT_EQ(KeyText(-2h), R"({".type": "duration", "count": -2, "period": [3600, 1]})");
  EXPECT_EQ(KeyText(nanoseconds::min()),
            R"({".type": "duration", "count": -9223372036854775808, "period": [1, 1000000000]})");
  EXPECT_EQ(KeyText(duration<double>(0.5)),
            R"({".type": "duration", "count": 0.5, "period": [1, 1]})");
}

TEST(Duration, OfAPeriodThatCanBeReducedIsReduced) {
  EXPECT_EQ(KeyText(duration<int, std::ratio<2, 4>>(3)),
            R"({".type": "duration", "count": 3, "period": [1, 2]})");
}

TEST(TimePoint, IsTheTimeSinceTheEpochOfItsClock) {
  EXPECT_EQ(KeyText(sys_days(2026y / November / 23)),
            R"({".type": "time_point", "count": 20780, "period": [86400, 1]})");
  EXPECT_EQ(KeyText(local_seconds(-1s)),
            R"({".type": "time_point", "count": -1, "period": [1, 1]})");
  EXPECT_EQ(KeyText(system_clock::time_point()).substr(0, 35),
            R"({".type": "time_point", "count": 0,)");
}

TEST(TimePoint, OfASteadyClockHasNoKey) {
  EXPECT_EQ(key::kKind<steady_clock::time_point>, key::Kind::kNone);
}

TEST(Calendar, DaysMonthsYearsAndWeekdaysAreNumbers) {
  EXPECT_EQ(KeyText(day(23)), "23");
  EXPECT_EQ(KeyText(November), "11");
  EXPECT_EQ(KeyText(-44y), "-44");
  EXPECT_EQ(KeyText(year(-44)), "-44");
  EXPECT_EQ(KeyText(Sunday), "0");
  EXPECT_EQ(KeyText(weekday(7)), "0");
  EXPECT_EQ(KeyText(Saturday), "6");
}

TEST(Calendar, DatesHaveTheMembersThatTheirTypesHave) {
  EXPECT_EQ(KeyText(Monday[2]), R"({".type": "date", "index": 2, "weekday": 1})");
  EXPECT_EQ(KeyText(Monday[last]), R"({".type": "date", "weekday": 1})");
  EXPECT_EQ(KeyText(May / 4), R"({".type": "date", "day": 4, "month": 5})");
  EXPECT_EQ(KeyText(February / last), R"({".type": "date", "month": 2})");
  EXPECT_EQ(KeyText(May / Monday[2]), R"({".type": "date", "month": 5, "weekday": )"
                                      R"({".type": "date", "index": 2, "weekday": 1}})");
  EXPECT_EQ(KeyText(May / Monday[last]),
            R"({".type": "date", "month": 5, "weekday": {".type": "date", "weekday": 1}})");
  EXPECT_EQ(KeyText(2026y / May), R"({".type": "date", "month": 5, "year": 2026})");
  EXPECT_EQ(KeyText(2026y / May / 4), R"({".type": "date", "day": 4, "month": 5, "year": 2026})");
  EXPECT_EQ(KeyText(2024y / February / last),
            R"({".type": "date", "day": 29, "month": 2, "year": 2024})");
  EXPECT_EQ(KeyText(2026y / May / Monday[2]),
            R"({".type": "date", "index": 2, "month": 5, "weekday": 1, "year": 2026})");
  EXPECT_EQ(KeyText(2026y / May / Monday[last]),
            R"({".type": "date", "month": 5, "weekday": 1, "year": 2026})");
}

TEST(Calendar, DatesThatDoNotExistHaveKeysToo) {
  EXPECT_EQ(KeyText(2026y / February / 31),
            R"({".type": "date", "day": 31, "month": 2, "year": 2026})");
  EXPECT_EQ(KeyText(month(0)), "0");
  EXPECT_EQ(KeyText(day(255)), "255");
}

TEST(TimeOfDay, IsTheDurationSinceMidnight) {
  EXPECT_EQ(KeyText(hh_mm_ss(1h + 2min)),
            R"({".type": "duration", "count": 3720, "period": [1, 1]})");
  EXPECT_EQ(KeyText(hh_mm_ss(-1500ms)),
            R"({".type": "duration", "count": -1500, "period": [1, 1000]})");
}

}  // namespace
}  // namespace permacache
