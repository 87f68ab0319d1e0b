#include "permacache/storage/file_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "permacache/storage/coarse_clock.h"
#include "permacache/storage/entry_name.h"
#include "permacache/storage/envelope.h"
#include "permacache/storage/files.h"
#include "permacache/storage/json_entry.h"
#include "permacache/storage/last_use.h"

namespace permacache::storage {
namespace {

// JSON of this size is read by nobody; a file that claims more shall not take the memory.
constexpr size_t kLargestJson = (size_t{1} << 31) - (size_t{1} << 20);

// Someone may delete the folder, or sweep the file, while it is written.
constexpr int kAttempts = 3;

// Enough of a file to tell what it is, and how long the key of an envelope.
constexpr size_t kFileBegin = kEnvelopeHeaderSize;

std::string Seal(std::string_view key, const Record& record, FileFormat format) {
  if (format == FileFormat::kJson) return SealJsonEntry(key, record);
  return SealEnvelope(key, record,
                      format == FileFormat::kZstd ? Compression::kZstd : Compression::kNone);
}

absl::StatusOr<bool> OpenSealed(std::string_view bytes, std::string_view key,
                                absl::FunctionRef<void(const Record&)> visit) {
  return IsJsonEntry(bytes) ? OpenJsonEntry(bytes, key, visit) : OpenEnvelope(bytes, key, visit);
}

// How much of a record's file is read at least.
enum class Extent { kHead, kWhole };

// An entry's file as far as it has been read.
struct EntryFile {
  File file;
  struct stat info;
  std::string bytes;
};

TimePoint ToTime(const timespec& time) {
  return TimePoint(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

// A file system may note uses on its own; some are told not to.
TimePoint LastUse(const struct stat& info) {
  return std::max(ToTime(info.st_atim), ToTime(info.st_mtim));
}

void NoteUse(const EntryFile& entry) {
  if (!IsToBeNoted(LastUse(entry.info), CoarseNow())) return;
  const timespec times[] = {{.tv_sec = 0, .tv_nsec = UTIME_NOW},
                            {.tv_sec = 0, .tv_nsec = UTIME_OMIT}};
  futimens(entry.file.fd(), times);  // whoever may only read leaves no trace
}

// How much of a file, whose begin has been read, is to be read. What lies about its own size is
// refused before it costs memory: a hole in a file may be large and take no disk.
absl::StatusOr<size_t> SizeToRead(std::string_view begin, size_t file_size, Extent extent) {
  if (IsEnvelope(begin)) {
    const absl::StatusOr<uint64_t> head_size = EnvelopeHeadSize(begin, file_size);
    if (!head_size.ok()) return head_size.status();
    return extent == Extent::kWhole ? file_size : *head_size;
  }
  if (!IsJsonEntry(begin)) return absl::DataLossError("it is not a record");
  if (file_size > kLargestJson) return absl::DataLossError("it is too large for a record");
  return file_size;
}

absl::Status Annotate(const absl::Status& status, const std::filesystem::path& path) {
  return absl::Status(status.code(), absl::StrCat(path.string(), ": ", status.message()));
}

// kNotFound if there is none.
absl::StatusOr<EntryFile> ReadEntry(const std::filesystem::path& path, Extent extent,
                                    int flags = 0) {
  struct stat info;
  absl::StatusOr<File> file = OpenToRead(path, flags, &info);
  if (!file.ok()) return file.status();
  const size_t size = info.st_size;
  EntryFile entry{*std::move(file), info, std::string(std::min(size, kFileBegin), '\0')};
  const int fd = entry.file.fd();
  if (absl::Status status = ReadAll(fd, entry.bytes, 0, path); !status.ok()) return status;
  const size_t begin = entry.bytes.size();
  const absl::StatusOr<size_t> wanted = SizeToRead(entry.bytes, size, extent);
  if (!wanted.ok()) return Annotate(wanted.status(), path);
  entry.bytes.resize(*wanted);
  if (absl::Status status = ReadAll(fd, entry.bytes, std::min(begin, *wanted), path);
      !status.ok()) {
    return status;
  }
  return entry;
}

using VisitRecord = absl::FunctionRef<void(std::string_view key, const Record& record)>;

// Visits what has been read of a record; nothing if it is damaged.
absl::Status ReadRecord(const EntryFile& entry, Depth depth, VisitRecord visit) {
  if (IsJsonEntry(entry.bytes)) return ReadJsonEntry(entry.bytes, visit);
  const absl::StatusOr<Envelope> envelope = depth == Depth::kHeads
                                                ? ParseEnvelopeHead(entry.bytes, entry.info.st_size)
                                                : ParseEnvelope(entry.bytes);
  if (!envelope.ok()) return envelope.status();
  if (depth == Depth::kHeads) {
    visit(envelope->key,
          {.value = {}, .created = envelope->created, .compute_time = envelope->compute_time});
    return absl::OkStatus();
  }
  return OpenEnvelope(entry.bytes, envelope->key,
                      [&](const Record& record) { visit(envelope->key, record); })
      .status();
}

FileFormat FormatOf(const EntryFile& entry) {
  if (IsJsonEntry(entry.bytes)) return FileFormat::kJson;
  const absl::StatusOr<Envelope> head = ParseEnvelopeHead(entry.bytes, entry.info.st_size);
  return head.ok() && head->compression == Compression::kZstd ? FileFormat::kZstd
                                                              : FileFormat::kBinary;
}

Verdict VisitEntry(const absl::StatusOr<EntryFile>& entry, const std::filesystem::path& path,
                   Depth depth, absl::FunctionRef<Verdict(const EntryInfo&)> visit) {
  if (!entry.ok()) return visit({.status = entry.status()});
  EntryInfo info = {.last_used = LastUse(entry->info),
                    .bytes = static_cast<uint64_t>(entry->info.st_size),
                    .format = FormatOf(*entry)};
  std::optional<Verdict> verdict;
  info.status = ReadRecord(*entry, depth, [&](std::string_view key, const Record& record) {
    info.key = key;
    info.created = record.created;
    info.last_used = std::max(info.created, info.last_used);
    info.compute_time = record.compute_time;
    if (depth == Depth::kValues) info.value = record.value;
    verdict = visit(info);
  });
  if (verdict) return *verdict;
  info.status = Annotate(info.status, path);
  return visit(info);
}

}  // namespace

FileStore::FileStore(const FileStoreOptions& options)
    : folder_(options.directory / absl::StrCat("v", options.version)),
      format_(options.format),
      notes_uses_(options.notes_uses) {}

absl::StatusOr<bool> FileStore::Get(std::string_view key,
                                    absl::FunctionRef<void(const Record&)> visit) {
  const std::filesystem::path path = folder_ / EntryName(key);
  const absl::StatusOr<EntryFile> entry =
      ReadEntry(path, Extent::kWhole, notes_uses_ ? 0 : O_NOATIME);
  if (absl::IsNotFound(entry.status())) return false;
  if (!entry.ok()) return entry.status();
  absl::StatusOr<bool> found = OpenSealed(entry->bytes, key, visit);
  if (!found.ok()) return Annotate(found.status(), path);
  if (*found && notes_uses_) NoteUse(*entry);
  return found;
}

absl::Status FileStore::Put(std::string_view key, const Record& record) {
  size_t size = key.size() + record.value.size();
  std::string bytes;
  if (format_ != FileFormat::kJson || size <= kLargestJson) {
    bytes = Seal(key, record, format_);
    size = bytes.size();
  }
  if (format_ == FileFormat::kJson && size > kLargestJson) {
    return absl::ResourceExhaustedError(
        absl::StrCat(folder_.string(), ": a record of ", size,
                     " bytes is too large for JSON, which takes up to ", kLargestJson));
  }
  absl::Status written;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const absl::StatusOr<Folder> folder = Folder::MakeAndOpen(folder_);
    written = folder.ok() ? Write(*folder, EntryName(key), bytes) : folder.status();
    if (!absl::IsNotFound(written)) break;
  }
  return written;
}

absl::Status FileStore::Write(const Folder& folder, std::string_view name, std::string_view bytes) {
  absl::StatusOr<TemporaryFile> file = TemporaryFile::Make(folder);
  if (!file.ok()) return file.status();
  struct stat now;
  if (!has_swept_.exchange(true) && fstat(file->fd(), &now) == 0) SweepTemporaries(folder, now);
  absl::Status status = file->Append(bytes);
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = file->RenameTo(name);
  return status.ok() ? folder.Sync() : status;
}

absl::StatusOr<bool> FileStore::Erase(std::string_view key) {
  const std::string name = EntryName(key);
  const absl::StatusOr<EntryFile> entry = ReadEntry(folder_ / name, Extent::kWhole);
  if (absl::IsNotFound(entry.status())) return false;
  if (entry.ok()) {
    // What cannot be read is as good as erased; only another key's record stays.
    const absl::StatusOr<bool> same = OpenSealed(entry->bytes, key, [](const Record&) {});
    if (same.ok() && !*same) return false;
  }
  const absl::StatusOr<Folder> folder = Folder::Open(folder_);
  if (!folder.ok()) return folder.status();
  if (unlinkat(folder->fd(), name.c_str(), 0) != 0) {
    if (errno == ENOENT) return false;
    return ErrorOf(errno, "remove", folder_ / name);
  }
  if (absl::Status status = folder->Sync(); !status.ok()) return status;
  return true;
}

// Removes the entries that are accepted. Someone else may be faster.
absl::Status FileStore::RemoveIf(absl::FunctionRef<bool(const std::string& name)> accept) {
  const absl::StatusOr<Folder> folder = Folder::Open(folder_);
  if (absl::IsNotFound(folder.status())) return absl::OkStatus();
  if (!folder.ok()) return folder.status();
  absl::Status removed;
  const absl::Status read = ForEachName(folder_, [&](const char* name) {
    if (!IsEntryName(name) || !accept(name) || unlinkat(folder->fd(), name, 0) == 0) return;
    // Folders are not entries, whatever their names.
    if (errno != ENOENT && errno != EISDIR) {
      removed.Update(ErrorOf(errno, "remove", folder_ / name));
    }
  });
  if (!read.ok()) return read;
  if (!removed.ok()) return removed;
  return folder->Sync();
}

absl::Status FileStore::Clear() {
  return RemoveIf([](const std::string&) { return true; });
}

absl::StatusOr<int64_t> FileStore::Size() {
  int64_t size = 0;
  const absl::Status status =
      ForEachName(folder_, [&](const char* name) { size += IsEntryName(name); });
  if (absl::IsNotFound(status)) return 0;
  if (!status.ok()) return status;
  return size;
}

absl::Status FileStore::ForEach(Depth depth, absl::FunctionRef<Verdict(const EntryInfo&)> visit) {
  const Extent extent = depth == Depth::kValues ? Extent::kWhole : Extent::kHead;
  bool is_over = false;
  return RemoveIf([&](const std::string& name) {
    if (is_over) return false;
    const absl::StatusOr<EntryFile> entry = ReadEntry(folder_ / name, extent, O_NOATIME);
    if (absl::IsNotFound(entry.status())) return false;
    const Verdict verdict = VisitEntry(entry, folder_ / name, depth, visit);
    is_over = verdict == Verdict::kStop;
    if (verdict != Verdict::kRemove) return false;
    struct stat now;
    return !entry.ok() ||
           (stat((folder_ / name).c_str(), &now) == 0 && now.st_ino == entry->info.st_ino &&
            LastUse(now) == LastUse(entry->info));
  });
}

}  // namespace permacache::storage
