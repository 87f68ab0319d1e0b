#include "permacache/storage/file_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
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

absl::StatusOr<Envelope> ReadEnvelope(const EntryFile& entry, Depth depth) {
  if (depth == Depth::kHeads) return ParseEnvelopeHead(entry.bytes, entry.info.st_size);
  absl::StatusOr<Envelope> envelope = ParseEnvelope(entry.bytes);
  if (!envelope.ok()) return envelope;
  const absl::StatusOr<bool> opened =
      OpenEnvelope(entry.bytes, envelope->key, [](const Record&) {});
  return opened.ok() ? envelope : opened.status();
}

// What is known of an entry, whose key is valid as long as `key`.
EntryInfo InfoOf(const absl::StatusOr<EntryFile>& entry, Depth depth, std::string& key) {
  if (!entry.ok()) return {.status = entry.status()};
  EntryInfo info = {.bytes = static_cast<uint64_t>(entry->info.st_size)};
  if (IsJsonEntry(entry->bytes)) {
    info.status = ReadJsonEntry(entry->bytes, [&](std::string_view text, const Record& record) {
      key = text;
      info.created = record.created;
      info.compute_time = record.compute_time;
    });
  } else {
    const absl::StatusOr<Envelope> envelope = ReadEnvelope(*entry, depth);
    info.status = envelope.status();
    if (envelope.ok()) {
      key = envelope->key;
      info.created = envelope->created;
      info.compute_time = envelope->compute_time;
    }
  }
  info.key = key;
  info.last_used = std::max(info.created, LastUse(entry->info));
  return info;
}

}  // namespace

FileStore::FileStore(const FileStoreOptions& options)
    : folder_(options.directory / absl::StrCat("v", options.version)), format_(options.format) {}

absl::StatusOr<bool> FileStore::Get(std::string_view key,
                                    absl::FunctionRef<void(const Record&)> visit) {
  const std::filesystem::path path = folder_ / EntryName(key);
  const absl::StatusOr<EntryFile> entry = ReadEntry(path, Extent::kWhole);
  if (absl::IsNotFound(entry.status())) return false;
  if (!entry.ok()) return entry.status();
  absl::StatusOr<bool> found = OpenSealed(entry->bytes, key, visit);
  if (!found.ok()) return Annotate(found.status(), path);
  if (*found) NoteUse(*entry);
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
  return RemoveIf([&](const std::string& name) {
    const absl::StatusOr<EntryFile> entry = ReadEntry(folder_ / name, extent, O_NOATIME);
    if (absl::IsNotFound(entry.status())) return false;
    std::string key;
    if (visit(InfoOf(entry, depth, key)) == Verdict::kKeep) return false;
    struct stat now;
    return !entry.ok() ||
           (stat((folder_ / name).c_str(), &now) == 0 && now.st_ino == entry->info.st_ino &&
            LastUse(now) == LastUse(entry->info));
  });
}

}  // namespace permacache::storage
