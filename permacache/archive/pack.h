// An exported file (export.h) as a store that is only read: results that ship with a program.
//
// The file is used where it lies. It is not unpacked, mapped, locked or written, so it may lie on a
// read-only file system, and any number of processes may use it. Of each look-up the frame that
// holds the record is read, some 128 KiB before compression; the frames that were used last are
// kept in memory, about 10 MiB of them for each pack.
//
// The file may be damaged, or come from anybody: whatever it holds, a look-up stays within it,
// takes no memory for a size that is merely stated, and finds only records whose checksum and key
// are right. Whether a result is right nobody can check: who opens a pack trusts whoever made it. A
// file that is exchanged by renaming another one to its name goes on being used as it was; one that
// is overwritten is a damaged one.
#ifndef PERMACACHE_ARCHIVE_PACK_H_
#define PERMACACHE_ARCHIVE_PACK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/archive/frames.h"
#include "permacache/archive/layout.h"
#include "permacache/storage/store.h"

namespace permacache::archive {

// Every method may be called from any thread, and in a forked child.
class Pack {
 public:
  // Reads and checks the end of the file, which lists what there is.
  //   kNotFound          there is no such file
  //   kInvalidArgument   it is not an exported file
  //   kDataLoss          it is damaged, or was cut short
  //   kUnimplemented     it was written by a newer version of this library
  static absl::StatusOr<std::shared_ptr<const Pack>> Open(const std::filesystem::path& path);

  Pack(const Pack&) = delete;
  Pack& operator=(const Pack&) = delete;

  // The index of this version of a function, if there is anything of it; `function` as in
  // ExportedEntry.
  using Indexes = std::vector<std::vector<IndexPage>>;
  const Indexes* Find(std::string_view function, uint32_t version) const;

  // Calls visit(record) once if there is an entry of exactly this key, and returns whether there
  // is. kDataLoss if what there should be of it is damaged.
  absl::StatusOr<bool> Get(const Indexes& indexes, std::string_view key,
                           absl::FunctionRef<void(const storage::Record&)> visit) const;

 private:
  // The content of a frame, and where in the file the next one begins.
  struct Frame {
    uint64_t next;
    std::string content;
  };

  // Frames that were used lately, by their place; one for each remainder.
  template <size_t kSlots>
  struct Recent {
    std::mutex mutex;
    std::array<std::pair<uint64_t, std::shared_ptr<const Frame>>, kSlots> slots;
  };

  Pack(FrameFile file, Directory directory);

  template <size_t kSlots>
  absl::StatusOr<std::shared_ptr<const Frame>> FrameAt(Recent<kSlots>& recent,
                                                       uint64_t offset) const;
  absl::StatusOr<std::optional<IndexEntry>> FindEntry(const std::vector<IndexPage>& pages,
                                                      const KeyDigest& digest) const;
  absl::StatusOr<bool> VisitAt(const IndexEntry& entry, std::string_view key,
                               absl::FunctionRef<void(const storage::Record&)> visit) const;

  const FrameFile file_;
  const uint64_t frames_size_;
  std::vector<std::pair<Section, Indexes>> sections_;
  mutable Recent<64> recent_pages_;
  mutable Recent<48> recent_records_;
};

}  // namespace permacache::archive

#endif  // PERMACACHE_ARCHIVE_PACK_H_
