#include "permacache/memoize/out_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "permacache/memoize/calls.h"
#include "permacache/memoize/failure_reporter.h"
#include "permacache/memoize/out_file_cache.h"
#include "permacache/storage/coarse_clock.h"

namespace permacache::memoize {
namespace {

namespace fs = std::filesystem;

thread_local int turns_of_this_thread = 0;

// Whether two of the paths lead to one file.
bool AreSameFile(const std::vector<OutPath>& outs) {
  std::set<std::pair<dev_t, ino_t>> files;
  std::set<fs::path> paths;
  for (const OutPath& out : outs) {
    struct stat info;
    if (!paths.insert(TargetOf(out.path).lexically_normal()).second) return true;
    if (stat(out.path.c_str(), &info) != 0) continue;
    if (!files.insert({info.st_dev, info.st_ino}).second) return true;
  }
  return false;
}

}  // namespace

bool HaveSameContents(const std::vector<OutFile>& left, const std::vector<OutFile>& right) {
  return std::ranges::equal(left, right, [](const OutFile& one, const OutFile& other) {
    return one.parameter == other.parameter && one.digest == other.digest && one.size == other.size;
  });
}

void ClearOutFiles(OutFileCache& cache) { cache.Clear(); }

FilesOfCall::~FilesOfCall() {
  if (has_taken_turns_) --turns_of_this_thread;
}

void FilesOfCall::Add(std::string_view parameter, const fs::path& given) {
  std::error_code error;
  fs::path path = fs::absolute(given, error);
  paths_.push_back({.parameter = parameter, .path = error ? given : std::move(path)});
}

void FilesOfCall::TakeTurns() {
  const bool may_wait = turns_of_this_thread == 0 && !HoldsSeveralTurns::ThisThreadDoes();
  std::set<std::string> names;  // in one order, so that two calls do not wait for each other
  for (const OutPath& out : paths_) names.insert(NameOfTurn(out.path));
  for (const std::string& name : names) {
    std::optional<SingleFlight::Turn> turn;
    if (may_wait) {
      turn.emplace(cache_.turns().Take(name, std::nullopt, [] {}));
    } else {
      turn = cache_.turns().TryTake(name);
    }
    turns_are_mine_ = turns_are_mine_ && turn && !turn->is_alone();
    if (turn) turns_.push_back(*std::move(turn));
  }
  has_taken_turns_ = true;
  ++turns_of_this_thread;
}

void FilesOfCall::LookBefore() {
  constexpr int64_t kLongerThanTicks = 50'000'000;  // nanoseconds
  for (OutPath& out : paths_) {
    struct stat info;
    out.before.reset();
    if (stat(out.path.c_str(), &info) != 0) continue;
    out.before = IdentityOf(info);
    if (out.before->changed > FileContents::RealTime() - kLongerThanTicks) storage::AwaitTicks(2);
  }
}

std::optional<Failure> FilesOfCall::Look(std::vector<OutFile>& files) const {
  if (AreSameFile(paths_)) {
    return Failure{
        .kind = Failure::Kind::kFunction,
        .message = "two of the files that the function writes are one; the result is not stored"};
  }
  files.clear();
  for (const OutPath& out : paths_) {
    absl::StatusOr<OutFile> file = cache_.Look(out);
    if (!file.ok()) {
      Failure failure = FailureOf(file.status());
      if (absl::IsFailedPrecondition(file.status())) failure.kind = Failure::Kind::kFunction;
      return failure;
    }
    files.push_back(*std::move(file));
  }
  return std::nullopt;
}

std::optional<Failure> FilesOfCall::Keep(std::string_view key, std::vector<OutFile>& files,
                                         std::chrono::nanoseconds compute_time) const {
  if (!turns_are_mine_) {
    return Failure{.kind = Failure::Kind::kChanged,
                   .message =
                       "another call writes to the same path; the result is not stored, as "
                       "its file may be that of the other"};
  }
  if (std::optional<Failure> failure = Look(files)) return failure;
  for (size_t i = 0; i < paths_.size(); ++i) {
    const absl::Status status = cache_.Keep(key, paths_[i], files[i], compute_time);
    if (!status.ok()) return FailureOf(status);
  }
  return std::nullopt;
}

bool FilesOfCall::AreThese(const std::vector<OutFile>& files) const {
  return std::ranges::equal(files, paths_, {}, &OutFile::parameter, &OutPath::parameter);
}

FunctionCache::Lookup FilesOfCall::Restore(std::string_view key,
                                           const std::vector<OutFile>& files) const {
  using Lookup = FunctionCache::Lookup;
  if (!AreThese(files) || AreSameFile(paths_)) return Lookup::kMiss;
  for (size_t i = 0; i < paths_.size(); ++i) {
    const absl::Status status = cache_.Restore(key, paths_[i], files[i]);
    if (absl::IsNotFound(status)) return Lookup::kMiss;
    if (!status.ok()) {
      cache_.Report(FailureOf(status));
      return Lookup::kFailure;
    }
  }
  return Lookup::kHit;
}

bool FilesOfCall::CanRestore(std::string_view key, const std::vector<OutFile>& files) const {
  if (!AreThese(files)) return false;
  for (size_t i = 0; i < paths_.size(); ++i) {
    if (!cache_.CanRestore(key, paths_[i], files[i])) return false;
  }
  return true;
}

bool FilesOfCall::CanRestoreFromElsewhere(std::string_view key,
                                          const std::vector<OutFile>& files) const {
  for (size_t i = 0; i < paths_.size(); ++i) {
    if (!cache_.HasSource(key, paths_[i], files[i])) return false;
  }
  return true;
}

void FilesOfCall::Forget(std::string_view key) const {
  for (const OutPath& out : paths_) cache_.Forget(key, out.parameter);
}

}  // namespace permacache::memoize
