// The commands. Each reports what it found or did, and says what went wrong through the session.
// All throw Failure or Interrupted where they cannot go on.
#ifndef PERMACACHE_CLI_COMMANDS_H_
#define PERMACACHE_CLI_COMMANDS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "permacache/cli/entries.h"
#include "permacache/cli/session.h"

namespace permacache::cli {

// ls.cc: the functions, or the entries of one. With `sort` the first `limit` in that order, 20 if
// none is given.
struct LsOptions {
  Selection selection;
  std::string sort;
  std::optional<size_t> limit;
};
void Ls(Session& session, const LsOptions& options);

// get.cc: records and their values.
struct GetOptions {
  Selection selection;
  std::string key;               // or by selection.where
  bool full = false;             // the whole of a value that is not JSON
  std::filesystem::path output;  // takes the value of the only record as it is; "-" is stdout
};
void Get(Session& session, const GetOptions& options);

// rm.cc: removes entries, or all of them.
struct RmOptions {
  Selection selection;
  std::string key;
  bool dry_run = false;
};
void Rm(Session& session, const RmOptions& options);

struct ClearOptions {
  Selection selection;
  bool dry_run = false;
};
void Clear(Session& session, const ClearOptions& options);

// count.cc
void CountEntries(Session& session, const Selection& selection);

// stats.cc: what the cache holds and saves; as a page, too, if `html` is not empty.
struct StatsOptions {
  Selection selection;
  size_t top = 10;
  std::filesystem::path html;
};
void Stats(Session& session, const StatsOptions& options);

// housekeeping.cc
struct PruneOptions {
  std::vector<std::string> functions;  // none for all
  std::optional<uint64_t> max_size;
  std::optional<std::chrono::nanoseconds> older_than;
  std::optional<std::chrono::nanoseconds> unused_for;
  std::optional<uint32_t> version_below;
  bool dry_run = false;
};
void Prune(Session& session, const PruneOptions& options);

void Compact(Session& session, const std::string& function);

struct VerifyOptions {
  std::string function;
  bool repair = false;
};
void Verify(Session& session, const VerifyOptions& options);

// transfer.cc: to a file, and from files.
struct ExportOptions {
  std::filesystem::path file;
  std::vector<std::string> functions;  // none for all
  std::optional<Where> where;
  bool overwrite = false;
};
void Export(Session& session, const ExportOptions& options);

struct ImportOptions {
  std::vector<std::filesystem::path> files;
  std::string on_conflict = "keep";  // keep, replace or fail
};
void Import(Session& session, const ImportOptions& options);

// doctor.cc
void Doctor(Session& session);

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_COMMANDS_H_
