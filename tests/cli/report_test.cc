// Reports, for people and for programs; and the line of progress.
#include "permacache/cli/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "permacache/cli/progress.h"
#include "permacache/cli/table.h"
#include "permacache/cli/top.h"

namespace permacache::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::StartsWith;

// What a report writes.
std::string Written(std::unique_ptr<Report> (*make)(std::FILE*),
                    const std::function<void(Report&)>& fill) {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* const file = open_memstream(&text, &size);
  const std::unique_ptr<Report> report = make(file);
  fill(*report);
  report->End();
  std::fclose(file);
  const std::string written(text, size);
  std::free(text);
  return written;
}

void FillAll(Report& report) {
  report.Fact({"entries", "entries"}, Count{1234});
  report.Fact({"hidden", ""}, true);
  report.BeginList({"rows", "The rows"},
                   {{"size", "size"}, {"cost", "cost"}, {"internal", ""}, {"key", "key"}},
                   Layout::kTable);
  report.Row({Bytes{999}, Duration{1500ms}, Count{1}, Text{"{\"x\": 2}"}});
  report.Row({Bytes{1'200'000}, Unknown(), Count{2}, Text{"a\x1b\xff"}});
  report.EndList();
  report.BeginList({"none", "Nothing"}, {{"key", "key"}}, Layout::kTable);
  report.EndList();
  report.Sentence("That is all");
}

TEST(Report, IsTextForPeople) {
  EXPECT_EQ(Written(TextReport, FillAll),
            "entries  1,234\n"
            "\n"
            "The rows\n"
            "  SIZE   COST  KEY\n"
            " 999 B  1.5 s  {\"x\": 2}\n"
            "1.2 MB      -  a\\x1b\\xff\n"
            "That is all\n");
}

TEST(Report, IsOneJsonDocumentForPrograms) {
  const std::string text = Written(JsonReport, FillAll);
  const nlohmann::json json = nlohmann::json::parse(text);
  EXPECT_EQ(json, nlohmann::json::parse(R"({"entries": 1234, "hidden": true, "none": [],
      "rows": [{"size": 999, "cost": 1.5, "internal": 1, "key": "{\"x\": 2}"},
               {"size": 1200000, "cost": null, "internal": 2, "key": {"base64": "YRv/"}}]})"));
  EXPECT_EQ(Written(JsonReport, [](Report&) {}), "{}\n");
}

TEST(Report, KnowsValuesOfAllKinds) {
  const auto fill = [](Report& report) {
    report.BeginList({"records", ""},
                     {{"a", "time"},
                      {"b", "share"},
                      {"c", "numbers"},
                      {"d", "json"},
                      {"e", "bytes"},
                      {"f", "unknown"}},
                     Layout::kRecords);
    report.Row({Time{storage::TimePoint(1'700'000'000'000'000'000ns)}, Share{0.973},
                Numbers{{0, 3}}, Json{"{\n  \"x\": 1\n}"}, Binary{"PmCr\x01\n"}, Unknown()});
    report.EndList();
  };
  EXPECT_EQ(nlohmann::json::parse(Written(JsonReport, fill))["records"][0],
            nlohmann::json::parse(R"({"a": "2023-11-14T22:13:20.000000000Z", "b": 0.973,
                "c": [0, 3], "d": {"x": 1}, "e": "UG1DcgEK", "f": null})"));
  setenv("TZ", "UTC", 1);
  EXPECT_EQ(Written(TextReport, fill),
            "time     2023-11-14 22:13\n"
            "share    97.3 %\n"
            "numbers  0, 3\n"
            "json\n"
            "{\n"
            "  \"x\": 1\n"
            "}\n"
            "bytes\n"
            "00000000  50 6d 43 72 01 0a                                PmCr..\n");
}

TEST(Table, MeasuresItsFirstRowsAndLetsLaterOnesBeWider) {
  Table table;
  table.SetTitles({"A", "B"});
  std::string written;
  for (size_t i = 0; i < Table::kRowsToMeasure; ++i) written += table.Add({{"xy"}, {"1", true}});
  EXPECT_THAT(written, StartsWith("A   B\nxy  1\n"));
  EXPECT_EQ(table.Add({{"wider"}, {"2"}}), "wider  2\n");
  EXPECT_EQ(table.Flush(), "");
  EXPECT_EQ(std::ranges::count(written, '\n'), Table::kRowsToMeasure + 1);
}

TEST(Table, CountsCharactersNotBytes) {
  Table table;
  table.SetTitles({"N", "B"});
  table.Add({{"\u00e9\u00e9"}, {"1"}});
  EXPECT_EQ(table.Flush(), "N   B\n\u00e9\u00e9  1\n");
}

TEST(Top, KeepsTheFirstOfMany) {
  Top<int> top(3, std::greater<int>());
  for (const int number : {5, 1, 9, 7, 3, 9, 2}) top.Add(number);
  EXPECT_TRUE(top.IsWanted(8));
  EXPECT_FALSE(top.IsWanted(7));
  EXPECT_THAT(top.Take(), ElementsAre(9, 9, 7));
  EXPECT_FALSE(Top<int>(0, std::greater<int>()).IsWanted(1));
}

TEST(ProgressLine, ShowsShareRateAndRemainingTime) {
  EXPECT_EQ(ProgressLine("verify wing/lift", Unit::kEntries, 250'000, 1'000'000, 2s, 200),
            "verify wing/lift  [======>                 ]  25 %  250,000 of 1,000,000  125,000 "
            "entries/s  6.0 s left");
  EXPECT_EQ(ProgressLine("export", Unit::kBytes, 3'000'000'000, 3'000'000'000, 10s, 200),
            "export  [========================]  100 %  3.0 GB of 3.0 GB  300 MB/s");
  EXPECT_EQ(ProgressLine("import", Unit::kBytes, 5000, 0, 1s, 200), "import  5.0 kB  5.0 kB/s");
  EXPECT_THAT(ProgressLine("ls", Unit::kEntries, 0, 100, 0s, 200), EndsWith("0 entries/s"));
}

TEST(ProgressLine, IsNoWiderThanTheTerminal) {
  EXPECT_EQ(ProgressLine("verify a", Unit::kEntries, 250'000, 1'000'000, 2s, 80),
            "verify a  [==>      ]  25 %  250,000 of 1,000,000  125,000 entries/s  6.0 s left");
  EXPECT_EQ(ProgressLine("verify wing/lift", Unit::kEntries, 250'000, 1'000'000, 2s, 80),
            "verify wing/lift  25 %  250,000 of 1,000,000  125,000 entries/s  6.0 s left");
  EXPECT_EQ(ProgressLine("ls", Unit::kEntries, 1, 100, 1s, 10).size(), 10u);
}

}  // namespace
}  // namespace permacache::cli
