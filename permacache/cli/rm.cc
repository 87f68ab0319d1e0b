#include <algorithm>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "permacache/catalog/location.h"
#include "permacache/cli/arguments.h"
#include "permacache/cli/commands.h"
#include "permacache/cli/human.h"
#include "permacache/storage/key_digest.h"

namespace permacache::cli {
namespace {

using storage::EntryInfo;
using storage::Verdict;

// What was, or would be, removed.
class Removed {
 public:
  explicit Removed(bool dry_run) : dry_run_(dry_run) {}

  Verdict Add(const EntryInfo& info) {
    ++entries_;
    bytes_ += info.bytes;
    return dry_run_ ? Verdict::kKeep : Verdict::kRemove;
  }

  int64_t entries() const { return entries_; }

  void Write(Session& session, std::string_view function) const {
    Report& report = session.report();
    report.Fact({"function", ""}, Text{std::string(function)});
    report.Fact({"dry_run", ""}, dry_run_);
    report.Fact({"removed_entries", ""}, Count{entries_});
    report.Fact({"removed_bytes", ""}, Bytes{bytes_});
    report.Sentence(absl::StrCat(dry_run_ ? "would remove " : "removed ", Many(entries_, "entry"),
                                 ", ", BytesText(bytes_)));
  }

 private:
  const bool dry_run_;
  int64_t entries_ = 0;
  uint64_t bytes_ = 0;
};

// The function under whose name are kept the files that a function wrote.
std::string OutFilesOf(const std::string& function) {
  return absl::StrCat(function, "/", std::string(catalog::kOutFilesName));
}

bool IsThere(Session& session, std::string_view function) {
  return std::ranges::any_of(session.Functions(),
                             [&](const auto& each) { return each.name == function; });
}

// Results that are gone, by the digests of their keys.
class Calls {
 public:
  void Add(std::string_view key) { digests_.push_back(storage::DigestOfKey(key)); }

  void Sort() { std::ranges::sort(digests_); }

  // Whether this is the key of a file that one of them wrote; see memoize/FORMAT.md.
  bool HaveWritten(std::string_view key) const {
    const std::optional<nlohmann::json> arguments = ArgumentsIn(key);
    if (!arguments || !arguments->is_object()) return false;
    return std::ranges::any_of(arguments->items(), [&](const auto& item) {
      return (item.key() == "copy_for_call" || item.key() == "paths_for_call") &&
             item.value().is_string() &&
             std::ranges::binary_search(
                 digests_, storage::DigestOfKey(item.value().template get<std::string>()));
    });
  }

 private:
  std::vector<storage::KeyDigest> digests_;
};

bool IsMeant(const RmOptions& options, const EntryInfo& info) {
  return options.key.empty() || (info.status.ok() && info.key == options.key);
}

}  // namespace

void Rm(Session& session, const RmOptions& options) {
  const std::string out_files = OutFilesOf(options.selection.function);
  const bool has_out_files = IsThere(session, out_files);
  Removed removed(options.dry_run);
  Calls calls;
  ForEachEntry(session, options.selection, "rm", storage::Depth::kHeads,
               [&](const Generation&, const EntryInfo& info) {
                 if (!IsMeant(options, info)) return Verdict::kKeep;
                 if (has_out_files) calls.Add(info.key);
                 return removed.Add(info);
               });
  const int64_t entries = removed.entries();
  if (has_out_files && entries > 0) {
    calls.Sort();
    ForEachEntry(session, {.function = out_files, .version = options.selection.version}, "rm",
                 storage::Depth::kHeads, [&](const Generation&, const EntryInfo& info) {
                   return calls.HaveWritten(info.key) ? removed.Add(info) : Verdict::kKeep;
                 });
  }
  removed.Write(session, options.selection.function);
  if (entries == 0) {
    session.Complain(
        "there is no such entry. A KEY must be the same text as permacache ls shows; "
        "--where asks for arguments");
  }
}

void Clear(Session& session, const ClearOptions& options) {
  std::vector<std::string> names = {options.selection.function};
  const std::string out_files = OutFilesOf(names.front());
  if (!names.front().empty() && IsThere(session, out_files)) names.push_back(out_files);
  Removed removed(options.dry_run);
  for (const std::string& name : names) {
    Selection selection = options.selection;
    selection.function = name;
    ForEachEntry(session, selection, "clear", storage::Depth::kHeads,
                 [&](const Generation&, const EntryInfo& info) {
                   removed.Add(info);
                   return Verdict::kKeep;
                 });
    if (options.dry_run) continue;
    for (const catalog::StoredFunction& function : session.Functions(name)) {
      ForEachGeneration(session, function, selection,
                        [](const Generation& generation) { return generation.store.Clear(); });
    }
  }
  removed.Write(session, options.selection.function);
}

}  // namespace permacache::cli
