#include "permacache/archive/export.h"

#include <algorithm>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "permacache/archive/archive_writer.h"
#include "permacache/catalog/location.h"
#include "permacache/catalog/stored_functions.h"
#include "permacache/storage/files.h"

namespace permacache::archive {
namespace {

namespace fs = std::filesystem;
using catalog::StoredFunction;
using storage::Depth;
using storage::EntryInfo;
using storage::Store;
using storage::Verdict;

absl::Status MayBeWritten(const fs::path& file, const ExportOptions& options) {
  std::error_code error;
  if (options.overwrite || !fs::exists(fs::symlink_status(file, error))) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat(
      file.string(), " exists. Remove it, choose another name, or ask for it to be overwritten"));
}

// A walk over a cache, from which entries go into an exported file.
class Exporter {
 public:
  Exporter(std::vector<StoredFunction> functions, const ExportOptions& options,
           ArchiveWriter& writer)
      : functions_(std::move(functions)), options_(options), writer_(writer) {}

  absl::StatusOr<ExportReport> Run() {
    if (options_.progress) ForEachVersion([&](const Section&, Store& store) { Measure(store); });
    ForEachVersion([&](const Section& section, Store& store) { ExportAll(section, store); });
    if (status_.ok()) status_ = writer_.Finish();
    if (!status_.ok()) return status_;
    return std::move(report_);
  }

 private:
  // What cannot be opened keeps no other from its turn.
  void ForEachVersion(absl::FunctionRef<void(const Section&, Store&)> visit) {
    report_ = {};
    for (const StoredFunction& function : functions_) {
      const absl::StatusOr<std::vector<uint32_t>> versions = catalog::VersionsOf(function);
      if (!versions.ok()) AddProblem(function.name, versions.status());
      if (!versions.ok()) continue;
      for (const uint32_t version : *versions) {
        if (!status_.ok()) return;
        const absl::StatusOr<std::unique_ptr<Store>> store =
            catalog::OpenVersion(function, version, {.notes_uses = false, .keeps_memory = false});
        if (store.ok()) {
          visit({function.name, version, function.in_files}, **store);
        } else {
          AddProblem(function.name, store.status());
        }
      }
    }
  }

  void Measure(Store& store) {
    const absl::Status measured = store.ForEach(Depth::kHeads, [&](const EntryInfo& entry) {
      total_ += static_cast<int64_t>(entry.bytes);
      return MayGoOn() ? Verdict::kKeep : Verdict::kStop;
    });
    (void)measured;  // what is wrong will be seen again
  }

  void ExportAll(const Section& section, Store& store) {
    status_ = writer_.Begin(section);
    if (!status_.ok()) return;
    const absl::Status walked = store.ForEach(Depth::kValues, [&](const EntryInfo& entry) {
      if (MayGoOn()) status_ = ExportOne(section, entry);
      Proceed(entry.bytes);
      return status_.ok() ? Verdict::kKeep : Verdict::kStop;
    });
    if (!walked.ok()) AddProblem(section.function, walked);
  }

  absl::Status ExportOne(const Section& section, const EntryInfo& entry) {
    if (!entry.status.ok()) {
      AddProblem(section.function, entry.status);
      return absl::OkStatus();
    }
    if (options_.select && !options_.select({section.function, section.version, entry})) {
      return absl::OkStatus();
    }
    ++report_.entries;
    report_.bytes += static_cast<int64_t>(entry.key.size() + entry.value.size());
    return writer_.Add(entry);
  }

  bool MayGoOn() {
    if (options_.cancelled != nullptr && *options_.cancelled) {
      status_ = absl::CancelledError("the export was cancelled");
    }
    return status_.ok();
  }

  // Tells of each megabyte.
  void Proceed(uint64_t bytes) {
    constexpr int64_t kStep = int64_t{1} << 20;
    const int64_t before = done_;
    done_ += static_cast<int64_t>(bytes);
    total_ = std::max(total_, done_);
    if (options_.progress && (done_ / kStep != before / kStep || done_ == total_)) {
      options_.progress(done_, total_);
    }
  }

  void AddProblem(const std::string& function, const absl::Status& status) {
    ++report_.damaged;
    if (report_.problems.size() == ExportReport::kMostProblems) return;
    report_.problems.push_back(absl::StrCat(function, ": ", status.ToString()));
  }

  const std::vector<StoredFunction> functions_;
  const ExportOptions& options_;
  ArchiveWriter& writer_;
  ExportReport report_;
  absl::Status status_;  // why it cannot go on
  int64_t done_ = 0;
  int64_t total_ = 0;
};

absl::StatusOr<std::vector<StoredFunction>> FunctionsOf(const fs::path& cache) {
  std::error_code error;
  if (!fs::is_directory(cache, error)) {
    return absl::NotFoundError(absl::StrCat("there is no cache in ", cache.string()));
  }
  absl::StatusOr<std::vector<StoredFunction>> functions = catalog::FindStoredFunctions(cache);
  if (!functions.ok()) return functions;
  // What is known of this machine's files makes no hit elsewhere.
  std::erase_if(*functions, [](const StoredFunction& function) {
    return function.name == catalog::kFileContentsName;
  });
  return functions;
}

}  // namespace

absl::StatusOr<ExportReport> Export(const fs::path& cache, const fs::path& file,
                                    const ExportOptions& options) {
  if (absl::Status status = MayBeWritten(file, options); !status.ok()) return status;
  absl::StatusOr<std::vector<StoredFunction>> functions = FunctionsOf(cache);
  if (!functions.ok()) return functions.status();
  const absl::StatusOr<storage::Folder> folder =
      storage::Folder::Open(file.has_parent_path() ? file.parent_path() : ".");
  if (!folder.ok()) return folder.status();
  absl::StatusOr<storage::TemporaryFile> made = storage::TemporaryFile::Make(*folder);
  if (!made.ok()) return made.status();
  const absl::StatusOr<std::unique_ptr<ArchiveWriter>> writer =
      ArchiveWriter::Make([&](std::string_view bytes) { return made->Append(bytes); });
  if (!writer.ok()) return writer.status();
  absl::StatusOr<ExportReport> report = Exporter(*std::move(functions), options, **writer).Run();
  if (!report.ok()) return report;
  absl::Status status = made->Sync();
  if (status.ok()) status = MayBeWritten(file, options);
  if (status.ok()) status = made->RenameTo(file.filename().string());
  if (status.ok()) status = folder->Sync();
  if (!status.ok()) return status;
  return report;
}

}  // namespace permacache::archive
