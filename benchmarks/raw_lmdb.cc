#include "benchmarks/raw_lmdb.h"

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace permacache::benchmarks {
namespace {

constexpr size_t kMapSize = size_t{1} << 36;

void Check(int error) {
  if (error == 0) return;
  std::fprintf(stderr, "LMDB: %s\n", mdb_strerror(error));
  std::abort();
}

MDB_val ToVal(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }

}  // namespace

RawLmdb RawLmdb::Make(const std::filesystem::path& folder, unsigned flags) {
  return RawLmdb(folder, flags, nullptr);
}

RawLmdb RawLmdb::Open(const std::filesystem::path& folder) {
  return RawLmdb(folder, MDB_RDONLY, "0");
}

RawLmdb::RawLmdb(const std::filesystem::path& folder, unsigned flags, const char* database) {
  Check(mdb_env_create(&env_));
  Check(mdb_env_set_maxdbs(env_, 4));
  Check(mdb_env_set_mapsize(env_, kMapSize));
  Check(mdb_env_open(env_, folder.c_str(), flags | MDB_NOTLS, 0600));
  MDB_txn* txn = nullptr;
  Check(mdb_txn_begin(env_, nullptr, flags & MDB_RDONLY, &txn));
  Check(mdb_dbi_open(txn, database, 0, &database_));
  Check(mdb_txn_commit(txn));
  Check(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &reader_));
  mdb_txn_reset(reader_);
}

RawLmdb::RawLmdb(RawLmdb&& other) noexcept
    : env_(std::exchange(other.env_, nullptr)),
      database_(other.database_),
      reader_(std::exchange(other.reader_, nullptr)) {}

RawLmdb::~RawLmdb() {
  if (env_ == nullptr) return;
  mdb_txn_abort(reader_);
  mdb_env_close(env_);
}

std::string RawLmdb::Get(std::string_view key) {
  Check(mdb_txn_renew(reader_));
  MDB_val k = ToVal(key), v;
  Check(mdb_get(reader_, database_, &k, &v));
  std::string value(static_cast<const char*>(v.mv_data), v.mv_size);
  mdb_txn_reset(reader_);
  return value;
}

void RawLmdb::Put(std::string_view key, std::string_view value) {
  MDB_txn* txn = nullptr;
  Check(mdb_txn_begin(env_, nullptr, 0, &txn));
  MDB_val k = ToVal(key), v = ToVal(value);
  Check(mdb_put(txn, database_, &k, &v, 0));
  Check(mdb_txn_commit(txn));
}

std::filesystem::path DataFileIn(const std::filesystem::path& directory) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.path().filename() == "data.mdb") return entry.path();
  }
  std::fprintf(stderr, "there is no data.mdb in %s\n", directory.c_str());
  std::abort();
}

}  // namespace permacache::benchmarks
