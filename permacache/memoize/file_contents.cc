#include "permacache/memoize/file_contents.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "permacache/codec/codec.h"
#include "permacache/hash/file_digest.h"
#include "permacache/key/key.h"

namespace permacache::memoize {
namespace {

constexpr int kAttempts = 3;

// The key and the value under which a digest is remembered: one entry per file, so that a changed
// file replaces its own.
struct RememberedFile {
  uint64_t device;
  uint64_t inode;
};

struct RememberedDigest {
  FileIdentity identity;
  hash::ContentDigest digest;
};

int64_t Nanoseconds(const timespec& time) {
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

bool IsSettled(const FileIdentity& identity, int64_t now) {
  const int64_t latest = std::max(identity.modified, identity.changed);
  return latest < now - FileContents::kSettlingTime;
}

absl::Status CannotRead(const std::filesystem::path& path, const absl::Status& why) {
  return {why.code(),
          absl::StrCat("the content of ", path.string(),
                       " is part of the key, but cannot be read: ", std::string(why.message()))};
}

absl::StatusOr<FileIdentity> Checked(int failed, const struct stat& status) {
  if (failed != 0) return absl::ErrnoToStatus(errno, "stat");
  if (!S_ISREG(status.st_mode)) return absl::InvalidArgumentError("it is not a regular file");
  return IdentityOf(status);
}

absl::StatusOr<FileIdentity> IdentityOf(const std::filesystem::path& path) {
  struct stat status;
  const int failed = stat(path.c_str(), &status);
  return Checked(failed, status);
}

absl::StatusOr<FileIdentity> IdentityOf(int fd) {
  struct stat status;
  const int failed = fstat(fd, &status);
  return Checked(failed, status);
}

}  // namespace

FileIdentity IdentityOf(const struct stat& status) {
#ifdef __APPLE__
  const timespec& modified = status.st_mtimespec;
  const timespec& changed = status.st_ctimespec;
#else
  const timespec& modified = status.st_mtim;
  const timespec& changed = status.st_ctim;
#endif
  return {.device = static_cast<uint64_t>(status.st_dev),
          .inode = static_cast<uint64_t>(status.st_ino),
          .size = static_cast<uint64_t>(status.st_size),
          .modified = Nanoseconds(modified),
          .changed = Nanoseconds(changed)};
}

int64_t FileContents::RealTime() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return Nanoseconds(now);
}

absl::StatusOr<FileContent> FileContents::Of(const std::filesystem::path& given) {
  // The function may change the directory from which a relative path leads.
  const std::filesystem::path path = given.is_absolute() ? given : std::filesystem::absolute(given);
  absl::Status trouble;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const absl::StatusOr<FileIdentity> identity = IdentityOf(path);
    if (!identity.ok()) return CannotRead(path, identity.status());
    FileContent known{.path = path, .identity = *identity, .digest = {}, .settled = true};
    if (Recall(known)) return known;

    const auto begin = std::chrono::steady_clock::now();
    absl::StatusOr<FileContent> content = ReadOnce(path);
    if (content.ok()) {
      if (content->settled) Remember(*content, std::chrono::steady_clock::now() - begin);
      return content;
    }
    trouble = content.status();
    if (!absl::IsAborted(trouble)) break;
  }
  return CannotRead(path, trouble);
}

// The identity and digest of a file that does not change meanwhile, else kAborted.
absl::StatusOr<FileContent> FileContents::ReadOnce(const std::filesystem::path& path) {
  const int64_t begin = clock_();
  // Not to wait for a pipe's writer, should the path have become one.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return absl::ErrnoToStatus(errno, "open");
  const absl::Cleanup closer = [fd] { close(fd); };
  const absl::StatusOr<FileIdentity> before = IdentityOf(fd);
  if (!before.ok()) return before.status();
  reads_.fetch_add(1, std::memory_order_relaxed);
  const absl::StatusOr<hash::ContentDigest> digest = hash::DigestOfFile(fd, before->size);
  if (!digest.ok()) return digest.status();
  const absl::StatusOr<FileIdentity> after = IdentityOf(fd);
  if (!after.ok()) return after.status();
  if (*after != *before) return absl::AbortedError("it changes while it is read");
  return FileContent{
      .path = path, .identity = *before, .digest = *digest, .settled = IsSettled(*before, begin)};
}

bool FileContents::IsUnchanged(const FileContent& content) {
  const absl::StatusOr<FileIdentity> identity = IdentityOf(content.path);
  if (!identity.ok() || *identity != content.identity) return false;
  if (content.settled) return true;
  const absl::StatusOr<FileContent> again = ReadOnce(content.path);
  return again.ok() && again->identity == content.identity && again->digest == content.digest;
}

bool FileContents::Recall(FileContent& content) {
  const std::string key = KeyText(RememberedFile{content.identity.device, content.identity.inode});
  std::optional<RememberedDigest> remembered;
  const bool found = remembered_->Get(key, [&](const storage::Record& record) {
    remembered = codec::Decode<RememberedDigest>(record.value);
    return remembered.has_value();
  });
  if (!found || remembered->identity != content.identity) return false;
  content.digest = remembered->digest;
  return true;
}

void FileContents::Remember(const FileContent& content, std::chrono::nanoseconds time) {
  const std::string key = KeyText(RememberedFile{content.identity.device, content.identity.inode});
  const std::string value = codec::Encode(RememberedDigest{content.identity, content.digest});
  remembered_->Put(key, {.value = value, .compute_time = time});
}

}  // namespace permacache::memoize
