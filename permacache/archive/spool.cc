#include "permacache/archive/spool.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

namespace permacache::archive {
namespace {

// Some file systems make no file without a name; there it has one for a moment.
int MakeNamelessFile(const std::filesystem::path& folder) {
  const int fd = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)) return fd;
  std::string name = (folder / ".writing-XXXXXX").string();
  const int named = mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) unlink(name.c_str());
  return named;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Spool>> Spool::Make(const std::filesystem::path& folder) {
  storage::File file(MakeNamelessFile(folder));
  if (file.fd() < 0) return storage::ErrorOf(errno, "make a temporary file in", folder);
  return std::unique_ptr<Spool>(new Spool(std::move(file), folder));
}

Spool::~Spool() {
  if (map_ != nullptr) munmap(map_, size_);
}

absl::Status Spool::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file_.fd(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return storage::ErrorOf(errno, "write a temporary file in", folder_);
    bytes.remove_prefix(written);
    size_ += written;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string_view> Spool::Map() {
  if (size_ == 0) return std::string_view();
  void* const map = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file_.fd(), 0);
  if (map == MAP_FAILED) return storage::ErrorOf(errno, "map a temporary file in", folder_);
  map_ = map;
  return std::string_view(static_cast<const char*>(map), size_);
}

}  // namespace permacache::archive
