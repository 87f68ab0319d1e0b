#include <fstream>

#include "absl/strings/str_cat.h"
#include "permacache/cli/commands.h"
#include "permacache/cli/html.h"
#include "permacache/cli/human.h"
#include "permacache/cli/summary.h"

namespace permacache::cli {
namespace {

void WriteFacts(Report& report, const Summary& summary) {
  const FunctionSummary total = summary.Total();
  const FunctionStats& counts = total.counts;
  const auto counted = [&](const Value& value) { return total.has_counts ? value : Unknown(); };
  report.Fact({"functions", "functions"}, Count{static_cast<int64_t>(summary.functions.size())});
  report.Fact({"entries", "entries"}, Count{total.entries});
  report.Fact({"bytes", "size"}, Bytes{total.bytes});
  report.Fact({"damaged", "damaged entries"}, Count{total.damaged});
  report.Fact({"compute_seconds", "computing all of them took"}, Duration{total.compute_time});
  report.Fact({"hits", "hits"}, counted(Count{counts.hits}));
  report.Fact({"misses", "misses"}, counted(Count{counts.misses}));
  report.Fact({"hit_rate", "hit rate"}, counted(Share{HitRate(counts)}));
  report.Fact({"saved_seconds", "saved"}, counted(Duration{counts.saved}));
  report.Fact({"computed_seconds", "spent on misses"}, counted(Duration{counts.computed}));
  report.Fact({"failures", "failures"}, counted(Count{counts.failures}));
}

void WriteEntries(Report& report, const Name& name, const std::vector<NamedEntry>& entries) {
  report.BeginList(name,
                   {{"bytes", "size"},
                    {"compute_seconds", "cost"},
                    {"function", "function"},
                    {"version", ""},
                    {"key", "key"}},
                   Layout::kTable);
  for (const NamedEntry& entry : entries) {
    report.Row({Bytes{entry.bytes}, Duration{entry.compute_time}, Text{entry.function},
                Count{entry.version}, Text{entry.key}});
  }
  report.EndList();
}

void Save(const std::string& page, const std::filesystem::path& path) {
  std::ofstream file(path, std::ios::binary);
  file << page;
  file.close();
  if (!file) throw Failure(kTrouble, absl::StrCat("cannot write ", SafeText(path.string())));
}

}  // namespace

void Stats(Session& session, const StatsOptions& options) {
  const Summary summary = Summarize(session, options.selection, "stats", options.top);
  if (!options.html.empty()) {
    Save(HtmlPage(summary, session.cache().string(), std::chrono::system_clock::now()),
         options.html);
  }
  WriteFacts(session.report(), summary);
  if (options.top == 0) return;
  WriteEntries(session.report(), {"largest", "The largest entries"}, summary.largest);
  WriteEntries(session.report(), {"costliest", "The costliest entries"}, summary.costliest);
}

}  // namespace permacache::cli
