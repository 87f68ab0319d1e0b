// The page that stats writes, also as a browser sees it. The tests that need one are skipped where
// neither chromium nor Chrome is installed; .ci/run has ./bazelw install one, and skips nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "permacache/cli/html.h"
#include "permacache/cli/summary.h"
#include "permacache/testing/temporary_directory.h"
#include "tests/cli/command.h"
#include "tests/cli/example_cache.h"

namespace permacache::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Outcome;
using testing::RunLine;

constexpr char kHostile[] =
    "</td></svg><script>document.title='hostile'</script><img src=x "
    "onerror=document.title='hostile'>"
    "\" onload=\"document.title='hostile'&amp;\x1b\xe2\x80\xae\xff";

Summary HostileSummary() {
  Summary summary;
  FunctionSummary& function = summary.functions.emplace_back();
  function.name = kHostile;
  function.entries = 3;
  function.bytes = 12'345;
  function.has_counts = true;
  function.counts = {.hits = 97, .misses = 3, .saved = 90s};
  NamedEntry entry{.function = kHostile, .key = kHostile, .bytes = 77, .compute_time = 5ms};
  summary.largest = {entry};
  summary.costliest = {entry};
  return summary;
}

// What a browser has made of a page.
class PageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    browser_ =
        RunLine("", "", "command -v chromium chromium-browser google-chrome | head -n 1").out;
    if (browser_.empty()) {
      const char* wanted = std::getenv("PERMACACHE_WITH_BROWSER");
      ASSERT_NE(std::string(wanted == nullptr ? "" : wanted), "yes") << "there is no browser";
      GTEST_SKIP() << "no browser: neither chromium nor Chrome is installed";
    }
    browser_.pop_back();
  }

  std::string Browse(const std::filesystem::path& page, const std::string& what) const {
    const Outcome outcome = RunLine(
        "", directory_.path(),
        "HOME=\"$PWD\" timeout 60 " + browser_ +
            " --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars"
            " --window-size=1100,1600 --user-data-dir=profile " +
            what + " 'file://" + page.string() + "'");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.out;
  }

  std::string browser_;
  const testing::TemporaryDirectory directory_;
};

TEST(HtmlText, LeavesNothingThatABrowserWouldFollow) {
  EXPECT_EQ(HtmlText("a<b>&\"c'\x1b"), "a&lt;b&gt;&amp;&quot;c&#39;\\x1b");
}

TEST(HtmlPage, NeedsNothingFromElsewhere) {
  Summary summary = HostileSummary();
  summary.functions[0].name = summary.largest[0].key = summary.costliest[0].key = "harmless";
  summary.largest[0].function = summary.costliest[0].function = "harmless";
  const std::string page = HtmlPage(summary, "/cache", {});
  for (const char* word : {"<script", "<img", "<link", "<iframe", "http:", "https:", "url(",
                           "@import", " src=", " href="}) {
    EXPECT_THAT(page, Not(HasSubstr(word))) << word;
  }
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST(HtmlPage, ShowsHostileTextsAsTexts) {
  const std::string page = HtmlPage(HostileSummary(), kHostile, {});
  for (const char* word : {"<script", "<img", "</td></svg>", "\x1b", "\xe2\x80\xae", "\xff"}) {
    EXPECT_THAT(page, Not(HasSubstr(word))) << word;
  }
}

TEST(HtmlPage, OfAnEmptyCacheIsAPage) {
  const std::string page = HtmlPage({}, "/cache", {});
  EXPECT_THAT(page, HasSubstr("</html>"));
  EXPECT_THAT(page, Not(HasSubstr("<svg")));
}

TEST_F(PageTest, ShowsTheExampleCache) {
  const std::filesystem::path page = directory_.path() / "page.html";
  testing::MakeExampleCache(directory_.path() / "cache");
  ASSERT_EQ(testing::RunCommand(directory_.path() / "cache", {"stats", "--html", page}).exit_code,
            0);
  const std::string document = Browse(page, "--dump-dom");
  for (const char* text : {"<title>permacache</title>", "wing/lift", "mesh/refine", "99.4 %",
                           "{\"level\": 3}", "Time saved by hits", "</svg>"}) {
    EXPECT_THAT(document, HasSubstr(text));
  }
  Browse(page, "--screenshot=picture.png");
  const std::string picture = testing::ReadFile(directory_.path() / "picture.png");
  EXPECT_TRUE(picture.starts_with("\x89PNG"));
  EXPECT_GT(picture.size(), 20'000u);  // more than a blank one
  // Where Bazel keeps it, for who wants to look.
  if (const char* outputs = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR"); outputs != nullptr) {
    std::ofstream(std::filesystem::path(outputs) / "page.png", std::ios::binary) << picture;
  }
}

TEST_F(PageTest, ShowsHostileTextsAndRunsNothing) {
  const std::filesystem::path page = directory_.path() / "page.html";
  std::ofstream(page) << HtmlPage(HostileSummary(), kHostile, {});
  const std::string document = Browse(page, "--dump-dom");
  EXPECT_THAT(document, HasSubstr("<title>permacache</title>"));
  EXPECT_THAT(document, Not(HasSubstr("<script")));
  EXPECT_THAT(document, Not(HasSubstr("<img")));
  EXPECT_THAT(document, HasSubstr("&lt;script&gt;document.title='hostile'"));
}

// The same texts without the care that HtmlPage takes would be run: so the test above can fail.
TEST_F(PageTest, WouldShowScriptsThatRun) {
  const std::filesystem::path page = directory_.path() / "page.html";
  std::ofstream(page) << "<!DOCTYPE html><title>permacache</title>" << kHostile;
  EXPECT_THAT(Browse(page, "--dump-dom"), HasSubstr("<title>hostile</title>"));
}

}  // namespace
}  // namespace permacache::cli
