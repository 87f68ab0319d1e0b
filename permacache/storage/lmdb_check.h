// Looks at an LMDB data file before LMDB does.
//
// LMDB trusts its file: a page number or an offset that is wrong leads it outside the file or the
// page, and the process ends with SIGSEGV or SIGBUS. A file may be truncated by a full disk,
// overwritten by another program or made by an enemy, so everything that LMDB follows is followed
// here first, with all bounds checked. Values are not looked at: their envelopes have a checksum.
#ifndef PERMACACHE_STORAGE_LMDB_CHECK_H_
#define PERMACACHE_STORAGE_LMDB_CHECK_H_

#include <cstdint>
#include <filesystem>

#include "absl/status/status.h"

namespace permacache::storage {

// Checks what mdb_env_open reads. OK for a file that does not exist or is empty, kDataLoss for one
// that is not a sound LMDB file.
absl::Status CheckMetaPages(const std::filesystem::path& file);

// Makes a copy of a data file, as mdb_env_copy writes it, what the transaction `txn_id` has left:
// its meta pages have number 1, whatever the number of what was copied.
absl::Status ContinueTransactions(int fd, uint64_t txn_id);

// Whether the file is a part of what LMDB writes to it first, before there is any entry: a crash or
// a full disk cut that short. False if it cannot be read.
bool IsUnfinished(const std::filesystem::path& file);

// Checks each page that the transaction `txn_id` can reach, which must be a read transaction that
// stays open meanwhile: it keeps other processes from reusing the pages. `fd` is the data file's.
//   kDataLoss     a page is damaged
//   kUnavailable  the transaction is too old to be found in the file; begin another
// Reads every page but those of large values, at the speed of memory if they are cached.
absl::Status CheckPages(int fd, uint64_t txn_id);

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_LMDB_CHECK_H_
