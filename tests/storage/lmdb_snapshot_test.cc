// Looking entries up in a data file that has not been checked, and may be damaged.
#include "permacache/storage/lmdb_snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lmdb.h>
#include <unistd.h>

#include <algorithm>
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

constexpr size_t kEntryPlaces = 16;  // offset of those of a page's entries

bool IsLeaf(const std::string& bytes, size_t page) {
  return bytes.compare(page * kPage + 10, 2, std::string("\2\0", 2)) == 0;
}

// The search for some entries then goes past them.
TEST(LmdbSnapshot, NeverTakesEntriesThatAreOutOfOrderForAMiss) {
  const std::string& sound = SoundFile();
  int lost = 0;
  for (size_t page = 2; page < sound.size() / kPage; ++page) {
    if (!IsLeaf(sound, page)) continue;
    std::string bytes = sound;
    const size_t places = page * kPage + kEntryPlaces;
    for (const size_t i : {2, 6, 10}) {
      std::swap_ranges(&bytes[places + 2 * i], &bytes[places + 2 * i + 2],
                       &bytes[places + 2 * i + 2]);
    }
    Cache cache(bytes);
    for (int i = 0; i < kEntries; ++i) {
      const Got got = GetFrom(cache.store(), i);
      EXPECT_TRUE(got == Got::kRight || got == Got::kDataLoss) << page << ", " << i;
      lost += got == Got::kDataLoss;
    }
  }
  EXPECT_GT(lost, 10);
}

int CountLost(const std::string& bytes) {
  Cache cache(bytes);
  int lost = 0;
  for (int i = 0; i < kEntries; ++i) {
    const Got got = GetFrom(cache.store(), i);
    EXPECT_TRUE(got == Got::kRight || got == Got::kDataLoss) << i;
    lost += got == Got::kDataLoss;
  }
  return lost;
}

TEST(LmdbSnapshot, NoticesAPageWithTheNumberOfAnother) {
  const std::string& sound = SoundFile();
  for (size_t page = 2; page < sound.size() / kPage; page += 3) {
    std::string bytes = sound;
    bytes[page * kPage] ^= 1;
    EXPECT_EQ(CountLost(bytes), CountLost(WithRubbishOn(sound, page))) << page;
  }
}

// LMDB takes what lies behind the last page for unused.
TEST(LmdbSnapshot, FollowsNothingBehindTheLastPage) {
  constexpr size_t kLastPage = 16 + 24 + 2 * 48;
  std::string bytes = SoundFile();
  for (const size_t meta : {size_t{0}, kPage}) {
    bytes.replace(meta + kLastPage, 8, std::string("\5\0\0\0\0\0\0\0", 8));
  }
  EXPECT_GT(CountLost(bytes), kEntries / 2);
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

// LMDB may follow any page in a write.
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
    EXPECT_TRUE(ReadFile(cache.file()) == bytes);
  }
}

// A walk over this cache: which entries it showed, and how it ended.
struct Walked {
  std::set<std::string> keys;
  absl::Status status;
};

Walked WalkOver(LmdbStore& store, storage::Depth depth) {
  Walked walked;
  walked.status = store.ForEach(depth, [&](const storage::EntryInfo& info) {
    EXPECT_TRUE(info.status.ok()) << info.status;
    EXPECT_TRUE(walked.keys.insert(std::string(info.key)).second) << "twice: " << info.key;
    return storage::Verdict::kKeep;
  });
  return walked;
}

TEST(LmdbSnapshot, IsWalkedOverFromEntryToEntry) {
  Cache cache(SoundFile());
  std::set<std::string> all;
  for (int i = 0; i < kEntries; ++i) all.insert(Key(i));
  EXPECT_EQ(WalkOver(cache.store(), storage::Depth::kHeads).keys, all);
  EXPECT_EQ(WalkOver(cache.store(), storage::Depth::kValues).keys, all);
}

// A walk that says nothing of damage has shown all there is, and each entry once.
TEST(LmdbSnapshot, IsWalkedOverAsAWholeOrSaysWhyNot) {
  const std::string& sound = SoundFile();
  int walked_over = 0, told = 0;
  for (size_t page = 2; page < sound.size() / kPage; ++page) {
    Cache cache(WithRubbishOn(sound, page));
    const Walked walked = WalkOver(cache.store(), storage::Depth::kHeads);
    EXPECT_TRUE(walked.status.ok() || absl::IsDataLoss(walked.status)) << walked.status;
    if (walked.status.ok()) {
      EXPECT_EQ(walked.keys.size(), static_cast<size_t>(kEntries)) << page;
    }
    ++(walked.status.ok() ? walked_over : told);
  }
  EXPECT_GT(walked_over, 0);
  EXPECT_GT(told, 0);
}

TEST(LmdbSnapshot, IsNoReasonToLetLmdbFollowPages) {
  const std::string& sound = SoundFile();
  size_t page = 2;
  int lost = 0;
  while (lost == 0 || lost == kEntries) lost = CountLost(WithRubbishOn(sound, ++page));
  Cache cache(WithRubbishOn(sound, page));
  const auto environment =
      LmdbEnvironment::Acquire({.directory = cache.file().parent_path()}).value();
  bool was_run = false;
  const auto run = [&](MDB_txn*) {
    was_run = true;
    return 0;
  };
  EXPECT_TRUE(absl::IsDataLoss(environment->Read(run)));
  EXPECT_TRUE(absl::IsDataLoss(environment->Write(run)));
  EXPECT_FALSE(was_run);
  EXPECT_EQ(environment->Generations().value(), std::vector<uint32_t>{0});
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

// A file with versions of so many entries, which have the same keys and values of their own.
class Versions {
 public:
  explicit Versions(const std::vector<int>& entries) : entries_(entries) {
    const TemporaryDirectory directory(ParentInMemory());
    for (uint32_t version = 0; version < entries_.size(); ++version) {
      const auto store = Open(directory.path(), version);
      for (int i = 0; i < entries_[version]; ++i) {
        EXPECT_TRUE(store->Put(Key(i), {.value = ValueOf(version, i)}).ok());
      }
    }
    // There shall be no pages of earlier times.
    EXPECT_TRUE(Open(directory.path())->Compact([](int64_t, int64_t) {}).ok());
    bytes_ = ReadFile(directory.path() / "data.mdb");
  }

  const std::string& bytes() const { return bytes_; }

  struct Outcome {
    int right = 0, wrong = 0, misses = 0, lost = 0;
    int lost_of_last = 0;  // of the last version
  };

  // Looks all entries up in a file.
  Outcome Use(const std::string& bytes) const {
    const TemporaryDirectory directory(ParentInMemory());
    WriteFile(directory.path() / "data.mdb", bytes);
    Outcome outcome;
    for (uint32_t version = 0; version < entries_.size(); ++version) {
      const auto store = Open(directory.path(), version);
      for (int i = 0; i < entries_[version]; ++i) {
        const absl::StatusOr<bool> found = store->Get(Key(i), [&](const Record& record) {
          ++(record.value == ValueOf(version, i) ? outcome.right : outcome.wrong);
        });
        outcome.lost += absl::IsDataLoss(found.status());
        outcome.lost_of_last += absl::IsDataLoss(found.status()) && version + 1 == entries_.size();
        outcome.misses += !found.value_or(true);
      }
    }
    return outcome;
  }

  int CountLost(const std::string& bytes) const {
    const Outcome outcome = Use(bytes);
    EXPECT_EQ(outcome.wrong, 0);
    EXPECT_EQ(outcome.misses, 0);
    return outcome.lost;
  }

 private:
  static std::string ValueOf(uint32_t version, int i) {
    return std::to_string(version) + Value(i % 40 + 1);
  }

  const std::vector<int> entries_;
  std::string bytes_;
};

// Where the roots are written on the last page of names with so many: behind a node's header and
// name lie flags, depth, four counts and the root.
std::vector<size_t> RootsIn(const std::string& bytes, size_t names) {
  constexpr std::string_view kSizeAndFlags("\x30\0\0\0\2\0\1\0", 8);
  std::vector<size_t> roots;
  for (size_t page = 2; page < bytes.size() / kPage; ++page) {
    if (!IsLeaf(bytes, page)) continue;
    std::vector<size_t> here;
    for (size_t i = 0; i < names; ++i) {
      uint16_t place;
      std::memcpy(&place, &bytes[page * kPage + kEntryPlaces + 2 * i], sizeof(place));
      if (place < kEntryPlaces || place + 57u > kPage) break;
      const size_t node = page * kPage + place;
      if (bytes.compare(node, 8, kSizeAndFlags) == 0) here.push_back(node + 8 + 1 + 40);
    }
    if (here.size() == names) roots.insert(roots.end(), here.begin(), here.end());
  }
  return roots;
}

// One version would get the values of another.
TEST(LmdbSnapshot, FindsADatabaseThatHasTheRootOfAnother) {
  const Versions versions({1, 1});
  ASSERT_EQ(versions.CountLost(versions.bytes()), 0);
  std::string bytes = versions.bytes();
  const std::vector<size_t> roots = RootsIn(bytes, 2);  // of some commits
  ASSERT_FALSE(roots.empty());
  for (size_t i = 0; i < roots.size(); i += 2) bytes.replace(roots[i], 8, bytes, roots[i + 1], 8);
  EXPECT_EQ(versions.CountLost(bytes), 2);
}

TEST(LmdbSnapshot, NeverTakesANameThatIsOutOfOrderForAMiss) {
  const Versions versions({1, 1, 1, 1});
  const std::string& sound = versions.bytes();
  const std::vector<size_t> roots = RootsIn(sound, 4);
  ASSERT_FALSE(roots.empty());
  for (size_t first = 0; first < 4; ++first) {
    for (size_t second = first + 1; second < 4; ++second) {
      std::string bytes = sound;
      for (size_t i = 0; i < roots.size(); i += 4) {
        char* const places = &bytes[roots[i] / kPage * kPage + kEntryPlaces];
        std::swap_ranges(places + 2 * first, places + 2 * first + 2, places + 2 * second);
      }
      EXPECT_EQ(versions.CountLost(bytes), 4);
    }
  }
}

// Its keys are those of another range.
TEST(LmdbSnapshot, GivesNothingFromALeafOfAnotherDatabase) {
  constexpr size_t kNumber = 8;  // stays, as it would be noticed
  const Versions versions({600, 60});
  const std::string& sound = versions.bytes();
  std::vector<size_t> leaves, leaves_of_last;
  for (size_t page = 2; page < sound.size() / kPage; ++page) {
    if (!IsLeaf(sound, page)) continue;
    const Versions::Outcome outcome = versions.Use(WithRubbishOn(sound, page));
    if (outcome.lost == outcome.lost_of_last) {
      leaves_of_last.push_back(page * kPage);
    } else if (outcome.lost_of_last == 0) {
      leaves.push_back(page * kPage);
    }
  }
  ASSERT_GT(leaves.size(), 5u);
  ASSERT_EQ(leaves_of_last.size(), 2u);
  for (const size_t from : leaves_of_last) {
    for (const size_t to : leaves) {
      std::string bytes = sound;
      bytes.replace(to + kNumber, kPage - kNumber, sound, from + kNumber, kPage - kNumber);
      EXPECT_GT(versions.CountLost(bytes), 0);
    }
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
