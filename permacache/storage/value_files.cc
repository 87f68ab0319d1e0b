#include "permacache/storage/value_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "permacache/storage/files.h"
#include "permacache/storage/key_digest.h"

namespace permacache::storage {
namespace {

constexpr size_t kPieceToRead = size_t{4} << 20;

// Brings pages of a mapping into memory, where the kernel can. It tells if they cannot be read,
// which would end the process otherwise.
absl::Status Populate(const char* pages, size_t size, const std::filesystem::path& path) {
#ifdef MADV_POPULATE_READ
  if (madvise(const_cast<char*>(pages), size, MADV_POPULATE_READ) != 0 && errno == EFAULT) {
    return absl::DataLossError(absl::StrCat(path.string(), " cannot be read"));
  }
#endif
  return absl::OkStatus();
}

absl::Status CheckContent(std::string_view content, const ValueReference& reference,
                          const std::filesystem::path& path) {
  Digester hash;
  for (size_t at = 0; at < content.size(); at += kPieceToRead) {
    const std::string_view piece = content.substr(at, kPieceToRead);
    if (absl::Status status = Populate(piece.data(), piece.size(), path); !status.ok()) {
      return status;
    }
    hash.Add(piece);
  }
  if (hash.Digest() == reference.digest) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(path.string(), ": the value's digest is wrong"));
}

std::array<unsigned char, 16> DigestOf(std::string_view content) {
  Digester hash;
  hash.Add(content);
  return hash.Digest();
}

// Whether the file has just the content of this size and digest.
absl::StatusOr<bool> HasContent(int file, const ValueReference& content,
                                const std::filesystem::path& path) {
  struct stat info;
  if (fstat(file, &info) != 0) return ErrorOf(errno, "look at", path);
  if (static_cast<uint64_t>(info.st_size) != content.size) return false;
  Digester hash;
  const auto buffer = std::make_unique_for_overwrite<char[]>(kPieceToRead);
  for (uint64_t at = 0; at < content.size;) {
    const ssize_t got = pread(file, buffer.get(), kPieceToRead, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrorOf(errno, "read", path);
    if (got == 0) return false;
    hash.Add({buffer.get(), static_cast<size_t>(got)});
    at += got;
  }
  return hash.Digest() == content.digest;
}

// Makes `content`, which `reference` is of, that of the file, if possible by a copy of `same`.
absl::Status Fill(TemporaryFile& file, std::string_view content, const ValueReference& reference,
                  int same, const std::filesystem::path& path) {
  // At once: of what is written in small pieces the kernel makes small pages, which take it three
  // times as long to map.
  if (same < 0) return file.Append(content);
  // That it is a copy of what was meant is only known when it is there.
  if (file.CopyFrom(same, content.size())) {
    const absl::StatusOr<bool> copied = HasContent(file.fd(), reference, path);
    if (!copied.ok()) return copied.status();
    if (*copied) return absl::OkStatus();
  }
  absl::Status status = file.MakeEmpty();
  if (status.ok()) status = file.Append(content);
  if (!status.ok()) return status;
  const absl::StatusOr<bool> written = HasContent(file.fd(), reference, path);
  if (!written.ok()) return written.status();
  if (*written) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(path.string(), ": the value changed while it was being written"));
}

void AppendNumber(std::string& bytes, uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(number >> shift & 0xff);
}

uint64_t NumberAt(std::string_view bytes, size_t at) {
  uint64_t number = 0;
  for (size_t i = 8; i-- > 0;) number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  return number;
}

std::string NameOf(const Place& place, uint64_t number) {
  std::string name = absl::StrCat(place.generation, "-");
  for (const unsigned char byte : place.digest) {
    absl::StrAppend(&name, absl::Hex(byte, absl::kZeroPad2));
  }
  return absl::StrCat(name, "-", absl::Hex(number, absl::kZeroPad16));
}

// What NameOf has made a name of; nothing if it has not made it.
std::optional<std::pair<Place, uint64_t>> ParseName(std::string_view name) {
  const auto first = name.find('-'), last = name.rfind('-');
  Place place{};
  uint64_t number = 0;
  if (first == last || last - first != 1 + 2 * place.digest.size()) return std::nullopt;
  const auto parse = [](std::string_view digits, auto& value, int base) {
    return std::from_chars(digits.data(), digits.data() + digits.size(), value, base).ec ==
           std::errc();
  };
  if (!parse(name.substr(0, first), place.generation, 10)) return std::nullopt;
  for (size_t i = 0; i < place.digest.size(); ++i) {
    if (!parse(name.substr(first + 1 + 2 * i, 2), place.digest[i], 16)) return std::nullopt;
  }
  if (!parse(name.substr(last + 1), number, 16) || NameOf(place, number) != name) {
    return std::nullopt;
  }
  return std::pair(place, number);
}

}  // namespace

std::string ValueReference::ToBytes() const {
  std::string bytes;
  AppendNumber(bytes, number);
  AppendNumber(bytes, size);
  bytes.append(digest.begin(), digest.end());
  return bytes;
}

absl::StatusOr<ValueReference> ValueReference::FromBytes(std::string_view bytes) {
  if (bytes.size() != kSize) {
    return absl::DataLossError("a record refers to its value's file in an impossible way");
  }
  ValueReference reference{.number = NumberAt(bytes, 0), .size = NumberAt(bytes, 8), .digest = {}};
  std::memcpy(reference.digest.data(), bytes.data() + 16, reference.digest.size());
  return reference;
}

ValueFiles::Written::~Written() {
  if (!kept_) unlink(path_.c_str());
}

absl::Status ValueFiles::Written::Sync() const {
  const File file(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) return ErrorOf(errno, "open", path_);
  return fsync(file.fd()) == 0 ? absl::OkStatus() : ErrorOf(errno, "sync", path_);
}

std::filesystem::path ValueFiles::PathOf(const Place& place, uint64_t number) const {
  return folder_ / NameOf(place, number);
}

absl::StatusOr<std::shared_ptr<ValueFiles::Written>> ValueFiles::Write(const Place& place,
                                                                       std::string_view content,
                                                                       int same) const {
  const absl::StatusOr<uint64_t> number = UniqueNumber();
  if (!number.ok()) return number.status();
  const absl::StatusOr<Folder> folder = Folder::MakeAndOpen(folder_);
  if (!folder.ok()) return folder.status();
  absl::StatusOr<TemporaryFile> file = TemporaryFile::Make(*folder);
  if (!file.ok()) return file.status();
  const ValueReference reference{*number, content.size(), DigestOf(content)};
  const std::filesystem::path path = PathOf(place, *number);
  absl::Status status = Fill(*file, content, reference, same, path);
  if (status.ok()) status = file->RenameTo(NameOf(place, *number));
  if (!status.ok()) return status;
  return std::make_shared<Written>(path, reference);
}

absl::Status ValueFiles::SyncFolder() const {
  const absl::StatusOr<Folder> folder = Folder::Open(folder_);
  return folder.ok() ? folder->Sync() : folder.status();
}

absl::Status ValueFiles::Read(
    const Place& place, const ValueReference& reference,
    absl::FunctionRef<void(std::string_view content, int file)> visit) const {
  const std::filesystem::path path = PathOf(place, reference.number);
  struct stat info;
  const absl::StatusOr<File> file = OpenToRead(path, 0, &info);
  if (!file.ok()) return file.status();
  const size_t size = info.st_size;
  if (size != reference.size || size == 0) {
    return absl::DataLossError(absl::StrCat(path.string(), ": ", size, " bytes instead of the ",
                                            reference.size, " of the value"));
  }
  void* map = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file->fd(), 0);
  if (map == MAP_FAILED) return ErrorOf(errno, "map", path);
  const absl::Cleanup unmap = [&] { munmap(map, size); };
  const std::string_view content(static_cast<const char*>(map), size);
  if (absl::Status status = CheckContent(content, reference, path); !status.ok()) return status;
  visit(content, file->fd());
  return absl::OkStatus();
}

void ValueFiles::Remove(const Place& place, const ValueReference& reference) const {
  unlink(PathOf(place, reference.number).c_str());  // what stays is swept later
}

void ValueFiles::Sweep(absl::FunctionRef<bool(const Place& place, uint64_t number)> is_used) const {
  const absl::StatusOr<Folder> folder = Folder::Open(folder_);
  if (!folder.ok()) return;
  // Its time is that of the file system's own clock.
  const absl::StatusOr<TemporaryFile> probe = TemporaryFile::Make(*folder);
  struct stat now;
  if (!probe.ok() || fstat(probe->fd(), &now) != 0) return;
  SweepTemporaries(*folder, now);
  const absl::Status ignored = ForEachName(folder_, [&](const char* name) {
    const auto parsed = ParseName(name);
    struct stat info;
    if (!parsed || fstatat(folder->fd(), name, &info, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (!IsLeftBehind(info, now) || is_used(parsed->first, parsed->second)) return;
    unlinkat(folder->fd(), name, 0);
  });
}

}  // namespace permacache::storage
