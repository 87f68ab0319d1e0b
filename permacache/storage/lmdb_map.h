// The pages of an LMDB data file in memory, for those who look at them beside LMDB, which does not
// tell where it has mapped the file and takes its map away when that grows.
#ifndef PERMACACHE_STORAGE_LMDB_MAP_H_
#define PERMACACHE_STORAGE_LMDB_MAP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace permacache::storage {

// Maps the file when it is first asked for a page and anew as it grows, if that leaves address
// space to others. Thread-safe once it is open; pages that are mapped cost a few loads.
class LmdbMap {
 public:
  LmdbMap() = default;
  LmdbMap(const LmdbMap&) = delete;
  LmdbMap& operator=(const LmdbMap&) = delete;
  ~LmdbMap() { Close(); }

  // Of the LMDB data file `fd`, which must stay open, with pages of this size.
  void Open(int fd, size_t page_size);

  // Nobody may use pages any more.
  void Close();

  // Gives back to the kernel what counts as this process' memory of the pages that were read. They
  // can be read as before.
  void LetGo();

  size_t page_size() const { return page_size_; }

  // Where so many pages lie that follow each other, until Close.
  //   kDataLoss           the file ends before their end, so that it would be SIGBUS to read them
  //   kResourceExhausted  address space is too short to have the whole file mapped
  absl::Status Find(uint64_t first, uint64_t count, const char** pages) {
    const Part* part = last_.load(std::memory_order_acquire);
    if (part == nullptr || !part->Has(first, count)) return Map(first, count, pages);
    *pages = part->bytes + first * page_size_;
    return absl::OkStatus();
  }

  // A map of some pages alone, which goes with the object.
  class Piece {
   public:
    Piece(void* map, size_t size) : map_(map), size_(size) {}
    Piece(Piece&& other) noexcept
        : map_(std::exchange(other.map_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    Piece& operator=(Piece&&) = delete;
    ~Piece();

   private:
    void* map_;
    size_t size_;
  };

  // The same as Find where that cannot be had; takes some system calls. The pages lie where they
  // are as long as the piece that is added.
  absl::Status FindAlone(uint64_t first, uint64_t count, const char** pages,
                         std::vector<Piece>* pieces) const;

 private:
  // A map of the whole file as it was at some time, or more; or else of its first pages.
  struct Part {
    Part(const char* map, size_t map_size) : bytes(map), size(map_size) {}

    bool Has(uint64_t first, uint64_t count) const {
      const uint64_t there = pages.load(std::memory_order_acquire);
      return count <= there && first <= there - count;
    }

    const char* const bytes;
    const size_t size;
    std::atomic<uint64_t> pages = 0;  // that the file has and the map has
  };

  absl::Status Map(uint64_t first, uint64_t count, const char** pages);
  absl::StatusOr<uint64_t> CountPages() const;
  absl::Status AddPart(size_t file_size);

  int fd_ = -1;
  size_t page_size_ = 0;
  std::atomic<const Part*> last_ = nullptr;
  std::mutex mutex_;                          // guards what follows
  std::vector<std::unique_ptr<Part>> parts_;  // others may still be reading the earlier ones
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_LMDB_MAP_H_
