// prune, compact and verify: what storage does, for the functions of a cache.
#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "permacache/cli/commands.h"
#include "permacache/cli/human.h"
#include "permacache/cli/interrupt.h"
#include "permacache/cli/progress.h"
#include "permacache/storage/prune.h"
#include "permacache/storage/verify.h"

namespace permacache::cli {
namespace {

using catalog::StoredFunction;
using storage::EntryInfo;
using storage::Verdict;

auto TellOf(Progress& progress) {
  return [&](int64_t done, int64_t total) { progress.Update(done, total); };
}

std::vector<StoredFunction> FunctionsOf(Session& session, const std::vector<std::string>& names) {
  if (names.empty()) return session.Functions();
  std::vector<StoredFunction> functions;
  for (const std::string& name : names) {
    std::ranges::move(session.Functions(name), std::back_inserter(functions));
  }
  return functions;
}

// Opens what is to be pruned; removes what is of an earlier version right away.
storage::Stores OpenToPrune(Session& session, const PruneOptions& options, Progress& progress,
                            storage::PruneReport& report) {
  storage::Stores stores;
  for (const StoredFunction& function : FunctionsOf(session, options.functions)) {
    const absl::StatusOr<std::vector<uint32_t>> versions = catalog::VersionsOf(function);
    if (!session.Check(function.name, versions.status())) continue;
    for (const uint32_t version : *versions) {
      if (options.version_below && version < *options.version_below) {
        ForEachEntryOf(session, function, {.version = version}, progress, storage::Depth::kHeads,
                       [&](const Generation&, const EntryInfo& info) {
                         ++report.removed_entries;
                         report.removed_bytes += info.bytes;
                         return options.dry_run ? Verdict::kKeep : Verdict::kRemove;
                       });
        continue;
      }
      absl::StatusOr<std::unique_ptr<storage::Store>> store = OpenToLook(function, version);
      if (session.Check(function.name, store.status())) stores.push_back(*std::move(store));
    }
  }
  return stores;
}

// Of the data file, which is what compacting makes smaller.
uint64_t BytesOnDisk(const StoredFunction& function) {
  std::error_code ignored;
  const uintmax_t size = std::filesystem::file_size(function.folder / "data.mdb", ignored);
  return ignored ? 0 : size;
}

void WriteProblems(Report& report, const std::vector<std::pair<std::string, std::string>>& all) {
  report.BeginList({"problems", ""}, {{"function", "function"}, {"problem", "problem"}},
                   Layout::kTable);
  for (const auto& [function, problem] : all) report.Row({Text{function}, Text{problem}});
  report.EndList();
}

// Returns how many were removed. Those that a newer version has written are not damaged.
int64_t RemoveDamaged(Session& session, const StoredFunction& function, Progress& progress) {
  int64_t removed = 0;
  ForEachEntryOf(session, function, {}, progress, storage::Depth::kValues,
                 [&](const Generation&, const EntryInfo& info) {
                   if (!absl::IsDataLoss(info.status)) return Verdict::kKeep;
                   ++removed;
                   return Verdict::kRemove;
                 });
  return removed;
}

}  // namespace

void Prune(Session& session, const PruneOptions& options) {
  if (!options.max_size && !options.older_than && !options.unused_for && !options.version_below) {
    throw Failure(
        kUsage,
        "prune removes nothing without a limit: --max-size, --older-than, --unused-for or "
        "--version-below");
  }
  Progress progress("prune", Unit::kEntries);
  storage::PruneReport report;
  const storage::Stores stores = OpenToPrune(session, options, progress, report);
  progress.GoOnWith("");
  const storage::PruneLimits limits{.older_than = options.older_than,
                                    .unused_for = options.unused_for,
                                    .max_bytes = options.max_size,
                                    .dry_run = options.dry_run};
  const absl::StatusOr<storage::PruneReport> pruned =
      storage::Prune(stores, limits, std::chrono::system_clock::now(), TellOf(progress));
  if (session.Check(session.cache().string(), pruned.status())) {
    report.removed_entries += pruned->removed_entries;
    report.removed_bytes += pruned->removed_bytes;
    report.kept_entries = pruned->kept_entries;
    report.kept_bytes = pruned->kept_bytes;
  }
  Report& out = session.report();
  out.Fact({"dry_run", ""}, options.dry_run);
  out.Fact({"removed_entries", ""}, Count{report.removed_entries});
  out.Fact({"removed_bytes", ""}, Bytes{report.removed_bytes});
  out.Fact({"kept_entries", ""}, Count{report.kept_entries});
  out.Fact({"kept_bytes", ""}, Bytes{report.kept_bytes});
  out.Sentence(absl::StrCat(
      options.dry_run ? "would remove " : "removed ", Many(report.removed_entries, "entry"), ", ",
      BytesText(report.removed_bytes), "; ", Many(report.kept_entries, "entry"), ", ",
      BytesText(report.kept_bytes), options.dry_run ? " would stay" : " stay"));
  if (!options.dry_run && report.removed_entries > 0) {
    out.Sentence("permacache compact gives the disk what they took");
  }
}

void Compact(Session& session, const std::string& name) {
  Progress progress("compact", Unit::kBytes);
  Report& report = session.report();
  report.BeginList({"functions", ""},
                   {{"function", "function"}, {"bytes_before", "before"}, {"bytes_after", "after"}},
                   Layout::kTable);
  for (const StoredFunction& function : session.Functions(name)) {
    if (function.in_files) continue;  // they take no more than they need
    StopIfInterrupted();
    const uint64_t before = BytesOnDisk(function);
    progress.GoOnWith(SafeText(function.name));
    if (!session.Check(function.name, catalog::Compact(function, TellOf(progress)))) continue;
    report.Row({Text{function.name}, Bytes{before}, Bytes{BytesOnDisk(function)}});
  }
  report.EndList();
}

void Verify(Session& session, const VerifyOptions& options) {
  Progress progress("verify", Unit::kEntries);
  storage::VerifyReport sum;
  int64_t removed = 0;
  std::vector<std::pair<std::string, std::string>> problems;
  for (const StoredFunction& function : session.Functions(options.function)) {
    progress.GoOnWith(SafeText(function.name));
    const absl::StatusOr<storage::VerifyReport> report =
        storage::Verify([&] { return catalog::OpenVersions(function); }, TellOf(progress));
    if (!session.Check(function.name, report.status())) continue;
    sum.entries += report->entries;
    sum.bytes += report->bytes;
    sum.damaged += report->damaged;
    for (const std::string& problem : report->problems)
      problems.emplace_back(function.name, problem);
    if (!report->finished) {
      session.Complain(absl::StrCat(
          SafeText(function.name), ": not all of it can be read, nor repaired. Remove ",
          SafeText(function.folder.string()), ", and its results will be computed again"));
    } else if (options.repair && report->damaged > 0) {
      removed += RemoveDamaged(session, function, progress);
    }
  }
  Report& out = session.report();
  out.Fact({"entries", ""}, Count{sum.entries});
  out.Fact({"bytes", ""}, Bytes{sum.bytes});
  out.Fact({"damaged", ""}, Count{sum.damaged});
  out.Fact({"removed", ""}, Count{removed});
  WriteProblems(out, problems);
  out.Sentence(absl::StrCat(Many(sum.entries, "entry"), ", ", BytesText(sum.bytes), ": ",
                            sum.damaged == 0 ? "sound" : absl::StrCat(sum.damaged, " damaged"),
                            options.repair ? absl::StrCat(", ", removed, " removed") : ""));
  if (sum.damaged > removed) {
    session.Complain(
        options.repair ? "what could not be removed was written by a newer version, or has changed"
                       : "permacache verify --repair removes what is damaged");
  }
}

}  // namespace permacache::cli
