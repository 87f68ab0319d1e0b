// The store for people: one version of one function as a folder with a file per entry.
//
// For caches that live in version control, on network shares or are looked at. Names show short
// keys, and JSON entries can be read in any editor; FORMAT.md beside this file describes both. A
// file is written under another name, synced and renamed, so that readers see the old record or
// the new one, and every record is durable when Put returns. No lock is taken: any number of
// processes, also of other machines, may use the folder as far as its file system makes renaming
// atomic. An object may be used on both sides of a fork.
//
// What a crashed writer left behind is swept by a later one an hour after its last write. Both
// times are those of the file system's own clock.
#ifndef PERMACACHE_STORAGE_FILE_STORE_H_
#define PERMACACHE_STORAGE_FILE_STORE_H_

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "permacache/storage/files.h"
#include "permacache/storage/store.h"

namespace permacache::storage {

struct FileStoreOptions {
  std::filesystem::path directory;  // of the function; made, with those above it, by the first Put
  uint32_t version = 0;             // entries of different versions do not see each other
  FileFormat format = FileFormat::kBinary;  // of records to be written; any can be read
  bool notes_uses = true;                   // whether Get is a use of an entry
};

// Every method looks at the folder anew: it may be deleted, restored or replaced at any time.
class FileStore : public Store {
 public:
  // Touches no disk.
  explicit FileStore(const FileStoreOptions& options);

  absl::StatusOr<bool> Get(std::string_view key,
                           absl::FunctionRef<void(const Record&)> visit) override;
  absl::Status Put(std::string_view key, const Record& record) override;
  absl::StatusOr<bool> Erase(std::string_view key) override;

  // Entries that others put meanwhile may stay.
  absl::Status Clear() override;

  // Reads the whole folder.
  absl::StatusOr<int64_t> Size() override;

  // Those whose last use is known from the times of their files.
  absl::Status ForEach(Depth depth, absl::FunctionRef<Verdict(const EntryInfo&)> visit) override;

  // Where the entries are.
  const std::filesystem::path& folder() const { return folder_; }

 private:
  absl::Status Write(const Folder& folder, std::string_view name, std::string_view bytes);
  absl::Status RemoveIf(absl::FunctionRef<bool(const std::string& name)> accept);

  const std::filesystem::path folder_;
  const FileFormat format_;
  const bool notes_uses_;
  std::atomic<bool> has_swept_ = false;
};

}  // namespace permacache::storage

#endif  // PERMACACHE_STORAGE_FILE_STORE_H_
