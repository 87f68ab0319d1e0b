#include "permacache/memoize/out_file_cache.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "permacache/codec/codec.h"
#include "permacache/hash/file_digest.h"
#include "permacache/key/key.h"
#include "permacache/storage/files.h"

namespace permacache::memoize {
namespace {

namespace fs = std::filesystem;
using storage::File;
using storage::TemporaryFile;

constexpr mode_t kPermissions = 07777;

// The key of what is kept for one path of one call.
struct CopyOf {
  std::string_view copy_for_call;
  std::string_view parameter;
};
struct PathsOf {
  std::string_view paths_for_call;
  std::string_view parameter;
};

int64_t ModifiedAt(const struct stat& info) {
  return static_cast<int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
}

// kNotFound if what was made is not that file.
absl::Status Check(const TemporaryFile& made, const OutFile& file) {
  const absl::StatusOr<hash::ContentDigest> digest = hash::DigestOfFile(made.fd(), file.size);
  if (digest.ok() && *digest == file.digest) return absl::OkStatus();
  return absl::NotFoundError("what was kept of the file is another one");
}

// Gives what was made its place.
absl::Status Place(TemporaryFile& made, const OutFile& file, const fs::path& target) {
  if (fchmod(made.fd(), file.mode) != 0) return storage::ErrorOf(errno, "set the mode of", target);
  return made.RenameTo(target.filename().string());
}

// Writes all of `value`, or clones `fd`, if that is a file, which has the same content.
absl::Status Fill(TemporaryFile& made, std::string_view value, int fd) {
  if (fd >= 0 && made.CopyFrom(fd, value.size())) return absl::OkStatus();
  if (absl::Status status = made.MakeEmpty(); !status.ok()) return status;
  return made.Append(value);
}

// Takes what a file holds, which may change meanwhile.
absl::Status CopyFile(TemporaryFile& made, int fd, size_t size, const fs::path& path) {
  if (made.CopyFrom(fd, size)) return absl::OkStatus();
  std::string content(size, '\0');
  if (absl::Status status = storage::ReadAll(fd, content, 0, path); !status.ok()) return status;
  return Fill(made, content, -1);
}

// A copy that has its folder open.
struct Copy {
  std::unique_ptr<storage::Folder> folder;
  TemporaryFile file;
};

// Of a file that must be `file`: kNotFound if it is not, or not any more.
absl::StatusOr<Copy> CopyOfFile(const fs::path& source, const fs::path& folder,
                                const OutFile& file) {
  struct stat info;
  const absl::StatusOr<File> opened = storage::OpenToRead(source, 0, &info);
  if (!opened.ok()) return opened.status();
  absl::StatusOr<storage::Folder> place = storage::Folder::Open(folder);
  if (!place.ok()) return place.status();
  auto open_folder = std::make_unique<storage::Folder>(*std::move(place));
  absl::StatusOr<TemporaryFile> made = TemporaryFile::Make(*open_folder);
  if (!made.ok()) return made.status();
  absl::Status status = CopyFile(*made, opened->fd(), file.size, source);
  if (status.ok()) status = Check(*made, file);
  if (!status.ok()) return status;
  return Copy{std::move(open_folder), *std::move(made)};
}

// The key that an entry about one path of one call has in the store of copies.
template <class What>
std::string KeyOf(std::string_view call, std::string_view parameter) {
  return KeyText(What{call, parameter});
}

bool IsStill(const EarlierPath& there) {
  struct stat info;
  return stat(there.path.c_str(), &info) == 0 && ModifiedAt(info) == there.modified &&
         static_cast<uint64_t>(info.st_size) == there.size;
}

// A file as memory. Nobody else may have it: where it ends sooner, a look at it ends the process.
class MappedFile {
 public:
  MappedFile(int fd, size_t size) : size_(size) {
    if (size == 0) return;
    void* map = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map != MAP_FAILED) data_ = static_cast<const char*>(map);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() {
    if (data_ != nullptr) munmap(const_cast<char*>(data_), size_);
  }

  bool ok() const { return size_ == 0 || data_ != nullptr; }
  std::string_view content() const { return {data_, size_}; }

 private:
  const size_t size_;
  const char* data_ = nullptr;
};

}  // namespace

fs::path TargetOf(fs::path path) {
  constexpr int kMostLinks = 40;
  std::error_code error;
  for (int i = 0; i < kMostLinks && fs::is_symlink(path, error); ++i) {
    const fs::path link = fs::read_symlink(path, error);
    if (error) break;
    path = path.parent_path() / link;
  }
  return path;
}

std::string NameOfTurn(const fs::path& path) {
  const fs::path target = TargetOf(path);
  std::error_code error;
  const fs::path folder = fs::weakly_canonical(target.parent_path(), error);
  return ((error ? target.parent_path() : folder) / target.filename()).string();
}

absl::StatusOr<OutFile> OutFileCache::Look(const OutPath& out) {
  struct stat info;
  if (stat(out.path.c_str(), &info) != 0 || IdentityOf(info) == out.before) {
    return absl::FailedPreconditionError(
        absl::StrCat("the function has not written ", out.path.string(), ", its \"",
                     std::string(out.parameter), "\"; the result is not stored"));
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(out.path.string(),
                     " is to be an out file, but is not a regular file; the "
                     "result is not stored"));
  }
  const absl::StatusOr<FileContent> content = contents_->Of(out.path);
  if (!content.ok()) return content.status();
  return OutFile{.parameter = std::string(out.parameter),
                 .digest = content->digest,
                 .size = content->identity.size,
                 .mode = info.st_mode & kPermissions};
}

absl::Status OutFileCache::Keep(std::string_view key, const OutPath& out, const OutFile& file,
                                std::chrono::nanoseconds compute_time) {
  if (how_ == OutFiles::kEarlierPaths) {
    AddEarlierPath(key, out);
    return absl::OkStatus();
  }
  // A copy of its own, which cannot change while the store takes it.
  const fs::path source = TargetOf(out.path);
  absl::StatusOr<Copy> copy = CopyOfFile(source, source.parent_path(), file);
  if (!copy.ok()) return copy.status();
  const MappedFile mapped(copy->file.fd(), file.size);
  if (!mapped.ok()) return storage::ErrorOf(errno, "map", out.path);
  const bool is_kept = copies_->Put(
      KeyOf<CopyOf>(key, out.parameter),
      {.value = mapped.content(), .compute_time = compute_time, .file = copy->file.fd()});
  if (is_kept) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("the copy of ", out.path.string(), " cannot be kept; the result is not stored"));
}

std::vector<EarlierPath> OutFileCache::EarlierPaths(std::string_view key,
                                                    std::string_view parameter) {
  std::vector<EarlierPath> paths;
  copies_->Get(KeyOf<PathsOf>(key, parameter), [&](const storage::Record& record) {
    auto stored = codec::Decode<std::vector<EarlierPath>>(record.value);
    if (stored) paths = *std::move(stored);
    return stored.has_value();
  });
  return paths;
}

// Forgets those where the file is no more what it was.
void OutFileCache::AddEarlierPath(std::string_view key, const OutPath& out) {
  std::vector<EarlierPath> paths = EarlierPaths(key, out.parameter);
  const std::string path = TargetOf(out.path).lexically_normal().string();
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return;
  const EarlierPath added = {path, static_cast<uint64_t>(info.st_size), ModifiedAt(info)};
  if (std::ranges::find(paths, added) != paths.end()) return;
  std::erase_if(paths,
                [&](const EarlierPath& there) { return there.path == path || !IsStill(there); });
  paths.push_back(added);
  copies_->Guard("the path of a file cannot be stored", [&] {
    copies_->Put(KeyOf<PathsOf>(key, out.parameter), {.value = codec::Encode(paths)});
  });
}

bool OutFileCache::HasSource(std::string_view key, const OutPath& out, const OutFile& file) {
  if (how_ == OutFiles::kEarlierPaths) {
    return std::ranges::any_of(EarlierPaths(key, out.parameter), [&](const EarlierPath& there) {
      return NameOfTurn(there.path) != NameOfTurn(out.path) && IsStill(there) &&
             IsRight(there.path, file);
    });
  }
  return copies_->Get(KeyOf<CopyOf>(key, out.parameter), [&](const storage::Record& record) {
    return record.value.size() == file.size;
  });
}

bool OutFileCache::CanRestore(std::string_view key, const OutPath& out, const OutFile& file) {
  return IsRight(out.path, file) || HasSource(key, out, file);
}

void OutFileCache::Forget(std::string_view key, std::string_view parameter) {
  copies_->Erase(KeyOf<CopyOf>(key, parameter));
  copies_->Erase(KeyOf<PathsOf>(key, parameter));
}

bool OutFileCache::IsRight(const fs::path& path, const OutFile& file) {
  std::error_code error;
  if (fs::file_size(path, error) != file.size || error) return false;
  const absl::StatusOr<FileContent> content = contents_->Of(path);
  return content.ok() && content->digest == file.digest;
}

absl::Status OutFileCache::Restore(std::string_view key, const OutPath& out, const OutFile& file) {
  if (IsRight(out.path, file)) {
    if (how_ == OutFiles::kEarlierPaths) AddEarlierPath(key, out);
    return absl::OkStatus();
  }
  return how_ == OutFiles::kCopies ? RestoreFromCopy(key, out, file)
                                   : RestoreFromEarlierPath(key, out, file);
}

absl::Status OutFileCache::RestoreFromCopy(std::string_view key, const OutPath& out,
                                           const OutFile& file) {
  const fs::path target = TargetOf(out.path);
  const absl::StatusOr<storage::Folder> folder = storage::Folder::Open(target.parent_path());
  if (!folder.ok()) return folder.status();
  absl::StatusOr<TemporaryFile> made = TemporaryFile::Make(*folder);
  if (!made.ok()) return made.status();
  absl::Status filled;
  std::optional<std::string> content;  // of a small one, to be written when the look-up is over
  const bool found = copies_->Get(KeyOf<CopyOf>(key, out.parameter), [&](const auto& record) {
    if (record.file >= 0) {
      filled = Fill(*made, record.value, record.file);
    } else {
      content = std::string(record.value);
    }
    return true;
  });
  if (!found) return absl::NotFoundError("the copy of the file is not kept any more");
  if (content) filled = Fill(*made, *content, -1);
  if (filled.ok()) filled = Check(*made, file);
  return filled.ok() ? Place(*made, file, target) : filled;
}

absl::Status OutFileCache::RestoreFromEarlierPath(std::string_view key, const OutPath& out,
                                                  const OutFile& file) {
  const fs::path target = TargetOf(out.path);
  std::vector<EarlierPath> earlier = EarlierPaths(key, out.parameter);
  for (const EarlierPath& there : earlier) {
    if (!IsStill(there) || !IsRight(there.path, file)) continue;
    absl::StatusOr<Copy> copy = CopyOfFile(TargetOf(there.path), target.parent_path(), file);
    if (absl::IsNotFound(copy.status())) continue;  // it changed meanwhile
    if (!copy.ok()) return copy.status();
    absl::Status status = Place(copy->file, file, target);
    if (status.ok()) AddEarlierPath(key, out);
    return status;
  }
  return absl::NotFoundError("no earlier path has the file any more");
}

}  // namespace permacache::memoize
