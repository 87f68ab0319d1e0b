#include "permacache/storage/lmdb_scan.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "permacache/storage/envelope.h"
#include "permacache/storage/lmdb_entries.h"
#include "permacache/storage/lmdb_snapshot.h"
#include "permacache/storage/record_value.h"

namespace permacache::storage {
namespace {

constexpr size_t kEntriesAtOnce = 500;
constexpr size_t kBytesAtOnce = size_t{1} << 20;

// For each that is read the kernel maps up to 16, and the whole of a large value.
constexpr size_t kPagesBetweenLettingGo = 256;
constexpr size_t kPageSize = 4096;  // about

// Every byte of a record enters its checksum, which is its end.
std::string TraceOf(std::string_view envelope) {
  return std::string(envelope.substr(envelope.size() - std::min<size_t>(envelope.size(), 16)));
}

}  // namespace

absl::Status LmdbScan::LookAtSome(LmdbEnvironment& environment) {
  absl::Status status =
      environment.LookUp([&](LmdbSnapshot& snapshot) { return ReadSome(snapshot); });
  if (!status.ok()) return status;
  if (!seen_.empty()) last_ = BytesOf(seen_.back().place.digest);
  // The file may be larger than memory.
  if (pages_in_ >= kPagesBetweenLettingGo) {
    environment.LetGoOfPages();
    pages_in_ = 0;
  }
  return status;
}

int LmdbScan::ReadSome(LmdbSnapshot& snapshot) {
  seen_.clear();
  std::string after = last_;
  size_t looked_at = 0;
  int error = 0;
  const auto are_enough = [&] {
    return seen_.size() >= kEntriesAtOnce || looked_at >= kBytesAtOnce ||
           pages_in_ >= kPagesBetweenLettingGo;
  };
  while (error == 0 && (seen_.empty() || !are_enough())) {
    ++pages_in_;
    error = snapshot.Walk(generation_, after, [&](std::string_view index, std::string_view bytes) {
      after = index;
      Place place{.generation = generation_, .digest = {}};
      if (index.size() != place.digest.size()) return;  // not of ours
      std::memcpy(place.digest.data(), index.data(), index.size());
      Look(place, bytes);
      looked_at += depth_ == Depth::kValues ? bytes.size() : seen_.back().key.size();
      pages_in_ += bytes.size() / kPageSize;
    });
  }
  return error == MDB_NOTFOUND ? 0 : error;
}

void LmdbScan::Look(const Place& place, std::string_view bytes) {
  Seen& seen = seen_.emplace_back(
      Seen{.place = place, .info = {}, .key = {}, .trace = TraceOf(bytes), .envelope = {}});
  const std::optional<ValueReference> file = FileOf(bytes);
  seen.info.bytes = bytes.size() + (file ? file->size : 0);
  const absl::StatusOr<Envelope> envelope = ParseEnvelopeHead(bytes, bytes.size());
  seen.info.status = envelope.status();
  if (!envelope.ok()) return;
  seen.key = envelope->key;
  seen.info.key = seen.key;
  seen.info.created = envelope->created;
  seen.info.last_used = envelope->last_used;
  seen.info.compute_time = envelope->compute_time;
  if (envelope->compression == Compression::kZstd) seen.info.format = FileFormat::kZstd;
  if (envelope->in_file && !file) {
    seen.info.status = absl::DataLossError("a record's reference to a file is damaged");
  }
  if (depth_ == Depth::kValues) seen.envelope = bytes;
}

absl::Status LmdbScan::Visit(LmdbEnvironment& environment, const Seen& seen,
                             absl::FunctionRef<void(const EntryInfo&)> visit) const {
  EntryInfo info = seen.info;
  if (depth_ == Depth::kHeads || !info.status.ok()) {
    visit(info);
    return absl::OkStatus();
  }
  bool is_visited = false;
  const auto visit_value = [&](const Record& record) {
    info.value = record.value;
    is_visited = true;
    visit(info);
  };
  const absl::StatusOr<Envelope> envelope = ParseEnvelope(seen.envelope);
  if (!envelope.ok()) {
    info = {.status = envelope.status(), .bytes = info.bytes};
  } else if (!envelope->in_file) {
    info.status = VisitValue(*envelope, envelope->stored, visit_value).status();
  } else {
    info.status =
        VisitFile(environment.value_files(), seen.place, seen.envelope, visit_value).status();
    if (absl::IsNotFound(info.status)) {
      const absl::StatusOr<bool> is_there = IsStillThere(environment, seen);
      if (!is_there.ok() || !*is_there) return is_there.status();
      info.status = absl::DataLossError(
          absl::StrCat("the file of a value is missing: ", info.status.message()));
    }
  }
  if (!is_visited) visit(info);
  return absl::OkStatus();
}

// If the record has gone with its file nothing is amiss.
absl::StatusOr<bool> LmdbScan::IsStillThere(LmdbEnvironment& environment, const Seen& seen) {
  bool is_there = false;
  const absl::Status status = environment.LookUp([&](LmdbSnapshot& snapshot) {
    std::string_view bytes;
    const int error = snapshot.Find(seen.place, &bytes);
    is_there = error == 0 && TraceOf(bytes) == seen.trace;
    return error == MDB_NOTFOUND ? 0 : error;
  });
  if (!status.ok()) return status;
  return is_there;
}

absl::Status LmdbScan::Erase(LmdbEnvironment& environment, const std::vector<const Seen*>& seen) {
  const auto drop_nothing = [](const Place&) { return false; };
  return environment.group_commit().Instead(drop_nothing, [&] {
    return environment.WriteEntries([&](LmdbEntries& entries) {
      for (const Seen* entry : seen) {
        const auto is_same = [&](std::string_view bytes) { return TraceOf(bytes) == entry->trace; };
        if (int error = entries.EraseIf(entry->place, is_same); error != 0) return error;
      }
      return 0;
    });
  });
}

}  // namespace permacache::storage
