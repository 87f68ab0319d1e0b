#include "permacache/storage/file_system.h"

#include <cerrno>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace permacache::storage {

#ifdef __APPLE__

absl::StatusOr<std::string_view> NetworkFileSystemOf(const std::filesystem::path& directory,
                                                     StatFs stat_fs) {
  struct statfs info;
  if (stat_fs(directory.c_str(), &info) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("statfs ", directory.string()));
  }
  return info.f_flags & MNT_LOCAL ? std::string_view() : std::string_view("network file system");
}

#else

namespace {

struct KnownFileSystem {
  uint32_t magic;  // from linux/magic.h and the file systems' own headers
  std::string_view name;
};

constexpr KnownFileSystem kNetworkFileSystems[] = {
    {0x00006969, "NFS"},  {0x0000517b, "SMB"},   {0xfe534d42, "SMB"},    {0xff534d42, "CIFS"},
    {0x5346414f, "AFS"},  {0x6b414653, "AFS"},   {0x73757245, "Coda"},   {0x0000564c, "NCP"},
    {0x01021997, "9P"},   {0x00c36400, "Ceph"},  {0x0bd00bd0, "Lustre"}, {0x47504653, "GPFS"},
    {0x01161970, "GFS2"}, {0x7461636f, "OCFS2"}, {0x19830326, "BeeGFS"}, {0xaad7aaea, "PanFS"},
};

}  // namespace

absl::StatusOr<std::string_view> NetworkFileSystemOf(const std::filesystem::path& directory,
                                                     StatFs stat_fs) {
  struct statfs info;
  if (stat_fs(directory.c_str(), &info) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("statfs ", directory.string()));
  }
  for (const KnownFileSystem& known : kNetworkFileSystems) {
    if (static_cast<uint32_t>(info.f_type) == known.magic) return known.name;
  }
  return std::string_view();
}

#endif

}  // namespace permacache::storage
