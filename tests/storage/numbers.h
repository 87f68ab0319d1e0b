// Entries of an LMDB environment for tests that look below the store: numbers, with values of any
// size that follow from them.
#ifndef TESTS_STORAGE_NUMBERS_H_
#define TESTS_STORAGE_NUMBERS_H_

#include <cstddef>

#include "absl/status/status.h"
#include "permacache/storage/lmdb_environment.h"

namespace permacache::testing {

// A failure fails the test and gives null.
storage::LmdbEnvironment::Share Acquire(const storage::LmdbOptions& options);

absl::Status PutNumber(storage::LmdbEnvironment& environment, int number, size_t size);

// Whether there is this number, with just the value of this size.
bool HasNumber(storage::LmdbEnvironment& environment, int number, size_t size);

}  // namespace permacache::testing

#endif  // TESTS_STORAGE_NUMBERS_H_
