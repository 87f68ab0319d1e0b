// An exported file from anybody, read from its begin to its end: checked records.
//
// Memory: a member of at most 128 KiB, or a larger record: in memory up to 8 MiB, else in a file.
#ifndef PERMACACHE_ARCHIVE_ARCHIVE_READER_H_
#define PERMACACHE_ARCHIVE_ARCHIVE_READER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/archive/frames.h"
#include "permacache/archive/layout.h"
#include "permacache/archive/spool.h"
#include "permacache/archive/tar_reader.h"
#include "permacache/storage/store.h"

namespace permacache::archive {

// What a member holds. The records refer to what the object owns.
struct Chunk {
  ChunkHeader header;
  std::vector<storage::KeyedRecord> records;
  uint64_t size = 0;  // of the member

  std::unique_ptr<const std::string> in_memory;  // either of these
  std::unique_ptr<Spool> in_file;
};

// Not thread-safe. After an error an object is of no more use.
class ArchiveReader {
 public:
  // Both must outlive the object. Large records go through files in `spool_folder`.
  static absl::StatusOr<std::unique_ptr<ArchiveReader>> Make(const FrameFile& file,
                                                             const Directory& directory,
                                                             std::filesystem::path spool_folder);

  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  // The next records, of which each one's checksum is right. Nothing at the end.
  //   kDataLoss          the file is damaged
  //   kInvalidArgument   there is a member that no export has
  //   kUnimplemented     it was written by a newer version
  absl::StatusOr<std::optional<Chunk>> Next();

  // How far in the file it is.
  uint64_t offset() const { return tar_->offset(); }

 private:
  ArchiveReader(const FrameFile& file, const Directory& directory, std::filesystem::path folder)
      : file_(file), directory_(directory), spool_folder_(std::move(folder)) {}

  absl::StatusOr<std::string> ReadString(uint64_t size);
  absl::Status CheckTitle();
  absl::StatusOr<Chunk> ReadChunk(const TarMember& member);
  absl::StatusOr<std::string_view> ReadLarge(const TarMember& member, size_t header_size,
                                             std::string begin, Chunk& chunk);
  absl::Status AddRecord(std::string_view envelope, Chunk& chunk);
  absl::Status CheckEnd() const;
  absl::Status Annotate(const absl::Status& status) const;

  const FrameFile& file_;
  const Directory& directory_;
  const std::filesystem::path spool_folder_;
  std::unique_ptr<TarReader> tar_;
  Section section_;       // of the last records
  uint64_t members_ = 0;  // with records or an index
  uint64_t entries_ = 0;
};

}  // namespace permacache::archive

#endif  // PERMACACHE_ARCHIVE_ARCHIVE_READER_H_
