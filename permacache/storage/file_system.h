// What kind of file system a directory lies on.
#ifndef PERMACACHE_STORAGE_FILE_SYSTEM_H_
#define PERMACACHE_STORAGE_FILE_SYSTEM_H_

#ifdef __APPLE__
#include <sys/mount.h>
#include <sys/param.h>
#else
#include <sys/vfs.h>
#endif

#include <filesystem>
#include <string_view>

#include "absl/status/statusor.h"

namespace permacache::storage {

// The system call, or what tests put in its place.
using StatFs = int (*)(const char* path, struct statfs* info);

// The name of the file system if other machines may have it mounted, too, such as "NFS"; empty if
// it is this machine's alone. What is mounted by way of FUSE counts as local, as it does not say
// what it is. Fails with what the system says. May be called from any thread.
absl::StatusOr<std::string_view> NetworkFileSystemOf(const std::filesystem::path& directory,
                                                     StatFs stat_fs = &statfs);

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_FILE_SYSTEM_H_
