#include "permacache/cli/commands.h"

namespace permacache::cli {

void CountEntries(Session& session, const Selection& selection) {
  int64_t entries = 0;
  if (selection.where) {
    ForEachEntry(session, selection, "count", storage::Depth::kHeads,
                 [&](const Generation&, const storage::EntryInfo&) {
                   ++entries;
                   return storage::Verdict::kKeep;
                 });
  } else {
    for (const catalog::StoredFunction& function : session.Functions(selection.function)) {
      ForEachGeneration(session, function, selection, [&](const Generation& generation) {
        const absl::StatusOr<int64_t> size = generation.store.Size();
        if (size.ok()) entries += *size;
        return size.status();
      });
    }
  }
  session.report().Fact({"entries", ""}, Count{entries});
  session.report().Sentence(std::to_string(entries));
}

}  // namespace permacache::cli
