// What the processes of the kill torture do until they are killed.
#ifndef TESTS_STORAGE_KILL_WORKER_H_
#define TESTS_STORAGE_KILL_WORKER_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "permacache/storage/lmdb_store.h"
#include "tests/storage/kill_ledger.h"

namespace permacache::testing {

// The stores that one thread uses, opened when they are needed. Everything that is not as it should
// be is counted in the ledger and told on stderr.
class TorturedStores {
 public:
  TorturedStores(std::filesystem::path directory, size_t map_size, storage::Compression compression,
                 Ledger& ledger);

  storage::LmdbStore& Of(const EntryId& id,
                         storage::Durability durability = storage::Durability::kSynced);

  // Whether the entry's value has this number, or there is none if that is 0.
  bool Has(const EntryId& id, uint64_t number,
           storage::Durability durability = storage::Durability::kSynced);

  void Expect(const absl::Status& status);
  void Complain(const std::string& what);

  // Another store of what the entry belongs to.
  std::unique_ptr<storage::LmdbStore> Open(const EntryId& id, storage::Durability durability);

 private:
  const std::filesystem::path directory_;
  const size_t map_size_;
  const storage::Compression compression_;
  Ledger& ledger_;
  std::map<std::tuple<int, uint32_t, storage::Durability>, std::unique_ptr<storage::LmdbStore>>
      stores_;
};

// Runs one thread of a process.
[[noreturn]] void WorkUntilKilled(const std::filesystem::path& directory, Ledger& ledger,
                                  int process, int thread, uint64_t seed);

}  // namespace permacache::testing

#endif  // TESTS_STORAGE_KILL_WORKER_H_
