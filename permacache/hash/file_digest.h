// Digests of files.
#ifndef PERMACACHE_HASH_FILE_DIGEST_H_
#define PERMACACHE_HASH_FILE_DIGEST_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "permacache/hash/content_digest.h"

namespace permacache::hash {

// The digest of the content of an open regular file, which has `size` bytes: what DigestOfContent
// gives for the same bytes. A large file is read and hashed by several threads (threads.h). The
// descriptor must be open for reading; it is not closed and its position does not change. May be
// called from any thread, also for one descriptor at the same time.
//
// It takes 256 KiB of memory for each thread and 1/8192 of `size`, and throws std::bad_alloc if
// there is not that much.
//
// Errors:
//   kAborted           the file has more or fewer bytes than `size`, before or after: it changes
//   kInvalidArgument   it is a directory, a pipe or something else than a regular file
//   others             what the operating system said when it was read
// A file whose bytes change while its size does not is not noticed.
absl::StatusOr<ContentDigest> DigestOfFile(int fd, uint64_t size);

}  // namespace permacache::hash

#endif  // PERMACACHE_HASH_FILE_DIGEST_H_
