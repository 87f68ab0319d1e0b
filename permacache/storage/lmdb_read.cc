// How an LMDB data file is read: the part of LmdbFile that decides what of the file is checked, and
// when.
#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "permacache/storage/coarse_clock.h"
#include "permacache/storage/lmdb_check.h"
#include "permacache/storage/lmdb_file.h"
#include "permacache/storage/lmdb_snapshot.h"

namespace permacache::storage {
namespace {

// A page that is reached by way of a meta page that another process is writing looks damaged.
constexpr int kReadsBeforeDamaged = 10;

// Whoever writes to a damaged file would have all of it read again: not before so many times as
// long as that took.
constexpr int kShareOfChecks = 10;
constexpr auto kLeastPauseBetweenChecks = std::chrono::seconds(1);

bool MayBeOverSoon(const absl::Status& trouble) {
  return absl::IsDataLoss(trouble) || absl::IsUnavailable(trouble);
}

absl::Status Annotate(const absl::Status& status, const std::filesystem::path& folder) {
  return absl::Status(status.code(),
                      absl::StrCat((folder / kLmdbDataFile).string(), ": ", status.message()));
}

}  // namespace

absl::Status LmdbFile::LookUp(absl::FunctionRef<int(LmdbSnapshot&)> body) {
  absl::Status trouble;
  for (int i = 0; i < kReadsBeforeDamaged; ++i) {
    absl::Status status = ReadUnchecked([&](MDB_txn* txn) {
      LmdbSnapshot snapshot(map_, mdb_txn_id(txn), is_sound_.load(std::memory_order_acquire));
      const int error = body(snapshot);
      trouble = snapshot.trouble();
      return trouble.ok() ? error : 0;
    });
    if (!status.ok() || trouble.ok()) return status;
    if (!MayBeOverSoon(trouble)) break;
  }
  return Annotate(trouble, folder_);
}

absl::Status LmdbFile::Read(absl::FunctionRef<int(MDB_txn*)> body) {
  if (absl::Status status = CheckFile(); !status.ok()) return status;
  return ReadUnchecked(body);
}

absl::Status LmdbFile::CheckFile() {
  if (is_sound_.load(std::memory_order_acquire)) return absl::OkStatus();
  std::lock_guard lock(check_mutex_);
  if (is_sound_.load(std::memory_order_relaxed)) return absl::OkStatus();
  const std::chrono::nanoseconds begin = CoarseTick();
  if (!damage_.ok() && begin < next_check_) return damage_;
  absl::Status status = CheckWholeFile();
  is_sound_.store(status.ok(), std::memory_order_release);
  damage_ = absl::IsDataLoss(status) ? status : absl::OkStatus();
  const std::chrono::nanoseconds end = CoarseTick();
  next_check_ = end + std::max<std::chrono::nanoseconds>(kLeastPauseBetweenChecks,
                                                         kShareOfChecks * (end - begin));
  return status;
}

absl::Status LmdbFile::CheckWholeFile() {
  absl::Status checked;
  for (int i = 0; i < kReadsBeforeDamaged; ++i) {
    absl::Status status = ReadUnchecked([&](MDB_txn* txn) {
      checked = CheckPages(DataFile(), mdb_txn_id(txn));
      return 0;
    });
    if (!status.ok()) return status;
    if (checked.ok()) return checked;
  }
  return Annotate(checked, folder_);
}

}  // namespace permacache::storage
