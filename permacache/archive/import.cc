#include "permacache/archive/import.h"

#include <algorithm>
#include <array>
#include <future>
#include <iterator>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "permacache/archive/archive_reader.h"
#include "permacache/archive/frames.h"
#include "permacache/archive/layout.h"
#include "permacache/memoize/error.h"
#include "permacache/memoize/location.h"
#include "permacache/memoize/stored_functions.h"
#include "permacache/storage/files.h"

namespace permacache::archive {
namespace {

namespace fs = std::filesystem;
using memoize::StoredFunction;
using storage::FileFormat;
using storage::KeyedRecord;
using storage::Store;

// What is compared and stored together: one transaction, and one sync.
constexpr uint64_t kBatchBytes = uint64_t{8} << 20;
constexpr size_t kBatchEntries = 16'384;

// For each the kernel may map 64 KiB of the file until the store lets go of them.
constexpr size_t kLookUpsAtOnce = 1'000;

// Where the results of the function lie in the cache, which only names that Memoize takes can say;
// and the files that a function wrote lie in its folder.
absl::StatusOr<StoredFunction> FunctionIn(const fs::path& cache, const Section& section) {
  std::string_view name = section.function;
  const std::string out_files = absl::StrCat("/", std::string(memoize::kOutFilesName));
  if (name.ends_with(out_files)) name.remove_suffix(out_files.size());
  try {
    memoize::CheckFunctionName(name);
  } catch (const Error& error) {
    return absl::InvalidArgumentError(error.what());
  }
  try {
    memoize::FunctionDirectory(cache, name);
  } catch (const Error& error) {
    return absl::FailedPreconditionError(error.what());
  }
  return StoredFunction{
      .name = section.function, .folder = cache / section.function, .in_files = section.in_files};
}

bool IsThere(const StoredFunction& function, uint32_t version) {
  std::error_code error;
  return fs::exists(function.folder / (function.in_files ? absl::StrCat("v", version) : "data.mdb"),
                    error);
}

enum class Pass {
  kLook,  // for conflicts; nothing is stored
  kStore,
};

// Takes the records of a file, in its order, into a cache.
class Merger {
 public:
  Merger(const fs::path& cache, OnConflict on_conflict, Pass pass)
      : cache_(cache), on_conflict_(on_conflict), pass_(pass) {}

  absl::Status Add(Chunk chunk) {
    absl::Status status = Enter(chunk.header.section);
    if (!status.ok()) return status;
    Part& part = parts_[static_cast<size_t>(chunk.header.format)];
    part.bytes += chunk.size;
    part.entries += chunk.records.size();
    part.chunks.push_back(std::move(chunk));
    return part.bytes >= kBatchBytes || part.entries >= kBatchEntries ? Flush(part) : status;
  }

  absl::Status Finish() {
    absl::Status status;
    for (Part& part : parts_) {
      if (status.ok()) status = Flush(part);
    }
    status.Update(Wait());
    return status;
  }

  // Those that are in the way, with kFail.
  absl::Status Conflicts() const {
    if (on_conflict_ != OnConflict::kFail || report_.kept == 0) return absl::OkStatus();
    return absl::AlreadyExistsError(absl::StrCat(
        "the cache has other values for ", report_.kept, " of the entries, such as that of ",
        report_.conflicts.front(), ". Say whether to keep or to replace them"));
  }

  const ImportReport& report() const { return report_; }

 private:
  // Of the entries that are stored in one way, those that are to be merged next.
  struct Part {
    std::unique_ptr<Store> store;
    std::vector<Chunk> chunks;
    uint64_t bytes = 0;
    size_t entries = 0;
  };

  absl::Status Enter(const Section& section) {
    if (section == section_) return absl::OkStatus();
    if (absl::Status status = Finish(); !status.ok()) return status;
    absl::StatusOr<StoredFunction> function = FunctionIn(cache_, section);
    if (!function.ok()) return function.status();
    function_ = *std::move(function);
    section_ = section;
    for (Part& part : parts_) part.store = nullptr;
    return absl::OkStatus();
  }

  // None if there is nothing to be found in it and nothing to be stored.
  absl::Status Open(Part& part) {
    if (part.store != nullptr) return absl::OkStatus();
    if (pass_ == Pass::kLook && !IsThere(function_, section_->version)) return absl::OkStatus();
    absl::StatusOr<std::unique_ptr<Store>> store =
        memoize::OpenVersion(function_, section_->version,
                             {.format = static_cast<FileFormat>(&part - parts_.data()),
                              .notes_uses = false,
                              .keeps_memory = false});
    if (!store.ok()) return store.status();
    part.store = *std::move(store);
    return absl::OkStatus();
  }

  // Merges them in another thread, while the next ones are read.
  absl::Status Flush(Part& part) {
    if (part.chunks.empty()) return absl::OkStatus();
    absl::Status status = Wait();
    if (status.ok()) status = Open(part);
    if (!status.ok()) return status;
    merging_ = std::async(std::launch::async | std::launch::deferred,
                          [this, store = part.store.get(), chunks = std::move(part.chunks)] {
                            return Merge(store, chunks);
                          });
    part.chunks.clear();
    part.bytes = 0;
    part.entries = 0;
    return status;
  }

  absl::Status Wait() { return merging_.valid() ? merging_.get() : absl::OkStatus(); }

  enum class Found : uint8_t { kNothing, kEqual, kOther };

  absl::Status Merge(Store* store, const std::vector<Chunk>& chunks) {
    std::vector<KeyedRecord> records;
    for (const Chunk& chunk : chunks) std::ranges::copy(chunk.records, std::back_inserter(records));
    std::vector<Found> found(records.size(), Found::kNothing);
    if (store != nullptr) {
      if (absl::Status status = Compare(*store, records, found); !status.ok()) return status;
    }
    std::vector<KeyedRecord> to_store;
    for (size_t i = 0; i < records.size(); ++i) {
      if (IsToBeStored(records[i], found[i])) to_store.push_back(std::move(records[i]));
    }
    if (pass_ == Pass::kLook) return absl::OkStatus();
    if (absl::Status status = Conflicts(); !status.ok()) return status;
    return to_store.empty() ? absl::OkStatus() : store->PutMany(to_store, /*synced=*/true);
  }

  // What cannot be read is as good as not there.
  static absl::Status Compare(Store& store, const std::vector<KeyedRecord>& records,
                              std::vector<Found>& found) {
    for (size_t begin = 0; begin < records.size(); begin += kLookUpsAtOnce) {
      std::vector<std::string> keys;
      for (size_t i = begin; i < std::min(begin + kLookUpsAtOnce, records.size()); ++i) {
        keys.emplace_back(records[i].key);
      }
      const absl::Status status = store.GetMany(keys, [&](size_t i, const storage::Record& there) {
        const bool is_equal = there.value == records[begin + i].record.value;
        found[begin + i] = is_equal ? Found::kEqual : Found::kOther;
      });
      if (!status.ok() && !absl::IsDataLoss(status)) return status;
    }
    return absl::OkStatus();
  }

  bool IsToBeStored(const KeyedRecord& record, Found found) {
    ++report_.entries;
    report_.bytes += static_cast<int64_t>(record.key.size() + record.record.value.size());
    if (found == Found::kNothing) ++report_.added;
    if (found == Found::kEqual) ++report_.equal;
    if (found != Found::kOther) return found == Found::kNothing;
    if (report_.conflicts.size() < ImportReport::kMostConflicts) {
      report_.conflicts.push_back(absl::StrCat(section_->function, ", version ", section_->version,
                                               ": ", std::string(record.key)));
    }
    const bool is_replaced = on_conflict_ == OnConflict::kReplace;
    ++(is_replaced ? report_.replaced : report_.kept);
    return is_replaced;
  }

  const fs::path cache_;
  const OnConflict on_conflict_;
  const Pass pass_;
  ImportReport report_;
  std::optional<Section> section_;  // whose records are being merged
  StoredFunction function_;
  std::array<Part, 3> parts_;  // by their format

  // Uses the report and a store until it has been waited for.
  std::future<absl::Status> merging_;
};

// The passes over a file that an import takes.
class Importer {
 public:
  Importer(const FrameFile& file, const Directory& directory, const fs::path& cache,
           const ImportOptions& options)
      : file_(file), directory_(directory), cache_(cache), options_(options) {}

  absl::StatusOr<ImportReport> Run() {
    if (absl::Status status = CheckDigest(); !status.ok()) return status;
    // The cache may lie in a folder that is to be made, and a large record goes through it.
    const absl::StatusOr<storage::Folder> folder = storage::Folder::MakeAndOpen(cache_);
    if (!folder.ok()) return folder.status();
    if (options_.on_conflict == OnConflict::kFail) {
      Merger looker(cache_, options_.on_conflict, Pass::kLook);
      absl::Status status = MergeAll(looker);
      if (status.ok()) status = looker.Conflicts();
      if (!status.ok()) return status;
    }
    Merger merger(cache_, options_.on_conflict, Pass::kStore);
    if (absl::Status status = MergeAll(merger); !status.ok()) return status;
    return merger.report();
  }

 private:
  absl::Status CheckDigest() {
    constexpr uint64_t kPiece = uint64_t{1} << 20;
    Digester digester;
    std::string piece;
    for (uint64_t at = 0; at < directory_.frames_size; at += piece.size()) {
      absl::Status status = file_.Read(at, std::min(kPiece, directory_.frames_size - at), piece);
      if (status.ok()) status = Proceed(at + piece.size());
      if (!status.ok()) return status;
      digester.Add(piece);
    }
    ++passes_done_;
    if (digester.Digest() == directory_.digest) return absl::OkStatus();
    return file_.DataLoss("its digest is wrong. Nothing was imported");
  }

  absl::Status MergeAll(Merger& merger) {
    const absl::StatusOr<std::unique_ptr<ArchiveReader>> reader =
        ArchiveReader::Make(file_, directory_, cache_);
    if (!reader.ok()) return reader.status();
    for (;;) {
      absl::StatusOr<std::optional<Chunk>> chunk = (*reader)->Next();
      if (!chunk.ok()) return chunk.status();
      if (!*chunk) break;
      absl::Status status = merger.Add(**std::move(chunk));
      if (status.ok()) status = Proceed((*reader)->offset());
      if (!status.ok()) return status;
    }
    absl::Status status = merger.Finish();
    if (status.ok()) status = Proceed(directory_.frames_size);
    ++passes_done_;
    return status;
  }

  // Tells of each megabyte.
  absl::Status Proceed(uint64_t offset) {
    constexpr int64_t kStep = int64_t{1} << 20;
    const auto size = static_cast<int64_t>(directory_.frames_size);
    const int64_t passes = options_.on_conflict == OnConflict::kFail ? 3 : 2;
    const int64_t done = passes_done_ * size + static_cast<int64_t>(offset);
    if (options_.progress && (done / kStep != told_ / kStep || done == passes * size)) {
      options_.progress(done, passes * size);
      told_ = done;
    }
    if (options_.cancelled == nullptr || !*options_.cancelled) return absl::OkStatus();
    return absl::CancelledError("the import was cancelled; what has been imported stays");
  }

  const FrameFile& file_;
  const Directory& directory_;
  const fs::path& cache_;
  const ImportOptions& options_;
  int64_t passes_done_ = 0;
  int64_t told_ = 0;
};

}  // namespace

absl::StatusOr<ImportReport> Import(const fs::path& file, const fs::path& cache,
                                    const ImportOptions& options) {
  const absl::StatusOr<FrameFile> opened = FrameFile::Open(file);
  if (!opened.ok()) return opened.status();
  const absl::StatusOr<Directory> directory = ReadDirectory(*opened);
  if (!directory.ok()) return directory.status();
  std::error_code error;
  const fs::path absolute = fs::absolute(cache, error);
  return Importer(*opened, *directory, error ? cache : absolute, options).Run();
}

}  // namespace permacache::archive
