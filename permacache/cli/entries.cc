#include "permacache/cli/entries.h"

#include <vector>

#include "permacache/cli/human.h"
#include "permacache/storage/lmdb_environment.h"

namespace permacache::cli {
namespace {

using storage::Verdict;

// Opens the function's file, which is checked then, once for all of its versions; and keeps nothing
// of what is read.
absl::StatusOr<storage::LmdbEnvironment::Share> Hold(const catalog::StoredFunction& function) {
  if (function.in_files) return nullptr;
  return storage::LmdbEnvironment::Acquire({.directory = function.folder, .memory_bytes = 0});
}

}  // namespace

absl::StatusOr<std::unique_ptr<storage::Store>> OpenToLook(const catalog::StoredFunction& function,
                                                           uint32_t version) {
  return catalog::OpenVersion(function, version, {.notes_uses = false, .keeps_memory = false});
}

void ForEachGeneration(Session& session, const catalog::StoredFunction& function,
                       const Selection& selection,
                       absl::FunctionRef<absl::Status(const Generation&)> visit) {
  const absl::StatusOr<storage::LmdbEnvironment::Share> held = Hold(function);
  if (!session.Check(function.name, held.status())) return;
  const absl::StatusOr<std::vector<uint32_t>> versions = catalog::VersionsOf(function);
  if (!session.Check(function.name, versions.status())) return;
  for (const uint32_t version : *versions) {
    if (selection.version && *selection.version != version) continue;
    const absl::StatusOr<std::unique_ptr<storage::Store>> store = OpenToLook(function, version);
    if (!session.Check(function.name, store.status())) continue;
    session.Check(function.name, visit({function, version, **store}));
  }
}

bool ForEachEntryOf(Session& session, const catalog::StoredFunction& function,
                    const Selection& selection, Progress& progress, storage::Depth depth,
                    VisitEntry visit) {
  bool is_over = false;
  progress.GoOnWith(SafeText(function.name));
  ForEachGeneration(session, function, selection, [&](const Generation& generation) {
    if (is_over) return absl::OkStatus();
    const absl::StatusOr<int64_t> size = generation.store.Size();
    if (!size.ok()) return size.status();
    int64_t done = 0;
    return generation.store.ForEach(depth, [&](const storage::EntryInfo& info) {
      progress.Update(++done, *size);
      const bool is_selected =
          !selection.where || (info.status.ok() && selection.where->Matches(info.key));
      const Verdict verdict = is_selected ? visit(generation, info) : Verdict::kKeep;
      is_over = verdict == Verdict::kStop;
      return verdict;
    });
  });
  return !is_over;
}

void ForEachEntry(Session& session, const Selection& selection, std::string_view doing,
                  storage::Depth depth, VisitEntry visit) {
  Progress progress(doing, Unit::kEntries);
  for (const catalog::StoredFunction& function : session.Functions(selection.function)) {
    if (!ForEachEntryOf(session, function, selection, progress, depth, visit)) return;
  }
}

}  // namespace permacache::cli
