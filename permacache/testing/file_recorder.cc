#include "permacache/testing/file_recorder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace permacache::testing {
namespace internal {
namespace {

// Calls come before variables are constructed and after they are destroyed.
constinit std::mutex mutex;
constinit std::atomic<FileRecorder*> active = nullptr;

[[noreturn]] void Refuse(std::string_view what) {
  std::fprintf(stderr, "ScopedRecording: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

std::optional<struct stat> Look(const Place& place) {
  struct stat info;
  const int error = place.name == nullptr
                        ? fstat(place.fd, &info)
                        : fstatat(place.fd, place.name, &info, AT_SYMLINK_NOFOLLOW);
  if (error != 0) return std::nullopt;
  return info;
}

bool IsRecording() { return active.load(std::memory_order_acquire) != nullptr; }

bool IsFileOrDirectory(int fd) {
  const std::optional<struct stat> info = Look({fd});
  return info && (S_ISREG(info->st_mode) || S_ISDIR(info->st_mode));
}

}  // namespace

Turn::Turn() {
  if (!IsRecording()) return;
  lock_ = std::unique_lock(mutex);
  recorder_ = active.load(std::memory_order_relaxed);
}

Turn::Turn(int fd) {
  if (IsRecording() && IsFileOrDirectory(fd)) *this = Turn();
}

FileRecorder::FileRecorder(const std::filesystem::path& directory)
    : root_(std::filesystem::canonical(directory)) {
  if (!std::filesystem::is_empty(directory)) Refuse("the directory must be empty at first");
}

std::optional<std::filesystem::path> FileRecorder::PathBelow(const Place& place) const {
  const std::string path = PathOf(place);
  if (path == root_) return "";
  if (!path.starts_with(root_ + "/")) return std::nullopt;
  return path.substr(root_.size() + 1);
}

int FileRecorder::FileAt(const Place& place) const {
  const std::optional<struct stat> info = Look(place);
  if (!info) return 0;
  const auto found = files_.find({info->st_dev, info->st_ino});
  return found == files_.end() ? 0 : found->second;
}

// Another file may get the same inode. What is still written to this one cannot be found.
void FileRecorder::Forget(int file) {
  std::erase_if(files_, [=](const auto& entry) { return entry.second == file; });
}

bool FileRecorder::Exists(const Place& place) const { return Look(place).has_value(); }

void FileRecorder::Opened(const Place& place, int fd, bool existed, int flags) {
  if (existed) {
    if ((flags & O_TRUNC) != 0) Resized({fd}, FileEvent::Kind::kTruncate, 0);
    return;
  }
  const std::optional<std::filesystem::path> path = PathBelow(place);
  const std::optional<struct stat> info = Look({fd});
  if (!path || !info) return;
  files_[{info->st_dev, info->st_ino}] = ++last_file_;
  events_.push_back({.kind = FileEvent::Kind::kCreate, .file = last_file_, .path = *path});
}

void FileRecorder::Wrote(int fd, const iovec* parts, off_t offset, size_t size) {
  const int file = FileAt({fd});
  if (file == 0) return;
  FileEvent event = {.kind = FileEvent::Kind::kWrite, .file = file};
  for (; event.bytes.size() < size; ++parts) {
    event.bytes.append(static_cast<const char*>(parts->iov_base),
                       std::min(parts->iov_len, size - event.bytes.size()));
  }
  if (offset < 0) offset = lseek(fd, 0, SEEK_CUR) - static_cast<off_t>(size);
  event.offset = static_cast<uint64_t>(offset);
  event.is_synced = (fcntl(fd, F_GETFL) & (O_DSYNC | O_SYNC)) != 0;
  events_.push_back(std::move(event));
}

void FileRecorder::Resized(const Place& place, FileEvent::Kind kind, off_t size) {
  const int file = FileAt(place);
  if (file == 0) return;
  events_.push_back({.kind = kind, .file = file, .size = static_cast<uint64_t>(size)});
}

void FileRecorder::Synced(int fd) {
  const int file = FileAt({fd});
  const std::optional<std::filesystem::path> path = PathBelow({fd});
  if (!path) return;
  events_.push_back({.kind = FileEvent::Kind::kSync, .file = file, .path = *path});
}

void FileRecorder::Renamed(const Place& from, const Place& to, int moved, int replaced) {
  const std::optional<std::filesystem::path> path = PathBelow(from), new_path = PathBelow(to);
  if (!path && !new_path) return;
  if (!path || !new_path || moved == 0) Refuse("only files made meanwhile can be renamed");
  Forget(replaced);
  events_.push_back(
      {.kind = FileEvent::Kind::kRename, .file = moved, .path = *path, .new_path = *new_path});
}

void FileRecorder::Removed(const Place& place, int file) {
  const std::optional<std::filesystem::path> path = PathBelow(place);
  if (!path) return;
  Forget(file);
  events_.push_back({.kind = FileEvent::Kind::kRemove, .file = file, .path = *path});
}

void FileRecorder::MadeDirectory(const Place& place) {
  const std::optional<std::filesystem::path> path = PathBelow(place);
  if (!path) return;
  events_.push_back({.kind = FileEvent::Kind::kMakeDirectory, .path = *path});
}

}  // namespace internal

ScopedRecording::ScopedRecording(const std::filesystem::path& directory)
    : recorder_(std::make_unique<internal::FileRecorder>(directory)) {
  std::lock_guard lock(internal::mutex);
  if (internal::active.exchange(recorder_.get()) != nullptr) {
    internal::Refuse("only one can run at a time");
  }
  internal::observers.fetch_add(1, std::memory_order_release);
}

ScopedRecording::~ScopedRecording() {
  std::lock_guard lock(internal::mutex);
  internal::observers.fetch_sub(1, std::memory_order_release);
  internal::active.store(nullptr);
}

size_t ScopedRecording::position() const {
  std::lock_guard lock(internal::mutex);
  return recorder_->events().size();
}

std::vector<FileEvent> ScopedRecording::events() const {
  std::lock_guard lock(internal::mutex);
  return recorder_->events();
}

}  // namespace permacache::testing
