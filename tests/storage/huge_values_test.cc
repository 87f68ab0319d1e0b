// Values beyond 2 GiB, where a commit of LMDB fails.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <memory>
#include <string_view>

#include "permacache/storage/file_store.h"
#include "permacache/storage/lmdb_store.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

using storage::Record;
using storage::Store;

// All zeros, which take no memory.
class Zeros {
 public:
  explicit Zeros(size_t size)
      : size_(size),
        map_(mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {}
  ~Zeros() { munmap(map_, size_); }

  std::string_view view() const { return {static_cast<const char*>(map_), size_}; }

 private:
  const size_t size_;
  void* const map_;
};

void ExpectComesBack(Store& store) {
  const Zeros zeros((size_t{1} << 31) + 12345);
  const absl::Status put = store.Put("key", {.value = zeros.view()});
  ASSERT_TRUE(put.ok()) << put;
  bool same = false;
  const absl::StatusOr<bool> found =
      store.Get("key", [&](const Record& record) { same = record.value == zeros.view(); });
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(same);
}

TEST(HugeValue, ComesBackFromALmdbStore) {
  const TemporaryDirectory directory;
  ExpectComesBack(**storage::LmdbStore::Open({.environment = {.directory = directory.path()}}));
}

TEST(HugeValue, ComesBackFromAFileStore) {
  const TemporaryDirectory directory;
  storage::FileStore store({.directory = directory.path()});
  ExpectComesBack(store);
}

}  // namespace
}  // namespace permacache::testing
