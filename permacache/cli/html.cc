#include "permacache/cli/html.h"

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "permacache/cli/human.h"

namespace permacache::cli {
namespace {

// The browser is told to load and run nothing, whatever stood in the page.
constexpr char kHead[] = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>permacache</title>
<style>
:root { --ink: #1c2430; --soft: #667085; --line: #e3e7ee; --paper: #fff; --page: #f5f7fa; --bar: #3b6fd4; --good: #2f9e6e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ef; --soft: #98a2b3; --line: #2c3442; --paper: #1a202b; --page: #12161e; --bar: #6f9bf0; --good: #4cc38f; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem 1rem; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: auto; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1rem; margin: 0 0 .75rem; }
header p { margin: .25rem 0 1.5rem; color: var(--soft); overflow-wrap: anywhere; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: 1.25rem; margin-bottom: 1rem; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem; }
.numbers b { display: block; font-size: 1.5rem; line-height: 1.2; }
.numbers span { color: var(--soft); font-size: .85rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--ink); font: 13px system-ui, sans-serif; }
svg .soft { fill: var(--soft); }
svg .bar { fill: var(--bar); }
svg .good { fill: var(--good); }
svg .ground { fill: var(--line); }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; color: var(--soft); font-weight: 500; font-size: .85rem; }
th, td { padding: .35rem 1.25rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.name { white-space: nowrap; }
.name, .key { font-family: ui-monospace, monospace; font-size: .85rem; }
.key { overflow-wrap: anywhere; min-width: 16rem; }
.scroll { overflow-x: auto; }
</style>
</head>
<body>
<main>
)";

constexpr char kEnd[] = "</main>\n</body>\n</html>\n";

constexpr size_t kMostBars = 12;
constexpr size_t kLongestKey = 2000;
constexpr size_t kLongestName = 80;
constexpr size_t kLongestLabel = 40;

// No more of a text than so many bytes, cut between characters.
std::string Cut(std::string_view text, size_t most) {
  if (text.size() <= most) return std::string(text);
  while (most > 0 && (text[most] & 0xc0) == 0x80) --most;
  return absl::StrCat(std::string(text.substr(0, most)), "\u2026");
}

std::string NumberBox(std::string_view what, const std::string& number) {
  return absl::StrCat("<div><b>", number, "</b><span>", std::string(what), "</span></div>\n");
}

std::string NumbersOf(const FunctionSummary& total, size_t functions) {
  std::string html = "<section class=\"numbers\">\n";
  absl::StrAppend(&html, NumberBox("functions", CountText(static_cast<int64_t>(functions))),
                  NumberBox("entries", CountText(total.entries)),
                  NumberBox("on disk", BytesText(total.bytes)));
  if (total.has_counts) {
    absl::StrAppend(&html, NumberBox("hit rate", ShareText(HitRate(total.counts))),
                    NumberBox("saved by hits", DurationText(total.counts.saved)),
                    NumberBox("spent on misses", DurationText(total.counts.computed)));
  }
  return html + "</section>\n";
}

struct Bar {
  std::string label;
  std::string text;
  double share;  // of the longest bar
};

// Horizontal bars under each other.
std::string Chart(std::string_view title, std::string_view color, const std::vector<Bar>& bars) {
  constexpr int kRow = 26, kWidth = 900, kLabel = 300, kBars = 480;
  const int height = kRow * static_cast<int>(bars.size());
  std::string svg = absl::StrFormat("<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n",
                                    kWidth, height, std::string(title));
  int y = 0;
  for (const Bar& bar : bars) {
    const int width = std::max(1, static_cast<int>(kBars * std::clamp(bar.share, 0.0, 1.0)));
    absl::StrAppend(
        &svg,
        absl::StrFormat("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>", kLabel - 10,
                        y + 17, HtmlText(Cut(bar.label, kLongestLabel))),
        absl::StrFormat("<rect class=\"ground\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"14\" "
                        "rx=\"3\"/>",
                        kLabel, y + 6, kBars),
        absl::StrFormat("<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"14\" "
                        "rx=\"3\"/>",
                        std::string(color), kLabel, y + 6, width),
        absl::StrFormat("<text class=\"soft\" x=\"%d\" y=\"%d\">%s</text>\n", kLabel + kBars + 10,
                        y + 17, HtmlText(bar.text)));
    y += kRow;
  }
  return absl::StrCat("<section><h2>", std::string(title), "</h2>\n", svg, "</svg></section>\n");
}

using NumberOf = std::function<double(const FunctionSummary&)>;
using TextOf = std::function<std::string(const FunctionSummary&)>;

// The functions of which there is most; no chart if there is none of it. `whole` is the longest
// bar, or 0 for that of the first function.
std::string ChartOf(const Summary& summary, std::string_view title, std::string_view color,
                    const NumberOf& number, const TextOf& text, double whole = 0) {
  std::vector<const FunctionSummary*> functions;
  for (const FunctionSummary& function : summary.functions) {
    if (number(function) > 0) functions.push_back(&function);
  }
  if (functions.empty()) return "";
  std::ranges::stable_sort(functions, std::ranges::greater(),
                           [&](const FunctionSummary* function) { return number(*function); });
  if (functions.size() > kMostBars) functions.resize(kMostBars);
  if (whole <= 0) whole = number(*functions.front());
  std::vector<Bar> bars;
  for (const FunctionSummary* function : functions) {
    bars.push_back({function->name, text(*function), number(*function) / whole});
  }
  return Chart(title, color, bars);
}

std::string Charts(const Summary& summary) {
  return absl::StrCat(
      ChartOf(
          summary, "Size of each function", "bar",
          [](const FunctionSummary& f) { return static_cast<double>(f.bytes); },
          [](const FunctionSummary& f) { return BytesText(f.bytes); }),
      ChartOf(
          summary, "Time saved by hits", "good",
          [](const FunctionSummary& f) { return static_cast<double>(f.counts.saved.count()); },
          [](const FunctionSummary& f) { return DurationText(f.counts.saved); }),
      ChartOf(
          summary, "Hit rate", "good", [](const FunctionSummary& f) { return HitRate(f.counts); },
          [](const FunctionSummary& f) { return ShareText(HitRate(f.counts)); }, 1));
}

std::string FunctionTable(const Summary& summary) {
  std::string html =
      "<section><h2>Functions</h2>\n<div class=\"scroll\"><table>\n<tr><th>function</th>"
      "<th class=\"n\">entries</th><th class=\"n\">size</th><th class=\"n\">hits</th>"
      "<th class=\"n\">misses</th><th class=\"n\">saved</th><th>last use</th></tr>\n";
  for (const FunctionSummary& f : summary.functions) {
    const auto counted = [&](const std::string& text) { return f.has_counts ? text : "-"; };
    absl::StrAppend(&html, "<tr><td class=\"name\">", HtmlText(Cut(f.name, kLongestName)),
                    "</td><td class=\"n\">", CountText(f.entries), "</td><td class=\"n\">",
                    BytesText(f.bytes), "</td><td class=\"n\">", counted(CountText(f.counts.hits)));
    absl::StrAppend(&html, "</td><td class=\"n\">", counted(CountText(f.counts.misses)),
                    "</td><td class=\"n\">", counted(DurationText(f.counts.saved)), "</td><td>",
                    TimeText(f.last_used), "</td></tr>\n");
  }
  return html + "</table></div></section>\n";
}

std::string EntryTable(std::string_view title, const std::vector<NamedEntry>& entries) {
  if (entries.empty()) return "";
  std::string html = absl::StrCat(
      "<section><h2>", std::string(title),
      "</h2>\n<div class=\"scroll\"><table>\n<tr><th class=\"n\">size</th><th class=\"n\">cost</th>"
      "<th>function</th><th>key</th></tr>\n");
  for (const NamedEntry& entry : entries) {
    absl::StrAppend(&html, "<tr><td class=\"n\">", BytesText(entry.bytes), "</td><td class=\"n\">",
                    DurationText(entry.compute_time), "</td><td class=\"key\">",
                    HtmlText(entry.function), "</td><td class=\"key\">",
                    HtmlText(Cut(entry.key, kLongestKey)), "</td></tr>\n");
  }
  return html + "</table></div></section>\n";
}

}  // namespace

std::string HtmlText(std::string_view text) {
  std::string html;
  for (const char c : SafeText(text)) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        html += c;
    }
  }
  return html;
}

std::string HtmlPage(const Summary& summary, std::string_view cache, storage::TimePoint now) {
  return absl::StrCat(kHead, "<header><h1>permacache</h1><p>", HtmlText(cache), " &middot; ",
                      TimeText(now), "</p></header>\n",
                      NumbersOf(summary.Total(), summary.functions.size()), Charts(summary),
                      FunctionTable(summary), EntryTable("The largest entries", summary.largest),
                      EntryTable("The costliest entries", summary.costliest), kEnd);
}

}  // namespace permacache::cli
