// The entries of a cache, as commands walk over them.
#ifndef PERMACACHE_CLI_ENTRIES_H_
#define PERMACACHE_CLI_ENTRIES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/catalog/stored_functions.h"
#include "permacache/cli/progress.h"
#include "permacache/cli/session.h"
#include "permacache/cli/where.h"
#include "permacache/storage/store.h"

namespace permacache::cli {

// Which entries.
struct Selection {
  std::string function = {};  // its name; empty for all
  std::optional<uint32_t> version = {};
  std::optional<Where> where = {};  // matches no entry whose key cannot be read
};

// One version of one function.
struct Generation {
  const catalog::StoredFunction& function;
  uint32_t version;
  storage::Store& store;
};

// A store to look at: leaves no trace of use, and keeps nothing of what is read in memory.
absl::StatusOr<std::unique_ptr<storage::Store>> OpenToLook(const catalog::StoredFunction& function,
                                                           uint32_t version);

// Calls visit(generation) for each version of a function that is selected. What is wrong with one
// is said, and the others have their turn.
void ForEachGeneration(Session& session, const catalog::StoredFunction& function,
                       const Selection& selection,
                       absl::FunctionRef<absl::Status(const Generation&)> visit);

// Calls visit(generation, info) for each entry of a function that is selected, and does what it
// says; see storage::Store::ForEach. Returns whether to go on with other functions: it has not been
// told to stop. Throws Interrupted after a SIGINT.
using VisitEntry = absl::FunctionRef<storage::Verdict(const Generation& generation,
                                                      const storage::EntryInfo& info)>;
bool ForEachEntryOf(Session& session, const catalog::StoredFunction& function,
                    const Selection& selection, Progress& progress, storage::Depth depth,
                    VisitEntry visit);

// The same of all functions that are selected. `doing` is shown if it takes long.
void ForEachEntry(Session& session, const Selection& selection, std::string_view doing,
                  storage::Depth depth, VisitEntry visit);

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_ENTRIES_H_
