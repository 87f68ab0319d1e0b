#include "permacache/cli/diagnosis.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "permacache/catalog/location.h"
#include "permacache/cli/human.h"
#include "permacache/cli/interrupt.h"
#include "permacache/storage/entry_name.h"
#include "permacache/storage/file_system.h"
#include "permacache/storage/lmdb_environment.h"
#include "permacache/storage/lmdb_file.h"
#include "permacache/storage/value_files.h"

namespace permacache::cli {
namespace {

namespace fs = std::filesystem;
using catalog::StoredFunction;

// What is less than that, and than a hundredth of the file system, is little.
constexpr uint64_t kLittleSpace = 1'000'000'000;

constexpr auto kLeftBehind = std::chrono::hours(1);  // as in storage/FORMAT.md

class Findings {
 public:
  void Add(Finding finding) {
    const auto same = std::ranges::find(all_, finding.kind, &Finding::kind);
    if (same == all_.end()) {
      all_.push_back(std::move(finding));
    } else {
      ++same->count;
    }
  }

  std::vector<Finding> Take() { return std::move(all_); }

 private:
  std::vector<Finding> all_;
};

void CheckLibrary(Findings& findings, const fs::path& cache) {
  if (storage::IsClosingSafe()) return;
  findings.Add({.kind = "liblmdb",
                .is_trouble = false,
                .place = cache,
                .found = absl::StrCat("this is liblmdb ", storage::LmdbVersion(),
                                      ", which cannot close a file without harm to others: what "
                                      "compact frees is the disk's only when the programs that use "
                                      "the cache have ended"),
                .advice = "use liblmdb 0.9.32 or newer, or one before 0.9.26"});
}

void CheckFileSystem(Findings& findings, const fs::path& cache,
                     const std::vector<StoredFunction>& functions) {
  const absl::StatusOr<std::string_view> network = storage::NetworkFileSystemOf(cache);
  const bool has_environments =
      std::ranges::any_of(functions, [](const StoredFunction& f) { return !f.in_files; });
  if (!network.ok() || network->empty() || !has_environments) return;
  findings.Add({.kind = "network file system",
                .place = cache,
                .found = absl::StrCat("it lies on a network file system (", std::string(*network),
                                      "), where LMDB would lose results; calls compute"),
                .advice = "move it to a local disk, or use Storage::kFiles for it"});
}

void CheckSpace(Findings& findings, const fs::path& cache) {
  struct statvfs info;
  if (statvfs(cache.c_str(), &info) != 0) return;
  const uint64_t left = info.f_bavail * info.f_frsize, all = info.f_blocks * info.f_frsize;
  const std::string advice =
      "make room, or permacache prune --max-size and then permacache compact";
  if (left < info.f_frsize) {
    findings.Add({.kind = "full disk",
                  .place = cache,
                  .found = "there is no room: no result can be stored",
                  .advice = advice});
  } else if (left < std::min(kLittleSpace, all / 100)) {
    findings.Add({.kind = "little space",
                  .is_trouble = false,
                  .place = cache,
                  .found = absl::StrCat("there is room for ", BytesText(left), " more"),
                  .advice = advice});
  }
  if (info.f_files > 0 && info.f_favail == 0) {
    findings.Add({.kind = "no more files",
                  .place = cache,
                  .found = "the file system has no room for another file",
                  .advice = "remove files from it"});
  }
}

void CheckEnvironment(Findings& findings, const StoredFunction& function) {
  if (function.in_files) return;
  const absl::StatusOr<storage::LmdbEnvironment::Share> environment =
      storage::LmdbEnvironment::Acquire({.directory = function.folder, .memory_bytes = 0});
  if (!environment.ok()) {
    findings.Add({.kind = "unusable",
                  .place = function.folder,
                  .found = environment.status().ToString(),
                  .advice = absl::IsDataLoss(environment.status())
                                ? "remove this folder: its results will be computed again"
                                : "see to it that this user may read and write what is there"});
    return;
  }
  if ((*environment)->cleared_readers() == 0) return;
  findings.Add({.kind = "stale readers",
                .is_trouble = false,
                .place = function.folder,
                .found = absl::StrCat(Many((*environment)->cleared_readers(), "reader"),
                                      " had died and kept old pages from being used again"),
                .advice = "nothing: they have been cleared away"});
}

// What the cache may have there; the names say it.
bool IsOfCache(const fs::path& path) {
  const std::string name = path.filename().string(),
                    folder = path.parent_path().filename().string();
  if (name == storage::kLmdbDataFile || name == storage::kLmdbLockFile ||
      name == catalog::kStatisticsName || name == catalog::kPathsName) {
    return true;
  }
  if (name.starts_with(catalog::kTurnsName) || name.starts_with(".writing-")) return true;
  if (folder == storage::ValueFiles::kFolderName) return true;
  return folder.starts_with('v') && storage::IsEntryName(name);
}

bool IsLeftBehind(const struct stat& info) {
  return std::chrono::system_clock::from_time_t(info.st_mtime) + kLeftBehind <
         std::chrono::system_clock::now();
}

void CheckRights(Findings& findings, const fs::path& path, const struct stat& info, uid_t owner) {
  if (info.st_uid != owner) {
    findings.Add({.kind = "another owner",
                  .place = path,
                  .found = absl::StrCat("it belongs to the user ", info.st_uid, ", the cache to ",
                                        owner, ", who may not be able to use it"),
                  .advice = "chown -R the cache to who uses it"});
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    findings.Add({.kind = "writable by others",
                  .place = path,
                  .found = "other users may change results",
                  .advice = "chmod -R go-w the cache, unless they are to be trusted"});
  }
  const int wanted = S_ISDIR(info.st_mode) ? R_OK | W_OK | X_OK : R_OK | W_OK;
  if (faccessat(AT_FDCWD, path.c_str(), wanted, AT_EACCESS) != 0) {
    findings.Add({.kind = "no access",
                  .place = path,
                  .found = "this user may not read and write it",
                  .advice = "chmod -R u+rwX the cache; one that is to be read only is fine"});
  }
}

void CheckFile(Findings& findings, const fs::path& path, uid_t owner) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return;  // it has gone meanwhile
  const bool is_foreign = S_ISREG(info.st_mode) ? !IsOfCache(path) : !S_ISDIR(info.st_mode);
  if (is_foreign) {
    findings.Add({.kind = "foreign file",
                  .is_trouble = false,
                  .place = path,
                  .found = "it is none of the cache's, which leaves it alone",
                  .advice = "move it elsewhere if it should not be there"});
    return;
  }
  CheckRights(findings, path, info, owner);
  if (path.filename().string().starts_with(".writing-") && IsLeftBehind(info)) {
    findings.Add({.kind = "unfinished file",
                  .is_trouble = false,
                  .place = path,
                  .found = "a process died while it wrote it",
                  .advice = "nothing: a later writer removes it"});
  }
}

void CheckFiles(Findings& findings, const fs::path& cache) {
  struct stat info;
  if (stat(cache.c_str(), &info) != 0) return;
  CheckFile(findings, cache, info.st_uid);
  std::error_code error;
  fs::recursive_directory_iterator file(cache, fs::directory_options::skip_permission_denied,
                                        error),
      end;
  for (; !error && file != end; file.increment(error)) {
    StopIfInterrupted();
    CheckFile(findings, file->path(), info.st_uid);
  }
  if (!error) return;
  findings.Add({.kind = "unreadable folder",
                .place = cache,
                .found = error.message(),
                .advice = "see to it that this user may read all of the cache"});
}

}  // namespace

std::vector<Finding> Diagnose(const fs::path& cache, const std::vector<StoredFunction>& functions) {
  Findings findings;
  CheckLibrary(findings, cache);
  CheckFileSystem(findings, cache, functions);
  CheckSpace(findings, cache);
  CheckFiles(findings, cache);
  for (const StoredFunction& function : functions) {
    StopIfInterrupted();
    CheckEnvironment(findings, function);
  }
  return findings.Take();
}

}  // namespace permacache::cli
