// What the report is made of: figures that programs print, what is compared with what, pictures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "benchmarks/chart.h"
#include "benchmarks/goals.h"
#include "benchmarks/measurements.h"

namespace permacache::benchmarks {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

void RunScript(Measurements& measured, const std::string& script) {
  measured.Run({"sh", "-c", script});
}

TEST(MeasurementsTest, KeepsTimesInNanosecondsAndCounters) {
  Measurements measured;
  RunScript(measured, R"(echo '{"benchmarks": [
      {"name": "A/1", "run_name": "A/1", "run_type": "iteration", "real_time": 2.5,
       "time_unit": "us", "items_per_second": 7},
      {"name": "B", "real_time": 3, "time_unit": "ns"}]}')");
  EXPECT_EQ(measured.Time("A/1"), 2500);
  EXPECT_EQ(measured.Counter("A/1", "items_per_second"), 7);
  EXPECT_EQ(measured.Counter("A/1", "bytes"), std::nullopt);
  EXPECT_EQ(measured.Time("B"), 3);
  EXPECT_EQ(measured.Time("C"), std::nullopt);
}

TEST(MeasurementsTest, OfRepetitionsTheMedianCounts) {
  Measurements measured;
  RunScript(measured, R"(echo '{"benchmarks": [
      {"run_name": "A", "run_type": "iteration", "real_time": 1, "time_unit": "ns"},
      {"run_name": "A", "run_type": "aggregate", "aggregate_name": "mean", "real_time": 9},
      {"run_name": "A", "run_type": "aggregate", "aggregate_name": "median", "real_time": 5},
      {"run_name": "A", "run_type": "aggregate", "aggregate_name": "stddev", "real_time": 8}]}')");
  EXPECT_EQ(measured.Time("A"), 5);
}

TEST(MeasurementsTest, SaysWhyThereIsNoFigure) {
  Measurements measured;
  RunScript(measured, R"(echo '{"benchmarks": [
      {"name": "joblib/hit", "missing": "python3-joblib is not installed"}]}')");
  measured.Run({"/nonexistent/sqlite_peer"});
  EXPECT_EQ(measured.WhyMissing("joblib/hit"), "python3-joblib is not installed");
  EXPECT_EQ(measured.WhyMissing("sqlite/hit"), "its program failed");
  EXPECT_EQ(measured.WhyMissing("other"), "was not measured");
}

TEST(ComparisonTest, IsMetAtOrBelowTheGoalOrAtOrAboveIt) {
  Comparison row{.work = "", .peer = "", .unit = "ns", .ours = 3, .against = 2, .goal = 1.5};
  EXPECT_EQ(row.ratio(), 1.5);
  EXPECT_EQ(row.met(), true);
  row.ours = 4;
  EXPECT_EQ(row.met(), false);
  row.at_least = true;
  EXPECT_EQ(row.met(), true);
  row.is_difference = true;
  EXPECT_EQ(row.ratio(), 2);
  row.against = std::nullopt;
  EXPECT_EQ(row.ratio(), std::nullopt);
  EXPECT_EQ(row.met(), std::nullopt);
}

TEST(CompareTest, NamesEachRowAlsoWithoutFiguresAndSaysWhyTheyAreMissing) {
  const auto rows = Compare(Measurements(), 1'000'000);
  EXPECT_GE(rows.size(), 20u);
  for (const Comparison& row : rows) {
    EXPECT_NE(row.work, "");
    EXPECT_NE(row.peer, "");
    EXPECT_EQ(row.met(), std::nullopt);
    EXPECT_NE(row.missing, "") << row.work;
  }
}

TEST(CompareTest, SpeedsAreHowOftenAsFastOursIs) {
  Measurements measured;
  RunScript(measured, R"(echo '{"benchmarks": [
      {"name": "DescribeHit/real_time", "real_time": 100, "time_unit": "ns"},
      {"name": "joblib/hit", "real_time": 10, "time_unit": "us"}]}')");
  int found = 0;
  for (const Comparison& row : Compare(measured, 1'000'000)) {
    if (row.work != "hit" || row.peer != "joblib") continue;
    ++found;
    EXPECT_DOUBLE_EQ(row.ratio().value(), 100);
    EXPECT_EQ(row.met(), true);
  }
  EXPECT_EQ(found, 1);
}

TEST(ChartTest, ShowsSeriesThatHavePoints) {
  const std::string svg = ToSvg({{.title = "a < b",
                                  .x_label = "x",
                                  .y_label = "y",
                                  .series = {{"full", {{10, 1}, {1000, 20}}}, {"empty", {}}}}});
  EXPECT_THAT(svg, HasSubstr("a &lt; b"));
  EXPECT_THAT(svg, HasSubstr(">full<"));
  EXPECT_THAT(svg, HasSubstr(">1k<"));
  EXPECT_THAT(svg, Not(HasSubstr("empty")));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(ChartTest, CanBeDrawnWithoutPoints) {
  EXPECT_THAT(ToSvg({{.title = "none", .x_label = "", .y_label = "", .series = {}}}),
              Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace permacache::benchmarks
