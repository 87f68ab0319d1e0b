// All that a cache has, in one file that can be carried elsewhere.
//
// The file is a tar archive, compressed by zstd, of records and not of pages: another byte order,
// another liblmdb, another file system can read it. FORMAT.md beside this file describes it. What
// it holds can be merged into a cache (import.h), or looked up where it lies (pack.h).
//
// Exported are the results of all functions and versions, and the files that functions wrote; the
// times of results, but not when they were used last; and how they were stored. Not exported is
// what makes no hit elsewhere: counts, locks, and the digests of files of this machine.
//
// The cache may be in use by other processes meanwhile: what they store or remove may be in the
// file or not. An export counts as no use of an entry.
//
// Memory: about 50 MiB, however many entries there are; a large value is mapped while it is copied,
// one that is stored compressed is held as a whole.
#ifndef PERMACACHE_ARCHIVE_EXPORT_H_
#define PERMACACHE_ARCHIVE_EXPORT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "permacache/storage/store.h"

namespace permacache::archive {

// Valid during the call of `select`.
struct ExportedEntry {
  std::string_view function;  // "wing/lift"; "wing/lift/.out_files" for files that it wrote
  uint32_t version;
  const storage::EntryInfo& info;  // with its value
};

struct ExportOptions {
  // Whether an entry is to be exported. Default: all.
  std::function<bool(const ExportedEntry&)> select = {};

  // Told of bytes of records, in the calling thread. The total takes a walk over the cache before,
  // and is an estimate where others store results meanwhile.
  std::function<void(int64_t done, int64_t total)> progress = {};

  // Looked at for each entry. When it says so Export returns kCancelled and leaves no file.
  const std::atomic<bool>* cancelled = nullptr;

  // Whether another file of that name may be replaced.
  bool overwrite = false;
};

struct ExportReport {
  static constexpr size_t kMostProblems = 100;

  int64_t entries = 0;  // that were exported
  int64_t bytes = 0;    // of their keys and values
  int64_t damaged = 0;  // entries, or whole functions, that could not be read; they are left out

  std::vector<std::string> problems = {};  // what is wrong with the first of them
};

// Exports the cache in the directory `cache` to `file`, which is written under another name in the
// same folder, for this user alone (mode 0600), synced and renamed.
//   kNotFound        there is no such directory
//   kAlreadyExists   there is a file of that name
//   others           what the operating system said, with the path
// After an error there is no new file.
absl::StatusOr<ExportReport> Export(const std::filesystem::path& cache,
                                    const std::filesystem::path& file,
                                    const ExportOptions& options = {});

}  // namespace permacache::archive

#endif  // PERMACACHE_ARCHIVE_EXPORT_H_
