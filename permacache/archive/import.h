// Merges an exported file (export.h) into a cache, which other processes may be using.
//
// The file may come from anybody. First its end, which says how long it is, and its digest are
// checked: one that was cut short or damaged changes nothing. Then each record is checked by
// itself before it is stored. Names of functions must be such as Memoize takes, so nothing is ever
// written outside of the cache; links, and members that are not ours, are errors; no memory is
// taken for a size that is merely stated. What nobody can check is whether a result is right: who
// imports a file trusts whoever made it.
//
// An import that was interrupted, even killed, is resumed by importing again: what is there already
// is only compared.
//
// Memory: about 100 MiB, however many entries there are. Values of more than 8 MiB go through a
// temporary file in the cache's directory, which is mapped while the store takes them. A store of
// files, or one that compresses, needs memory for a whole value.
#ifndef PERMACACHE_ARCHIVE_IMPORT_H_
#define PERMACACHE_ARCHIVE_IMPORT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace permacache::archive {

// What becomes of an entry whose key the cache has with another value.
enum class OnConflict : uint8_t {
  kKeep,     // the cache's stays
  kReplace,  // the file's takes its place
  kFail,     // nothing at all is imported
};

struct ImportOptions {
  OnConflict on_conflict = OnConflict::kKeep;

  // Told of bytes of the file, in the calling thread. The file is read twice, with kFail three
  // times, and `total` counts that.
  std::function<void(int64_t done, int64_t total)> progress = {};

  // Looked at now and then. When it says so Import returns kCancelled; what has been imported
  // stays.
  const std::atomic<bool>* cancelled = nullptr;
};

struct ImportReport {
  static constexpr size_t kMostConflicts = 100;

  int64_t entries = 0;   // of the file
  int64_t added = 0;     // that the cache did not have, or could not read
  int64_t equal = 0;     // that it had with the same value, and keeps with its own times
  int64_t kept = 0;      // that it keeps with another value
  int64_t replaced = 0;  // whose values took the place of others
  int64_t bytes = 0;     // of keys and values of all entries of the file

  std::vector<std::string> conflicts = {};  // the first of them: "wing/lift, version 0: KEY"
};

// Imports `file` into the cache in the directory `cache`, which is made if it does not exist. Each
// function's results are stored as they were where they come from: in LMDB or in files, compressed
// or not. When it returns OK all of them are durable.
//   kNotFound            there is no such file
//   kInvalidArgument     it is not an exported file, or holds what an export never does
//   kDataLoss            it is damaged, or was cut short
//   kUnimplemented       it was written by a newer version of this library
//   kAlreadyExists       with kFail: there are conflicts, and the message names the first
//   kResourceExhausted   the disk is full
//   others               what the operating system said, with the path
// Unless it is said otherwise, entries may have been imported before an error: sound ones, which a
// repetition finds to be equal. With kFail there are some only if the disk fails, or if others
// store a conflicting result between the look for conflicts and the import.
absl::StatusOr<ImportReport> Import(const std::filesystem::path& file,
                                    const std::filesystem::path& cache,
                                    const ImportOptions& options = {});

}  // namespace permacache::archive

#endif  // PERMACACHE_ARCHIVE_IMPORT_H_
