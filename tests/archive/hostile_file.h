// Files as somebody may make them who knows the format: anything in them, and all digests right.
#ifndef PERMACACHE_TESTS_ARCHIVE_HOSTILE_FILE_H_
#define PERMACACHE_TESTS_ARCHIVE_HOSTILE_FILE_H_

#include <archive_entry.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "permacache/archive/layout.h"
#include "permacache/storage/store.h"

namespace permacache::testing {

// A member of a tar archive.
struct TarFile {
  std::string name;
  std::string content;
  unsigned type = AE_IFREG;
  std::string hard_link = {};
  std::optional<int64_t> stated_size = {};  // if it is not that of the content
};

std::string TarOf(const std::vector<TarFile>& members);

// The begin of a member with records, and one of the records.
std::string ChunkOf(const archive::Section& section,
                    storage::FileFormat format = storage::FileFormat::kBinary);
std::string RecordOf(std::string_view key, std::string_view value);

// These bytes as frames of zstd.
std::string FramesOf(std::string_view bytes);

// A file with this tar archive, which says that it has so many entries.
std::string FileOfTar(std::string_view tar, int64_t entries);

}  // namespace permacache::testing

#endif  // PERMACACHE_TESTS_ARCHIVE_HOSTILE_FILE_H_
