// export and import: what permacache/archive does, told to people.
#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "permacache/archive/archive.h"
#include "permacache/cli/commands.h"
#include "permacache/cli/human.h"
#include "permacache/cli/interrupt.h"
#include "permacache/cli/progress.h"

namespace permacache::cli {
namespace {

// The files that a function wrote go with it.
bool IsSelected(const ExportOptions& options, std::string_view function) {
  return options.functions.empty() ||
         std::ranges::any_of(options.functions, [&](const std::string& name) {
           return function == name ||
                  (function.starts_with(name) && function.substr(name.size()) == "/.out_files");
         });
}

// What an export or import has come to, unless it has failed.
void StopIfFailed(Session& session, std::string_view what, const absl::Status& status) {
  if (absl::IsCancelled(status)) throw Interrupted();
  if (!session.Check(what, status)) throw Failure(session.exit_code(), "");
}

archive::OnConflict OnConflictOf(const std::string& word) {
  if (word == "replace") return archive::OnConflict::kReplace;
  return word == "fail" ? archive::OnConflict::kFail : archive::OnConflict::kKeep;
}

}  // namespace

void Export(Session& session, const ExportOptions& options) {
  for (const std::string& name : options.functions) session.Functions(name);
  session.Functions();
  absl::StatusOr<archive::ExportReport> report;
  {
    Progress progress("export", Unit::kBytes);
    archive::ExportOptions how{.cancelled = &interrupted(), .overwrite = options.overwrite};
    how.progress = [&](int64_t done, int64_t total) { progress.Show(done, total); };
    if (!options.functions.empty() || options.where) {
      how.select = [&](const archive::ExportedEntry& entry) {
        return IsSelected(options, entry.function) &&
               (!options.where || options.where->Matches(entry.info.key));
      };
    }
    report = archive::Export(session.cache(), options.file, how);
  }
  StopIfFailed(session, options.file.string(), report.status());
  Report& out = session.report();
  out.Fact({"file", ""}, Text{options.file.string()});
  out.Fact({"entries", ""}, Count{report->entries});
  out.Fact({"bytes", ""}, Bytes{static_cast<uint64_t>(report->bytes)});
  out.Fact({"damaged", ""}, Count{report->damaged});
  out.Sentence(absl::StrCat("exported ", Many(report->entries, "entry"), ", ",
                            BytesText(report->bytes), ", to ", SafeText(options.file.string())));
  for (const std::string& problem : report->problems) session.Complain(SafeText(problem));
}

void Import(Session& session, const ImportOptions& options) {
  Report& out = session.report();
  out.BeginList({"files", ""},
                {{"file", "file"},
                 {"entries", "entries"},
                 {"bytes", "size"},
                 {"added", "new"},
                 {"equal", "equal"},
                 {"kept", "kept"},
                 {"replaced", "replaced"}},
                Layout::kTable);
  int64_t kept = 0;
  for (const std::filesystem::path& file : options.files) {
    Progress progress("import", Unit::kBytes);
    archive::ImportOptions how{.on_conflict = OnConflictOf(options.on_conflict),
                               .cancelled = &interrupted()};
    how.progress = [&](int64_t done, int64_t total) { progress.Show(done, total); };
    const absl::StatusOr<archive::ImportReport> report =
        archive::Import(file, session.cache(), how);
    StopIfFailed(session, file.string(), report.status());
    out.Row({Text{file.string()}, Count{report->entries},
             Bytes{static_cast<uint64_t>(report->bytes)}, Count{report->added},
             Count{report->equal}, Count{report->kept}, Count{report->replaced}});
    kept += report->kept;
  }
  out.EndList();
  if (kept > 0) {
    out.Sentence(absl::StrCat("the cache has other values for ", Many(kept, "entry"),
                              " and keeps them; --on-conflict=replace takes those of the file"));
  }
}

}  // namespace permacache::cli
