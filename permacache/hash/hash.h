// Digests: the header of this folder that others include. file_digest.h is beside it, as that
// brings Abseil's Status, which takes long to compile.
#ifndef PERMACACHE_HASH_HASH_H_
#define PERMACACHE_HASH_HASH_H_

#include "permacache/hash/content_digest.h"  // IWYU pragma: export
#include "permacache/hash/hex.h"             // IWYU pragma: export
#include "permacache/hash/sha256.h"          // IWYU pragma: export
#include "permacache/hash/threads.h"         // IWYU pragma: export

#endif  // PERMACACHE_HASH_HASH_H_
