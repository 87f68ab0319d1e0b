// Looking entries up in a data file that has not been checked, and may be damaged.
#include "permacache/storage/lmdb_snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lmdb.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "permacache/storage/key_digest.h"
#include "permacache/storage/lmdb_environment.h"
#include "permacache/storage/lmdb_map.h"
#include "permacache/storage/lmdb_store.h"
#include "permacache/storage/place.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/random.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

using storage::KeyDigest;
using storage::LmdbEnvironment;
using storage::LmdbMap;
using storage::LmdbSnapshot;
using storage::LmdbStore;
using storage::Place;
using storage::Record;
using ::testing::HasSubstr;

constexpr size_t kPage = 4096;
constexpr int kEntries = 400;

std::string Key(int i) { return "key " + std::to_string(i); }

// Some need several pages.
std::string Value(int i) {
  return std::string(i % 40 == 0 ? 9000 + i : 10 + i % 90, static_cast<char>('a' + i % 26));
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::unique_ptr<LmdbStore> Open(const std::filesystem::path& directory, uint32_t version = 0) {
  auto store = LmdbStore::Open({.environment = {.directory = directory}, .version = version});
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

// The data file of a store with kEntries entries.
const std::string& SoundFile() {
  static const auto* const bytes = [] {
    const TemporaryDirectory directory(ParentInMemory());
    const auto store = Open(directory.path());
    for (int i = 0; i < kEntries; ++i) {
      EXPECT_TRUE(store->Put(Key(i), {.value = Value(i)}).ok());
    }
    return new std::string(ReadFile(directory.path() / "data.mdb"));
  }();
  return *bytes;
}

enum class Got { kRight, kWrong, kMiss, kDataLoss, kOtherError };

Got GetFrom(storage::Store& store, int i) {
  bool right = false;
  const absl::StatusOr<bool> found =
      store.Get(Key(i), [&](const Record& record) { right = record.value == Value(i); });
  if (absl::IsDataLoss(found.status())) return Got::kDataLoss;
  if (!found.ok()) return Got::kOtherError;
  if (!*found) return Got::kMiss;
  return right ? Got::kRight : Got::kWrong;
}

// A cache with this data file, which nobody has used yet.
class Cache {
 public:
  explicit Cache(const std::string& bytes) {
    WriteFile(file(), bytes);
    store_ = Open(directory_.path());
  }

  std::filesystem::path file() const { return directory_.path() / "data.mdb"; }
  LmdbStore& store() { return *store_; }

 private:
  const TemporaryDirectory directory_{ParentInMemory()};
  std::unique_ptr<LmdbStore> store_;
};

std::string WithRubbishOn(std::string bytes, size_t page) {
  return bytes.replace(page * kPage, kPage, std::string(kPage, 'x'));
}

// Looks a key up in the last transaction, both ways.
void ExpectTheSameAsLmdb(LmdbEnvironment& environment, LmdbMap& map, MDB_dbi database,
                         const Place& place, bool is_sound) {
  const absl::Status status = environment.Read([&](MDB_txn* txn) {
    MDB_val key{place.digest.size(), const_cast<unsigned char*>(place.digest.data())}, bytes;
    const int error = mdb_get(txn, database, &key, &bytes);
    LmdbSnapshot snapshot(map, mdb_txn_id(txn), is_sound);
    std::string_view found;
    EXPECT_EQ(snapshot.Find(place, &found), error) << snapshot.trouble();
    if (error == 0) {
      EXPECT_TRUE(found == std::string_view(static_cast<char*>(bytes.mv_data), bytes.mv_size));
    }
    return 0;
  });
  EXPECT_TRUE(status.ok()) << status;
}

// The trees grow and shrink, so that pages split, merge and become free in every way.
TEST(LmdbSnapshot, FindsWhatLmdbFinds) {
  const TemporaryDirectory directory(ParentInMemory());
  std::mt19937_64 random = SeededRandom();
  const auto environment = LmdbEnvironment::Acquire({.directory = directory.path()}).value();
  LmdbMap map;
  for (uint32_t round = 0; round < 200; ++round) {
    const uint32_t generation = round % 3 * 5;
    const MDB_dbi database = environment->OpenGeneration(generation).value();
    const bool grows = round / 40 % 2 == 0;
    ASSERT_TRUE(environment
                    ->Write([&](MDB_txn* txn) {
                      for (uint64_t left = random() % 200; left > 0; --left) {
                        KeyDigest digest = storage::DigestOfKey(Key(random() % 2000));
                        const std::string value(random() % (random() % 50 == 0 ? 20'000 : 500),
                                                'v');
                        MDB_val key{digest.size(), digest.data()};
                        MDB_val bytes{value.size(), const_cast<char*>(value.data())};
                        const int error = grows ? mdb_put(txn, database, &key, &bytes, 0)
                                                : mdb_del(txn, database, &key, nullptr);
                        if (error != 0 && error != MDB_NOTFOUND) return error;
                      }
                      return 0;
                    })
                    .ok());
    if (round == 0) {
      ASSERT_TRUE(environment
                      ->Read([&](MDB_txn* txn) {
                        mdb_filehandle_t fd;
                        mdb_env_get_fd(mdb_txn_env(txn), &fd);
                        map.Open(fd, kPage);
                        return 0;
                      })
                      .ok());
    }
    for (int i = 0; i < 100; ++i) {
      ExpectTheSameAsLmdb(*environment, map, database,
                          {generation, storage::DigestOfKey(Key(random() % 2000))}, i % 2 == 0);
    }
  }
}

TEST(LmdbSnapshot, ReadsNoPageButThoseOnTheWay) {
  std::string bytes = SoundFile();
  const size_t pages = bytes.size() / kPage;
  ASSERT_GT(pages, 20u);
  constexpr int kSought = 0;  // has a large value
  std::set<size_t> needed;
  for (size_t page = 2; page < pages; ++page) {
    const std::string damaged = WithRubbishOn(bytes, page);
    const Got got = GetFrom(Cache(damaged).store(), kSought);
    if (got == Got::kRight) {
      bytes = damaged;
    } else {
      EXPECT_EQ(got, Got::kDataLoss) << page;
      needed.insert(page);
    }
  }
  // The names' page, a branch, a leaf and the three of the value.
  EXPECT_EQ(needed.size(), 6u);
}

TEST(LmdbSnapshot, NeverTakesDamageForAMiss) {
  const std::string& bytes = SoundFile();
  int right = 0, lost = 0;
  for (size_t page = 2; page < bytes.size() / kPage; page += 3) {
    Cache cache(WithRubbishOn(bytes, page));
    for (int i = 0; i < kEntries; ++i) {
      const Got got = GetFrom(cache.store(), i);
      EXPECT_TRUE(got == Got::kRight || got == Got::kDataLoss) << page << ", " << i;
      right += got == Got::kRight;
      lost += got == Got::kDataLoss;
    }
  }
  EXPECT_GT(right, 0);
  EXPECT_GT(lost, 0);
}

// What is sought is not there, but the damage might hide it.
TEST(LmdbSnapshot, ChecksThePagesThatSayThatThereIsNothing) {
  const std::string& sound = SoundFile();
  int lost = 0;
  for (size_t page = 2; page < sound.size() / kPage; ++page) {
    // An entry that lies beyond its page.
    std::string bytes = sound;
    bytes.replace(page * kPage + 16, 2, "\xfe\x7f");
    Cache cache(bytes);
    int lost_here = 0;
    for (int i = kEntries; i < 2 * kEntries; ++i) {
      const Got got = GetFrom(cache.store(), i);
      EXPECT_TRUE(got == Got::kMiss || got == Got::kDataLoss);
      lost_here += got == Got::kDataLoss;
    }
    lost += lost_here > 0;
  }
  EXPECT_GT(lost, 10);
}

TEST(LmdbSnapshot, SaysWhatIsDamagedAndWhere) {
  std::string bytes = SoundFile();
  for (size_t page = 2; page < bytes.size() / kPage; ++page) bytes = WithRubbishOn(bytes, page);
  Cache cache(bytes);
  const absl::Status status = cache.store().Get(Key(1), [](const Record&) {}).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(cache.file().string()));
  EXPECT_THAT(std::string(status.message()), HasSubstr("page "));
}

TEST(LmdbSnapshot, OfManyLosesOnlyThoseBehindTheDamage) {
  const std::string& sound = SoundFile();
  std::vector<std::string> keys;
  for (int i = 0; i < kEntries; ++i) keys.push_back(Key(i));
  int files_with_some = 0;
  for (size_t page = 2; page < sound.size() / kPage; page += 5) {
    const std::string bytes = WithRubbishOn(sound, page);
    int alone = 0;
    {
      Cache cache(bytes);
      for (int i = 0; i < kEntries; ++i) alone += GetFrom(cache.store(), i) == Got::kRight;
    }
    Cache cache(bytes);
    std::set<size_t> visited;
    const absl::Status status =
        cache.store().GetMany(keys, [&](size_t index, const Record& record) {
          EXPECT_TRUE(record.value == Value(static_cast<int>(index)));
          EXPECT_TRUE(visited.insert(index).second) << index;
        });
    EXPECT_EQ(visited.size(), static_cast<size_t>(alone));
    EXPECT_EQ(absl::IsDataLoss(status), alone < kEntries) << status;
    files_with_some += alone > 0 && alone < kEntries;
  }
  EXPECT_GT(files_with_some, 0);
}

// LMDB may follow any page in a write or a walk.
TEST(LmdbSnapshot, IsAllThatADamagedFileIsGoodFor) {
  const std::string& sound = SoundFile();
  for (size_t page = 2; page < sound.size() / kPage; page += 3) {
    const std::string bytes = WithRubbishOn(sound, page);
    Cache cache(bytes);
    LmdbStore& store = cache.store();
    const absl::Status checked = store.Size().status();
    if (checked.ok()) continue;  // a free page
    EXPECT_TRUE(absl::IsDataLoss(checked)) << checked;
    EXPECT_TRUE(absl::IsDataLoss(store.Put(Key(1), {.value = "new"})));
    EXPECT_TRUE(absl::IsDataLoss(store.Erase(Key(1)).status()));
    EXPECT_TRUE(absl::IsDataLoss(store.Clear()));
    EXPECT_TRUE(absl::IsDataLoss(store.Compact([](int64_t, int64_t) {})));
    EXPECT_TRUE(absl::IsDataLoss(store.ForEach(
        storage::Depth::kHeads, [](const auto&) { return storage::Verdict::kKeep; })));
    EXPECT_TRUE(ReadFile(cache.file()) == bytes);
  }
}

TEST(LmdbSnapshot, WritesNothing) {
  Cache cache(SoundFile());
  EXPECT_EQ(GetFrom(cache.store(), 1), Got::kRight);
  EXPECT_EQ(GetFrom(cache.store(), kEntries), Got::kMiss);
  EXPECT_TRUE(ReadFile(cache.file()) == SoundFile());
  // Nor does opening a version that is not there.
  const auto other = Open(cache.file().parent_path(), 7);
  EXPECT_EQ(GetFrom(*other, 1), Got::kMiss);
  EXPECT_TRUE(ReadFile(cache.file()) == SoundFile());
}

// One version would get the values of another: their entries have the same keys.
TEST(LmdbSnapshot, FindsADatabaseThatHasTheRootOfAnother) {
  const TemporaryDirectory directory(ParentInMemory());
  const std::filesystem::path file = directory.path() / "data.mdb";
  {
    const auto zero = Open(directory.path(), 0), one = Open(directory.path(), 1);
    ASSERT_TRUE(zero->Put("key", {.value = "zero"}).ok());
    ASSERT_TRUE(one->Put("key", {.value = "one"}).ok());
  }
  // In the newer leaf of names: a name, flags, depth, four counts, the root.
  std::string bytes = ReadFile(file);
  int changed = 0;
  for (size_t page = 2 * kPage; page < bytes.size(); page += kPage) {
    std::vector<size_t> roots;
    for (size_t at = page + 16; at + 57 <= page + kPage; at += 2) {
      const std::string_view node(&bytes[at], 9);
      if (node.substr(0, 8) == std::string_view("\x30\0\0\0\2\0\1\0", 8)) {
        roots.push_back(at + 9 + 40);
      }
    }
    if (roots.size() != 2) continue;
    bytes.replace(roots[0], 8, bytes, roots[1], 8);
    ++changed;
  }
  ASSERT_GT(changed, 0);
  std::filesystem::remove(directory.path() / "lock.mdb");
  WriteFile(file, bytes);
  for (const uint32_t version : {0, 1}) {
    const absl::StatusOr<bool> found =
        Open(directory.path(), version)->Get("key", [](const Record&) {});
    EXPECT_TRUE(absl::IsDataLoss(found.status())) << found.status();
  }
}

TEST(LmdbSnapshot, FindsWhatIsThereInEachPartOfATruncatedFile) {
  const std::string& sound = SoundFile();
  for (size_t size = 2 * kPage; size < sound.size(); size += 7 * kPage / 2) {
    Cache cache(sound.substr(0, size));
    for (int i = 0; i < kEntries; ++i) {
      const Got got = GetFrom(cache.store(), i);
      EXPECT_TRUE(got == Got::kRight || got == Got::kDataLoss) << size << ", " << i;
    }
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they need the address space

// LMDB's own map takes almost all that there is.
TEST(LmdbSnapshot, WithoutAddressSpaceForTheFileMapsWhatItNeeds) {
  const TemporaryDirectory directory(ParentInMemory());
  constexpr size_t kSize = 3 << 20;
  EXPECT_EQ(WaitForProcess(StartProcess([&] {
              if (!LimitAddressSpace(size_t{500} << 20)) return 100;
              const auto store = LmdbStore::Open({.environment = {.directory = directory.path(),
                                                                  .map_size = size_t{1} << 20,
                                                                  .memory_bytes = 0}})
                                     .value();
              int stored = 0;
              while (store->Put(Key(stored), {.value = std::string(kSize, 'v')}).ok()) ++stored;
              if (stored < 10) return 1;
              for (int i = 0; i < stored; ++i) {
                size_t size = 0;
                if (!store->Get(Key(i), [&](const Record& record) { size = record.value.size(); })
                         .value_or(false)) {
                  return 2;
                }
                if (size != kSize) return 3;
              }
              return store->Get(Key(stored), [](const Record&) {}).value_or(true) ? 4 : 0;
            })),
            0);
}

#endif

// This process writes nothing, so that it never checks the whole file, which grows to many times
// its size.
TEST(LmdbSnapshot, GoesOnWhileAnotherProcessCommits) {
  constexpr int kMore = 300;
  const auto large = [](int i) {
    return std::string(100'000 + i, static_cast<char>('a' + i % 26));
  };
  const TemporaryDirectory directory(ParentInMemory());
  WriteFile(directory.path() / "data.mdb", SoundFile());
  int written[2];
  ASSERT_EQ(pipe(written), 0);
  const pid_t writer = StartProcess([&] {
    close(written[0]);
    const auto store = Open(directory.path());
    for (int i = 0; i < kMore; ++i) {
      if (!store->Put("more " + std::to_string(i), {.value = large(i)}).ok()) return 1;
      if (!store->Put(Key(i), {.value = Value(i)}).ok()) return 2;
      const char byte = 0;
      if (write(written[1], &byte, 1) != 1) return 3;
    }
    return 0;
  });
  close(written[1]);
  const auto store = LmdbStore::Open({.environment = {.directory = directory.path(),
                                                      .map_size = size_t{1} << 20,
                                                      .memory_bytes = 0}})
                         .value();
  char byte;
  for (int i = 0; read(written[0], &byte, 1) == 1; ++i) {
    bool right = false;
    const absl::StatusOr<bool> found =
        store->Get("more " + std::to_string(i),
                   [&](const Record& record) { right = record.value == large(i); });
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_TRUE(*found && right) << i;
    for (int j = 0; j < 20; ++j) {
      EXPECT_EQ(GetFrom(*store, (i * 20 + j) % kEntries), Got::kRight);
      EXPECT_EQ(GetFrom(*store, kEntries + j), Got::kMiss);
    }
  }
  close(written[0]);
  EXPECT_EQ(WaitForProcess(writer), 0);
  EXPECT_EQ(store->Size().value(), kEntries + kMore);
}

}  // namespace
}  // namespace permacache::testing
