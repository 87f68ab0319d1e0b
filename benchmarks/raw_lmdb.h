// LMDB as one would use it by hand: what a cache on LMDB can be measured against.
#ifndef PERMACACHE_BENCHMARKS_RAW_LMDB_H_
#define PERMACACHE_BENCHMARKS_RAW_LMDB_H_

#include <lmdb.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace permacache::benchmarks {

// One database of an environment. Ends the program when something fails, as nothing may. For one
// thread.
class RawLmdb {
 public:
  // A new environment in `folder`. `flags` are LMDB's, such as MDB_NOSYNC.
  static RawLmdb Make(const std::filesystem::path& folder, unsigned flags);

  // A data file that permacache has written, with the entries of version 0. It must not be open in
  // this process, or LMDB's locks get lost; see CopyOf.
  static RawLmdb Open(const std::filesystem::path& folder);

  RawLmdb(RawLmdb&& other) noexcept;
  ~RawLmdb();

  // In a read transaction that is renewed for it; the value is copied out.
  std::string Get(std::string_view key);

  // In a transaction of its own.
  void Put(std::string_view key, std::string_view value);

 private:
  RawLmdb(const std::filesystem::path& folder, unsigned flags, const char* database);

  MDB_env* env_ = nullptr;
  MDB_dbi database_ = 0;
  MDB_txn* reader_ = nullptr;
};

// The one LMDB data file below `directory`.
std::filesystem::path DataFileIn(const std::filesystem::path& directory);

}  // namespace permacache::benchmarks

#endif  // PERMACACHE_BENCHMARKS_RAW_LMDB_H_
