// Housekeeping of a whole cache: what Cache does for each function that it finds on disk.
#include <algorithm>
#include <chrono>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "permacache/catalog/error.h"
#include "permacache/catalog/stored_functions.h"
#include "permacache/memoize/cache.h"
#include "permacache/storage/storage.h"

namespace permacache {
namespace {

using catalog::StoredFunction;

// What goes wrong with one function does not keep the others from their turn.
class Troubles {
 public:
  // Whether it went well.
  bool Add(std::string_view function, const absl::Status& status) {
    if (status.ok()) return true;
    absl::StrAppend(&text_, text_.empty() ? "" : "; ", std::string(function), ": ",
                    status.ToString());
    return false;
  }

  void ThrowIfAny(std::string_view doing) const {
    if (text_.empty()) return;
    throw Error(
        absl::StrCat("permacache: cannot ", std::string(doing), " all of the cache: ", text_));
  }

 private:
  std::string text_;
};

std::vector<StoredFunction> FunctionsIn(const std::filesystem::path& directory) {
  if (directory.empty()) throw Error("permacache: a cache in memory needs no housekeeping");
  absl::StatusOr<std::vector<StoredFunction>> functions = catalog::FindStoredFunctions(directory);
  if (!functions.ok()) throw Error("permacache: " + functions.status().ToString());
  return *std::move(functions);
}

}  // namespace

PruneReport Cache::Prune(const PruneLimits& limits, const Progress& progress) const {
  Troubles troubles;
  storage::Stores stores;
  for (const StoredFunction& function : FunctionsIn(directory())) {
    absl::StatusOr<storage::Stores> versions = catalog::OpenVersions(function);
    if (!troubles.Add(function.name, versions.status())) continue;
    std::ranges::move(*versions, std::back_inserter(stores));
  }
  const absl::StatusOr<PruneReport> report = storage::Prune(
      stores, limits, std::chrono::system_clock::now(), [&](int64_t done, int64_t total) {
        if (progress) progress(done, total);
      });
  troubles.Add(directory().string(), report.status());
  troubles.ThrowIfAny("prune");
  return *report;
}

void Cache::Compact(const Progress& progress) const {
  Troubles troubles;
  int64_t done_before = 0;
  for (const StoredFunction& function : FunctionsIn(directory())) {
    int64_t of_this = 0;
    troubles.Add(function.name, catalog::Compact(function, [&](int64_t done, int64_t total) {
                   of_this = total;
                   if (progress) progress(done_before + done, done_before + total);
                 }));
    done_before += of_this;
  }
  troubles.ThrowIfAny("compact");
}

VerifyReport Cache::Verify(const Progress& progress) const {
  Troubles troubles;
  VerifyReport sum;
  const auto add = [&](const std::string& function, const VerifyReport& report) {
    sum.entries += report.entries;
    sum.bytes += report.bytes;
    sum.damaged += report.damaged;
    sum.finished = sum.finished && report.finished;
    for (const std::string& problem : report.problems) {
      if (sum.problems.size() == VerifyReport::kMostProblems) break;
      sum.problems.push_back(absl::StrCat(function, ": ", problem));
    }
  };
  for (const StoredFunction& function : FunctionsIn(directory())) {
    const absl::StatusOr<VerifyReport> report =
        storage::Verify([&] { return catalog::OpenVersions(function); },
                        [&](int64_t done, int64_t total) {
                          if (progress) progress(sum.entries + done, sum.entries + total);
                        });
    if (troubles.Add(function.name, report.status())) add(function.name, *report);
  }
  troubles.ThrowIfAny("verify");
  return sum;
}

}  // namespace permacache
