// An exported file as it is written: records of one function and version after the other.
//
// Memory: what is in the members that are being filled, and the index of a million records.
#ifndef PERMACACHE_ARCHIVE_ARCHIVE_WRITER_H_
#define PERMACACHE_ARCHIVE_ARCHIVE_WRITER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/archive/frames.h"
#include "permacache/archive/layout.h"
#include "permacache/archive/tar_writer.h"
#include "permacache/storage/store.h"

namespace permacache::archive {

// Not thread-safe. After an error an object is of no more use.
class ArchiveWriter {
 public:
  // `write` is given the file's bytes, one piece after the other.
  using Write = std::function<absl::Status(std::string_view bytes)>;

  // An index is written when it has so many records. In memory each of them takes 32 bytes.
  static constexpr size_t kEntriesPerIndex = size_t{1} << 20;

  static absl::StatusOr<std::unique_ptr<ArchiveWriter>> Make(
      Write write, size_t entries_per_index = kEntriesPerIndex);

  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  // The records that follow, if there are any, are those of another version of a function.
  absl::Status Begin(const Section& section);

  // Adds an entry, with its value.
  absl::Status Add(const storage::EntryInfo& entry);

  // Ends the file.
  absl::Status Finish();

 private:
  // Records that will be a member. There is one for each format.
  struct Chunk {
    std::string header;
    std::string bytes;                // which begin with that
    std::vector<IndexEntry> entries;  // where in `bytes` they begin
  };

  ArchiveWriter(Write write, size_t entries_per_index)
      : write_(std::move(write)), entries_per_index_(entries_per_index), frames_(write_) {}

  absl::Status AddLarge(const storage::EntryInfo& entry, const IndexEntry& place);
  absl::Status WriteMember(const std::string& name, std::string_view content);
  absl::Status WriteChunk(Chunk& chunk);
  absl::Status WriteIndex();
  absl::Status EndSection();

  const Write write_;
  const size_t entries_per_index_;
  FrameWriter frames_;
  std::unique_ptr<TarWriter> tar_;
  uint64_t members_ = 0;
  std::array<Chunk, 3> chunks_;    // by their format
  std::vector<IndexEntry> index_;  // of what has been written and is not in an index yet
  DirectorySection section_;
  Directory directory_;
};

}  // namespace permacache::archive

#endif  // PERMACACHE_ARCHIVE_ARCHIVE_WRITER_H_
