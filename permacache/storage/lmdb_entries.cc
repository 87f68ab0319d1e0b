#include "permacache/storage/lmdb_entries.h"

#include <cstring>
#include <string>

#include "permacache/storage/envelope.h"

namespace permacache::storage {
namespace {

int FoundOrNot(int error) { return error == MDB_NOTFOUND ? 0 : error; }

}  // namespace

std::optional<ValueReference> FileOf(std::string_view envelope) {
  // The checksum of those that have none is not worth its price.
  const absl::StatusOr<Envelope> head = ParseEnvelopeHead(envelope, envelope.size());
  if (!head.ok() || !head->in_file) return std::nullopt;
  const absl::StatusOr<Envelope> whole = ParseEnvelope(envelope);
  if (!whole.ok()) return std::nullopt;
  const absl::StatusOr<ValueReference> reference = ValueReference::FromBytes(whole->stored);
  if (!reference.ok()) return std::nullopt;
  return *reference;
}

void LmdbEntries::FreeFileOf(const Place& place, std::string_view envelope) {
  if (const std::optional<ValueReference> file = FileOf(envelope))
    freed_.emplace_back(place, *file);
}

// LMDB finds a database by its name that is open already, and writers take turns.
int LmdbEntries::Open(uint32_t generation, unsigned flags, MDB_dbi* database) {
  return mdb_dbi_open(txn_, std::to_string(generation).c_str(), flags, database);
}

int LmdbEntries::Put(const Place& place, std::string_view envelope) {
  MDB_dbi database;
  if (int opened = Open(place.generation, MDB_CREATE, &database); opened != 0) return opened;
  MDB_val key = ToVal(place.digest), before;
  const int error = mdb_get(txn_, database, &key, &before);
  if (error == 0) FreeFileOf(place, ToView(before));
  if (error != 0 && error != MDB_NOTFOUND) return error;
  MDB_val bytes{envelope.size(), const_cast<char*>(envelope.data())};
  return mdb_put(txn_, database, &key, &bytes, 0);
}

int LmdbEntries::EraseIf(const Place& place,
                         absl::FunctionRef<bool(std::string_view envelope)> accept) {
  MDB_dbi database;
  if (int error = Open(place.generation, 0, &database); error != 0) return FoundOrNot(error);
  MDB_val key = ToVal(place.digest), bytes;
  if (int error = mdb_get(txn_, database, &key, &bytes); error != 0) return FoundOrNot(error);
  if (!accept(ToView(bytes))) return 0;
  FreeFileOf(place, ToView(bytes));
  return mdb_del(txn_, database, &key, nullptr);
}

int LmdbEntries::Clear(uint32_t generation) {
  MDB_dbi database;
  if (int error = Open(generation, 0, &database); error != 0) return FoundOrNot(error);
  MDB_cursor* cursor = nullptr;
  if (int error = mdb_cursor_open(txn_, database, &cursor); error != 0) return error;
  MDB_val key, bytes;
  int error = 0;
  while ((error = mdb_cursor_get(cursor, &key, &bytes, MDB_NEXT)) == 0) {
    Place place{.generation = generation, .digest = {}};
    if (key.mv_size != place.digest.size()) continue;
    std::memcpy(place.digest.data(), key.mv_data, key.mv_size);
    FreeFileOf(place, ToView(bytes));
  }
  mdb_cursor_close(cursor);
  return error == MDB_NOTFOUND ? mdb_drop(txn_, database, 0) : error;
}

int LmdbEntries::NoteUse(const Place& place, TimePoint now) {
  MDB_dbi database;
  if (int error = Open(place.generation, 0, &database); error != 0) return FoundOrNot(error);
  MDB_val key = ToVal(place.digest), bytes;
  if (int error = mdb_get(txn_, database, &key, &bytes); error != 0) return FoundOrNot(error);
  absl::StatusOr<Envelope> envelope = ParseEnvelope(ToView(bytes));
  if (!envelope.ok()) return 0;
  envelope->last_used = now;
  const std::string noted = SealEnvelope(*envelope);  // a copy: LMDB moves pages as it writes
  MDB_val changed{noted.size(), const_cast<char*>(noted.data())};
  return mdb_put(txn_, database, &key, &changed, 0);
}

}  // namespace permacache::storage
