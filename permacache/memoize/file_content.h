// The content of a file, at some time.
#ifndef PERMACACHE_MEMOIZE_FILE_CONTENT_H_
#define PERMACACHE_MEMOIZE_FILE_CONTENT_H_

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>

#include "permacache/hash/hash.h"

namespace permacache::memoize {

// What tells one state of a file from another without reading it. Times are nanoseconds since 1970.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t modified = 0;  // mtime, which programs can set to anything
  int64_t changed = 0;   // ctime, which they cannot

  bool operator==(const FileIdentity&) const = default;
};

FileIdentity IdentityOf(const struct stat& status);

// The content of a file as it was found.
struct FileContent {
  std::filesystem::path path;
  FileIdentity identity;
  hash::ContentDigest digest;

  // Whether a later write would have shown in the identity. A file that was written just before it
  // was read might be written again within the same tick of the file system's clock. What a program
  // writes through a shared mapping may not show for long: the kernel sets the times when a page is
  // first written, and not again until it has been saved.
  bool settled;
};

}  // namespace permacache::memoize

#endif  // PERMACACHE_MEMOIZE_FILE_CONTENT_H_
