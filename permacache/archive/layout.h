// What an exported file is made of; FORMAT.md describes it.
//
// Pure functions and values. Whoever reads takes nothing of what the bytes say for granted.
#ifndef PERMACACHE_ARCHIVE_LAYOUT_H_
#define PERMACACHE_ARCHIVE_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/archive/frames.h"
#include "permacache/storage/key_digest.h"
#include "permacache/storage/store.h"

namespace permacache::archive {

// The first member, for people who look into the file, and for programs to come.
inline constexpr std::string_view kTitleName = "permacache.txt";
inline constexpr std::string_view kTitle =
    "permacache export, version 1: results of functions, to be read by permacache.\n";

// Members hold records up to so many bytes, and then fit into a frame; or one record that is
// larger.
inline constexpr size_t kLargestChunk = kLargestFrame - (size_t{16} << 10);
inline constexpr size_t kLongestName = 4096;  // of a function: what paths may have

// The results of one version of a function.
struct Section {
  std::string function;
  uint32_t version = 0;
  bool in_files = false;  // stored as a file per entry, not in LMDB

  friend bool operator==(const Section&, const Section&) = default;
};

// The begin of a member with records.
struct ChunkHeader {
  Section section;
  storage::FileFormat format = storage::FileFormat::kBinary;  // as they were stored
};

std::string ToBytes(const ChunkHeader& header);

// Sets `size` to how many of the bytes are the header. kDataLoss if they are none.
absl::StatusOr<ChunkHeader> ParseChunkHeader(std::string_view bytes, size_t* size);

// The names of members, of which `number` is the count.
std::string NameOfRecords(const Section& section, uint64_t number);
std::string NameOfIndex(const Section& section, uint64_t number);

// Where a record begins.
struct IndexEntry {
  static constexpr size_t kSize = 24;

  KeyDigest digest;       // of its key
  uint64_t frame;         // the offset of the frame in the file; while that is written, its number
  uint32_t within_frame;  // where in its content
};

void AppendTo(std::string& bytes, const IndexEntry& entry);

// The entry at `index` of those in a page, which must have it.
IndexEntry IndexEntryAt(std::string_view page, size_t index);

inline constexpr size_t kEntriesPerPage = 2048;

// A frame that holds index entries and nothing else, ordered by their digests.
struct IndexPage {
  KeyDigest first;
  uint64_t frame;  // as above
};

struct DirectorySection {
  Section section;
  uint64_t entries = 0;
  uint64_t bytes = 0;                                // of their keys and values
  std::vector<std::vector<IndexPage>> indexes = {};  // each with its pages in order
};

// What the end of the file says.
struct Directory {
  uint64_t frames_size = 0;  // how much of the file is frames; the rest is this
  KeyDigest digest = {};     // of that part
  std::vector<DirectorySection> sections;

  uint64_t entries() const;
};

// The end of the file. kResourceExhausted if there is too much to be said.
absl::StatusOr<std::string> ToBytes(const Directory& directory);

// kInvalidArgument if the file is none of ours, kDataLoss if it is cut short or damaged,
// kUnimplemented if it is of a newer version.
absl::StatusOr<Directory> ReadDirectory(const FrameFile& file);

}  // namespace permacache::archive

#endif  // PERMACACHE_ARCHIVE_LAYOUT_H_
