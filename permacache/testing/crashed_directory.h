// What a crash of the machine, or a loss of power, may leave of a directory that was recorded.
//
// Of the disk and its file system no more is taken for granted than this:
//   - What was written to a file, truncated or allocated is there once the file was synced after
//     it; what was written through a descriptor opened with O_SYNC or O_DSYNC, when that returns.
//   - A name that was given or taken away stays so once its directory was synced after it, that of
//     a new file or directory also once the file, or something in the directory, was synced. POSIX
//     does not promise the latter; ext4, XFS and btrfs do it, and LMDB never syncs a directory.
//   - A sector of 512 bytes that begins at a multiple of that is written as a whole or not at all.
// Apart from that each thing that was done is there or not, in any order, and of each write any
// sectors.
#ifndef PERMACACHE_TESTING_CRASHED_DIRECTORY_H_
#define PERMACACHE_TESTING_CRASHED_DIRECTORY_H_

#include <cstddef>
#include <filesystem>
#include <random>
#include <span>

#include "permacache/testing/system_calls.h"

namespace permacache::testing {

// What becomes of what was not synced.
enum class Unsynced {
  kLost,
  kKept,
  kMixed,  // each by chance
};

// Fills an empty directory with what is there after a crash during events[crash]; those before it
// were complete. With events.size() it comes after all of them.
void RestoreAfterCrash(std::span<const FileEvent> events, size_t crash, Unsynced unsynced,
                       std::mt19937_64& random, const std::filesystem::path& directory);

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTING_CRASHED_DIRECTORY_H_
