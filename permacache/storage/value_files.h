// Large values, each in a file of its own beside an LMDB environment.
//
// LMDB keeps a large value in pages that must follow each other, copies it into memory and cannot
// commit 2 GiB; a file is written once and mapped. Its name is never used twice, so a file is
// nobody's until a record refers to it, and nobody's again when that record goes: readers see the
// whole value or none. What a crash leaves behind, between the two, is swept later.
//
// Thread safety: every method may be called from any thread, and any number of processes may use
// one folder. An object may be used on both sides of a fork.
#ifndef PERMACACHE_STORAGE_VALUE_FILES_H_
#define PERMACACHE_STORAGE_VALUE_FILES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "permacache/storage/place.h"

namespace permacache::storage {

// What a record holds in place of its value; FORMAT.md has its bytes.
struct ValueReference {
  static constexpr size_t kSize = 32;

  uint64_t number;                       // makes the file's name unlike any other
  uint64_t size;                         // of the file's content, in bytes
  std::array<unsigned char, 16> digest;  // of the content

  std::string ToBytes() const;

  // kDataLoss if these are not the bytes of a reference.
  static absl::StatusOr<ValueReference> FromBytes(std::string_view bytes);
};

class ValueFiles {
 public:
  // Values of so many bytes or more are worth a file: below, LMDB writes them as fast or faster, as
  // storage_benchmark shows.
  static constexpr size_t kLeastSize = size_t{4} << 20;

  // The folder of the files, in that of the environment.
  static constexpr std::string_view kFolderName = ".values";

  // A value that was written and that no record refers to yet. Its file goes with the object unless
  // it is kept.
  class Written {
   public:
    Written(std::filesystem::path path, const ValueReference& reference)
        : path_(std::move(path)), reference_(reference) {}
    Written(const Written&) = delete;
    Written& operator=(const Written&) = delete;
    ~Written();

    const ValueReference& reference() const { return reference_; }

    // Survives a crash when this returns OK, if the folder is synced after it.
    absl::Status Sync() const;

    // A record refers to it now.
    void Keep() { kept_ = true; }

   private:
    const std::filesystem::path path_;
    const ValueReference reference_;
    bool kept_ = false;
  };

  // The folder is made by the first Write.
  explicit ValueFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path& folder() const { return folder_; }

  // Writes `content` for the record at `place`. Not synced. May copy the open file `same`, which
  // has just that content, unless it has changed meanwhile. kFailedPrecondition if `content` has
  // changed with it, as it may if it is a map of it.
  absl::StatusOr<std::shared_ptr<Written>> Write(const Place& place, std::string_view content,
                                                 int same = -1) const;

  // Makes the names of everything that has been written survive a crash.
  absl::Status SyncFolder() const;

  // Calls visit(content, file) with what is mapped into memory and the file's descriptor, which are
  // valid during the call. kNotFound if there is no such file, kDataLoss if its content is not what
  // the reference says.
  absl::Status Read(const Place& place, const ValueReference& reference,
                    absl::FunctionRef<void(std::string_view content, int file)> visit) const;

  // For records that are gone.
  void Remove(const Place& place, const ValueReference& reference) const;

  // Removes files that were left behind by writers that died: those not changed for an hour for
  // which is_used(place, number) says no. It is asked once the file is known to be old. Does
  // nothing if there is no folder.
  void Sweep(absl::FunctionRef<bool(const Place& place, uint64_t number)> is_used) const;

 private:
  std::filesystem::path PathOf(const Place& place, uint64_t number) const;

  const std::filesystem::path folder_;
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_VALUE_FILES_H_
