#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "permacache/cli/commands.h"
#include "permacache/cli/human.h"
#include "permacache/cli/summary.h"
#include "permacache/cli/top.h"

namespace permacache::cli {

namespace {

using storage::EntryInfo;
using storage::Verdict;

// The columns by which functions and entries can be sorted.
const std::vector<std::string> kFunctionOrders = {"name", "entries", "size",
                                                  "hits", "saved",   "used"};
const std::vector<std::string> kEntryOrders = {"key", "size", "cost", "created", "used"};

constexpr size_t kUsualLimitWithOrder = 20;

Value TimeOrUnknown(storage::TimePoint time) {
  if (time == storage::TimePoint()) return Unknown();
  return Time{time};
}

// From the greatest on.
int64_t RankOf(const FunctionSummary& function, const std::string& order) {
  if (order == "entries") return function.entries;
  if (order == "size") return static_cast<int64_t>(function.bytes);
  if (order == "hits") return function.counts.hits;
  if (order == "saved") return function.counts.saved.count();
  if (order == "used") return function.last_used.time_since_epoch().count();
  return 0;  // they are in the order of their names
}

void ListFunctions(Session& session, const LsOptions& options) {
  Summary summary = Summarize(session, options.selection, "ls", 0);
  std::ranges::stable_sort(summary.functions, std::ranges::greater(),
                           [&](const auto& each) { return RankOf(each, options.sort); });
  const FunctionSummary total = summary.Total();
  const size_t count = summary.functions.size();
  if (options.limit.value_or(0) > 0 && *options.limit < count) {
    summary.functions.resize(*options.limit);
  }
  Report& report = session.report();
  report.BeginList({"functions", ""},
                   {{"function", "function"},
                    {"storage", ""},
                    {"versions", ""},
                    {"entries", "entries"},
                    {"bytes", "size"},
                    {"damaged", ""},
                    {"hits", "hits"},
                    {"misses", ""},
                    {"saved_seconds", "saved"},
                    {"last_used", "last use"}},
                   Layout::kTable);
  for (const FunctionSummary& function : summary.functions) {
    const auto counted = [&](const Value& value) {
      return function.has_counts ? value : Unknown();
    };
    report.Row({Text{function.name}, Text{function.in_files ? "files" : "disk"},
                Numbers{function.versions}, Count{function.entries}, Bytes{function.bytes},
                Count{function.damaged}, counted(Count{function.counts.hits}),
                counted(Count{function.counts.misses}), counted(Duration{function.counts.saved}),
                TimeOrUnknown(function.last_used)});
  }
  report.EndList();
  report.Sentence(absl::StrCat(Many(static_cast<int64_t>(count), "function"), ", ",
                               Many(total.entries, "entry"), ", ", BytesText(total.bytes)));
}

void WriteEntry(Report& report, uint32_t version, const EntryInfo& info) {
  if (info.status.ok()) {
    report.Row({Count{version}, Bytes{info.bytes}, Duration{info.compute_time}, Time{info.created},
                Time{info.last_used}, Text{std::string(info.key)}, Unknown()});
  } else {
    report.Row({Count{version}, Bytes{info.bytes}, Unknown(), Unknown(), Unknown(), Unknown(),
                Text{info.status.ToString()}});
  }
}

// An entry that outlives the walk.
struct KeptEntry {
  uint32_t version;
  EntryInfo info;
  std::string key;
};

bool ComesBefore(const KeptEntry& a, const KeptEntry& b, const std::string& order) {
  if (order == "size") return a.info.bytes > b.info.bytes;
  if (order == "cost") return a.info.compute_time > b.info.compute_time;
  if (order == "created") return a.info.created > b.info.created;
  if (order == "used") return a.info.last_used > b.info.last_used;
  return a.key < b.key;
}

// Returns how many of them cannot be read.
int64_t ListAsTheyCome(Session& session, const LsOptions& options) {
  const size_t limit = options.limit.value_or(0);
  size_t listed = 0;
  int64_t damaged = 0;
  ForEachEntry(session, options.selection, "ls", storage::Depth::kHeads,
               [&](const Generation& generation, const EntryInfo& info) {
                 if (limit > 0 && listed == limit) return Verdict::kStop;
                 ++listed;
                 damaged += !info.status.ok();
                 WriteEntry(session.report(), generation.version, info);
                 return Verdict::kKeep;
               });
  return damaged;
}

int64_t ListInOrder(Session& session, const LsOptions& options) {
  Top<KeptEntry> top(
      options.limit.value_or(kUsualLimitWithOrder),
      [&](const KeptEntry& a, const KeptEntry& b) { return ComesBefore(a, b, options.sort); });
  int64_t damaged = 0;
  ForEachEntry(session, options.selection, "ls", storage::Depth::kHeads,
               [&](const Generation& generation, const EntryInfo& info) {
                 damaged += !info.status.ok();
                 top.Add({generation.version, info, std::string(info.key)});
                 return Verdict::kKeep;
               });
  for (KeptEntry& entry : top.Take()) {
    entry.info.key = entry.key;
    WriteEntry(session.report(), entry.version, entry.info);
  }
  return damaged;
}

void ListEntries(Session& session, const LsOptions& options) {
  Report& report = session.report();
  report.Fact({"function", ""}, Text{options.selection.function});
  report.BeginList({"entries", ""},
                   {{"version", "version"},
                    {"bytes", "size"},
                    {"compute_seconds", "cost"},
                    {"created", "created"},
                    {"last_used", "last use"},
                    {"key", "key"},
                    {"problem", ""}},
                   Layout::kTable);
  const int64_t damaged =
      options.sort.empty() ? ListAsTheyCome(session, options) : ListInOrder(session, options);
  report.EndList();
  if (damaged > 0) {
    session.Complain(absl::StrCat(Many(damaged, "entry"),
                                  " cannot be read. permacache verify says why, and with "
                                  "--repair removes them"));
  }
}

void CheckOrder(const std::string& order, const std::vector<std::string>& orders) {
  if (order.empty() || std::ranges::find(orders, order) != orders.end()) return;
  throw Failure(kUsage,
                absl::StrCat("--sort: these can be sorted by ", absl::StrJoin(orders, ", ")));
}

}  // namespace

void Ls(Session& session, const LsOptions& options) {
  const bool of_functions = options.selection.function.empty();
  CheckOrder(options.sort, of_functions ? kFunctionOrders : kEntryOrders);
  if (of_functions && options.selection.where) {
    throw Failure(kUsage, "--where selects entries of a function: permacache ls NAME --where ...");
  }
  of_functions ? ListFunctions(session, options) : ListEntries(session, options);
}

}  // namespace permacache::cli
