#include "permacache/storage/memory_tier.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <mutex>
#include <new>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "permacache/testing/random.h"

namespace {

// What is allocated, as glibc accounts for it: with a word in front of each block.
std::atomic<size_t> allocated = 0;

void* Allocate(size_t size) {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  allocated += malloc_usable_size(memory) + sizeof(size_t);
  return memory;
}

void Free(void* memory) {
  if (memory != nullptr) allocated -= malloc_usable_size(memory) + sizeof(size_t);
  std::free(memory);
}

}  // namespace

void* operator new(size_t size) { return Allocate(size); }
void* operator new[](size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete[](void* memory) noexcept { Free(memory); }
void operator delete(void* memory, size_t) noexcept { Free(memory); }
void operator delete[](void* memory, size_t) noexcept { Free(memory); }

namespace permacache::storage {
namespace {

using testing::SeededRandom;

constexpr size_t kRoomy = size_t{1} << 20;

Place At(std::string_view key) { return {0, DigestOfKey(key)}; }

void Insert(MemoryTier& tier, std::string_view key, std::string_view value, uint64_t txn) {
  tier.Insert(At(key), key, {.value = value}, txn);
}

// Keeps it also where there is little room.
void InsertTwice(MemoryTier& tier, std::string_view key, std::string_view value, uint64_t txn) {
  for (int times = 0; times < 2; ++times) Insert(tier, key, value, txn);
}

std::optional<std::string> Find(MemoryTier& tier, const Place& place, std::string_view key,
                                uint64_t last_txn) {
  std::optional<std::string> value;
  const bool found =
      tier.Find(place, key, last_txn, [&](const Record& record) { value = record.value; });
  EXPECT_EQ(found, value.has_value());
  return value;
}

std::optional<std::string> Find(MemoryTier& tier, std::string_view key, uint64_t last_txn) {
  return Find(tier, At(key), key, last_txn);
}

void Commit(MemoryTier& tier, uint64_t txn, const std::vector<std::string>& keys) {
  std::vector<Place> changed;
  for (const std::string& key : keys) changed.push_back(At(key));
  tier.Committed(txn, changed);
}

TEST(MemoryTier, GivesTheWholeRecordThatWasSeen) {
  MemoryTier tier(kRoomy);
  const TimePoint created(std::chrono::nanoseconds(1234567890123456789));
  const std::chrono::nanoseconds compute_time(987654321);
  tier.Insert(At("key"), "key", {"value", created, compute_time}, 5);
  int visits = 0;
  EXPECT_TRUE(tier.Find(At("key"), "key", 5, [&](const Record& record) {
    ++visits;
    EXPECT_EQ(record.value, "value");
    EXPECT_EQ(record.created, created);
    EXPECT_EQ(record.compute_time, compute_time);
  }));
  EXPECT_EQ(visits, 1);
  EXPECT_EQ(Find(tier, "another", 5), std::nullopt);
}

TEST(MemoryTier, KeepsEmptyKeysAndValues) {
  MemoryTier tier(kRoomy);
  Insert(tier, "", "", 5);
  EXPECT_EQ(Find(tier, "", 5), "");
}

TEST(MemoryTier, TellsVersionsApart) {
  MemoryTier tier(kRoomy);
  const Place first = {1, DigestOfKey("key")}, second = {2, DigestOfKey("key")};
  tier.Insert(first, "key", {.value = "one"}, 5);
  EXPECT_EQ(Find(tier, second, "key", 5), std::nullopt);
  tier.Insert(second, "key", {.value = "two"}, 5);
  EXPECT_EQ(Find(tier, first, "key", 5), "one");
  EXPECT_EQ(Find(tier, second, "key", 5), "two");
}

// As if two keys had the same digest.
TEST(MemoryTier, ARecordOfAnotherKeyAtTheSamePlaceIsAMiss) {
  MemoryTier tier(kRoomy);
  tier.Insert(At("key"), "key", {.value = "1"}, 5);
  EXPECT_EQ(Find(tier, At("key"), "kex", 5), std::nullopt);
  EXPECT_EQ(Find(tier, At("key"), "ke", 5), std::nullopt);
  EXPECT_EQ(Find(tier, At("key"), "keyv", 5), std::nullopt);
  tier.Insert(At("key"), "kex", {.value = "2"}, 5);
  EXPECT_EQ(Find(tier, At("key"), "key", 5), std::nullopt);
  EXPECT_EQ(Find(tier, At("key"), "kex", 5), "2");
}

TEST(MemoryTier, DropsEverythingWhenCleared) {
  MemoryTier tier(kRoomy);
  for (int i = 0; i < 100; ++i) Insert(tier, std::to_string(i), "value", 5);
  EXPECT_EQ(tier.entries(), 100u);
  tier.Clear();
  EXPECT_EQ(tier.entries(), 0u);
  EXPECT_EQ(tier.bytes(), 0u);
  EXPECT_EQ(Find(tier, "1", 5), std::nullopt);
  Insert(tier, "1", "value", 5);
  EXPECT_EQ(Find(tier, "1", 5), "value");
}

TEST(MemoryTier, WhatIsVisitedStaysWhileItIsDropped) {
  MemoryTier tier(kRoomy);
  const std::string value(1000, 'v');
  Insert(tier, "key", value, 5);
  EXPECT_TRUE(tier.Find(At("key"), "key", 5, [&](const Record& record) {
    tier.Clear();
    Insert(tier, "key", "another", 5);
    EXPECT_EQ(record.value, value);
  }));
  EXPECT_EQ(Find(tier, "key", 5), "another");
}

TEST(MemoryTierCoherence, AnOwnCommitDropsWhatItChangedAndNothingElse) {
  MemoryTier tier(kRoomy);
  Insert(tier, "a", "old", 5);
  Insert(tier, "b", "1", 5);
  Commit(tier, 6, {"a"});
  EXPECT_EQ(Find(tier, "a", 6), std::nullopt);
  EXPECT_EQ(Find(tier, "b", 6), "1");
  Insert(tier, "a", "new", 6);
  EXPECT_EQ(Find(tier, "a", 6), "new");
}

TEST(MemoryTierCoherence, ACommitOfAnotherProcessVoidsEverything) {
  MemoryTier tier(kRoomy);
  Insert(tier, "a", "1", 5);
  Insert(tier, "b", "1", 5);
  EXPECT_EQ(Find(tier, "a", 6), std::nullopt);
  Insert(tier, "a", "1", 6);
  EXPECT_EQ(Find(tier, "a", 6), "1");
  EXPECT_EQ(Find(tier, "b", 6), std::nullopt);
  Commit(tier, 7, {});
  EXPECT_EQ(Find(tier, "a", 7), "1");
  EXPECT_EQ(Find(tier, "b", 7), std::nullopt);
}

// Another process has committed 6, and this one 7 before any of its readers saw 6.
TEST(MemoryTierCoherence, AnAnnouncementAfterAGapVoidsEverything) {
  MemoryTier tier(kRoomy);
  Insert(tier, "a", "1", 5);
  Commit(tier, 7, {});
  EXPECT_EQ(Find(tier, "a", 7), std::nullopt);
  Insert(tier, "a", "1", 7);
  EXPECT_EQ(Find(tier, "a", 7), "1");
}

TEST(MemoryTierCoherence, AReaderOfAnEarlierStateFindsNothing) {
  MemoryTier tier(kRoomy);
  Insert(tier, "a", "new", 6);
  EXPECT_EQ(Find(tier, "a", 5), std::nullopt);
  EXPECT_EQ(Find(tier, "a", 6), "new");
}

TEST(MemoryTierCoherence, ACommitBetweenTheReadAndTheInsertWins) {
  MemoryTier tier(kRoomy);
  Insert(tier, "b", "1", 5);
  Commit(tier, 6, {"a"});
  Insert(tier, "a", "old", 5);
  EXPECT_EQ(Find(tier, "a", 5), std::nullopt);
  EXPECT_EQ(Find(tier, "a", 6), std::nullopt);

  Insert(tier, "b", "2", 7);  // by another process
  Insert(tier, "a", "old", 6);
  EXPECT_EQ(Find(tier, "a", 7), std::nullopt);
}

// A reader sees a commit of its own process before that has been announced.
TEST(MemoryTierCoherence, ALateAnnouncementGivesBackWhatItDidNotChange) {
  MemoryTier tier(kRoomy);
  Insert(tier, "a", "old", 5);
  Insert(tier, "b", "1", 5);
  Insert(tier, "c", "old", 5);
  for (int i = 0; i < 100; ++i) Insert(tier, std::to_string(i), "new", 6);  // in each shard
  EXPECT_EQ(Find(tier, "b", 6), std::nullopt);
  Insert(tier, "c", "new", 6);
  Commit(tier, 6, {"a", "c"});
  EXPECT_EQ(Find(tier, "a", 6), std::nullopt);
  EXPECT_EQ(Find(tier, "b", 6), "1");
  EXPECT_EQ(Find(tier, "c", 6), "new");
  EXPECT_EQ(Find(tier, "7", 6), "new");
}

// 6 is another process', 7 this one's.
TEST(MemoryTierCoherence, ALateAnnouncementGivesBackNothingFromBeforeAnotherCommit) {
  MemoryTier tier(kRoomy);
  Insert(tier, "a", "old", 5);
  for (int i = 0; i < 100; ++i) Insert(tier, std::to_string(i), "6", 6);
  for (int i = 100; i < 200; ++i) Insert(tier, std::to_string(i), "7", 7);
  Commit(tier, 7, {});
  EXPECT_EQ(Find(tier, "a", 7), std::nullopt);
  EXPECT_EQ(Find(tier, "7", 7), "6");

  Insert(tier, "b", "old", 7);
  for (int i = 0; i < 100; ++i) Insert(tier, std::to_string(i), "9", 9);  // without 8
  Commit(tier, 9, {});
  EXPECT_EQ(Find(tier, "b", 9), std::nullopt);
}

TEST(MemoryTierCoherence, AnAnnouncementThatOthersOvertookChangesNothing) {
  MemoryTier tier(kRoomy);
  Insert(tier, "a", "old", 5);
  Insert(tier, "b", "1", 5);
  Commit(tier, 7, {});
  Insert(tier, "a", "new", 7);
  Commit(tier, 6, {"a"});
  EXPECT_EQ(Find(tier, "a", 7), "new");
  EXPECT_EQ(Find(tier, "b", 7), std::nullopt);
}

TEST(MemoryTierCoherence, ARepeatedAnnouncementChangesNothing) {
  MemoryTier tier(kRoomy);
  Insert(tier, "a", "old", 5);
  for (int i = 0; i < 100; ++i) Insert(tier, std::to_string(i), "1", 6);  // by another process
  for (int times = 0; times < 2; ++times) Commit(tier, 7, {"b"});
  EXPECT_EQ(Find(tier, "a", 7), std::nullopt);
  EXPECT_EQ(Find(tier, "7", 7), "1");
}

TEST(MemoryTierBound, IsKeptAsTheAllocatorCounts) {
  constexpr size_t kBound = 300'000;
  MemoryTier tier(kBound);
  const size_t before = allocated;
  const auto taken = [&] { return allocated - before; };
  for (int i = 0; i < 20'000; ++i) {
    InsertTwice(tier, "a key that needs memory of its own: " + std::to_string(i),
                std::string(i % 200, 'v'), 5);
    ASSERT_LE(tier.bytes(), kBound);
    ASSERT_LE(taken(), kBound + kBound / 100);  // glibc gives away rests that are too small
  }
  EXPECT_GT(tier.bytes(), kBound * 9 / 10);
  EXPECT_GT(taken(), tier.bytes() * 9 / 10);
}

TEST(MemoryTierBound, OfZeroKeepsNothing) {
  MemoryTier tier(0);
  Insert(tier, "key", "", 5);
  EXPECT_EQ(Find(tier, "key", 5), std::nullopt);
  EXPECT_EQ(tier.bytes(), 0u);
}

TEST(MemoryTierBound, IsNotSpentOnLargeRecords) {
  MemoryTier tier(kRoomy);
  Insert(tier, "small", "1", 5);
  const size_t overhead = tier.bytes();
  Insert(tier, "large", std::string(kRoomy / MemoryTier::kShareOfLargest, 'v'), 5);
  EXPECT_EQ(Find(tier, "large", 5), std::nullopt);
  EXPECT_EQ(Find(tier, "small", 5), "1");
  const std::string fits(kRoomy / MemoryTier::kShareOfLargest - overhead, 'v');
  Insert(tier, "large", fits, 5);
  EXPECT_EQ(Find(tier, "large", 5), fits);
}

TEST(MemoryTierBound, GoesToWhatIsUsed) {
  constexpr int kUsed = 30;
  constexpr int kOthers = 20'000;
  MemoryTier tier(size_t{100} << 10);
  const auto used = [](int i) { return "used " + std::to_string(i); };
  for (int i = 0; i < kUsed; ++i) Insert(tier, used(i), "value", 5);
  for (int i = 0; i < kOthers; ++i) {
    ASSERT_EQ(Find(tier, used(i % kUsed), 5), "value") << i;
    InsertTwice(tier, std::to_string(i), "value", 5);
  }
  EXPECT_LT(tier.entries(), 2000u);
  EXPECT_EQ(Find(tier, "0", 5), std::nullopt);
}

TEST(MemoryTierBound, IsNotSpentOnWhatIsSeenOnce) {
  constexpr int kKept = 100;
  MemoryTier tier(size_t{100} << 10);
  for (int i = 0; i < kKept; ++i) Insert(tier, std::to_string(i), "value", 5);
  for (int i = kKept; i < 20'000; ++i) Insert(tier, std::to_string(i), "value", 5);
  for (int i = 0; i < kKept; ++i) EXPECT_EQ(Find(tier, std::to_string(i), 5), "value") << i;
}

TEST(MemoryTierBound, GoesAnewToWhatIsSeenAfterAllWasVoided) {
  constexpr int kEntries = 200;
  MemoryTier tier(size_t{64} << 10);
  for (int round = 0; round < 10; ++round) {
    const uint64_t txn = 5 + round;
    for (int i = 0; i < kEntries; ++i) {
      const std::string key = std::to_string(round * kEntries + i);
      InsertTwice(tier, key, "value", txn);
      ASSERT_EQ(Find(tier, key, txn), "value");
    }
  }
}

// An environment: each commit makes a new state, and all states remain to compare with.
class History {
 public:
  struct Seen {
    std::string key;
    std::optional<std::string> value;
  };

  explicit History(int places) : changes_(places) {}

  uint64_t last() const { return last_; }

  uint64_t Commit(const std::vector<int>& places, std::mt19937_64& random) {
    ++last_;
    for (const int place : places) changes_[place].push_back({last_, NewState(place, random)});
    return last_;
  }

  // What a reader of this transaction finds at the place.
  Seen At(int place, uint64_t txn) const {
    Seen seen;
    for (const auto& [changed, state] : changes_[place]) {
      if (changed <= txn) seen = state;
    }
    return seen;
  }

 private:
  // An entry of one of two keys that share the place, or none.
  Seen NewState(int place, std::mt19937_64& random) const {
    Seen state;
    if (random() % 5 == 0) return state;
    state.key = KeyOf(place, random() % 10 == 0);
    state.value = std::to_string(last_) + std::string(random() % 100 == 0 ? 4000 : random() % 300,
                                                      static_cast<char>('a' + random() % 26));
    return state;
  }

  static std::string KeyOf(int place, bool other) {
    return "key " + std::to_string(place) + (other ? " of the same digest" : "");
  }

  uint64_t last_ = 0;
  std::vector<std::vector<std::pair<uint64_t, Seen>>> changes_;
};

struct Announcement {
  uint64_t txn;
  std::vector<Place> changed;
};

struct Reading {
  int place;
  uint64_t txn;
};

// Removes any of `waiting`.
template <class T>
T TakeAny(std::vector<T>& waiting, std::mt19937_64& random) {
  std::swap(waiting[random() % waiting.size()], waiting.back());
  T taken = std::move(waiting.back());
  waiting.pop_back();
  return taken;
}

// Readers that take their time, commits of this and of other processes, announcements that are
// late, out of order or missing: what is found is always what is there.
TEST(MemoryTierProperty, FindsOnlyWhatAReaderOfThatTransactionSees) {
  constexpr int kPlaces = 300;
  constexpr size_t kBound = 200'000;
  std::mt19937_64 random = SeededRandom();
  MemoryTier tier(kBound);
  History history(kPlaces);
  std::vector<Announcement> announcements;
  std::vector<Reading> readings;
  const auto place_of = [](int place) { return At(std::to_string(place)); };
  const auto any_place = [&] { return static_cast<int>(random() % kPlaces); };
  int hits = 0, dropped = 0;

  const auto commit = [&](bool own) {
    std::vector<int> places(1 + random() % 5);
    for (int& place : places) place = any_place();
    Announcement announcement{history.Commit(places, random), {}};
    for (const int place : places) announcement.changed.push_back(place_of(place));
    if (own) announcements.push_back(std::move(announcement));
  };
  const auto insert = [&](const Reading& reading) {
    const History::Seen seen = history.At(reading.place, reading.txn);
    if (!seen.value) return;
    tier.Insert(place_of(reading.place), seen.key, {.value = *seen.value}, reading.txn);
  };
  const auto find = [&](int place, uint64_t txn) {
    const History::Seen seen = history.At(place, txn);
    const std::string key = seen.value ? seen.key : "key " + std::to_string(place);
    const std::optional<std::string> found = Find(tier, place_of(place), key, txn);
    if (!found) return;
    ++hits;
    ASSERT_EQ(found, seen.value) << "place " << place << ", transaction " << txn;
  };

  commit(true);
  for (int i = 0; i < 100'000 && !HasFatalFailure(); ++i) {
    const size_t before = tier.entries();
    switch (random() % 40) {
      case 0:
        commit(random() % 10 != 0);
        break;
      case 1:
      case 2:
        if (!announcements.empty()) {
          const Announcement announced = TakeAny(announcements, random);
          if (random() % 20 != 0) tier.Committed(announced.txn, announced.changed);
        }
        break;
      case 3:
        if (readings.size() < 20) readings.push_back({any_place(), history.last()});
        break;
      case 4:
        if (!readings.empty()) insert(TakeAny(readings, random));
        break;
      case 5:
        find(any_place(), history.last() - std::min<uint64_t>(history.last(), random() % 3));
        break;
      case 6:
        if (random() % 1000 == 0) tier.Clear();
        break;
      default: {
        const int place = any_place();
        find(place, history.last());
        insert({place, history.last()});
      }
    }
    dropped += tier.entries() < before;
    ASSERT_LE(tier.bytes(), kBound);
  }
  EXPECT_GT(hits, 1000);
  EXPECT_GT(dropped, 1000);
}

// The same with threads. A place's value is the transaction that changed it the last time.
class SharedHistory {
 public:
  explicit SharedHistory(int places) : changes_(places, {0}) {}

  uint64_t last() const { return last_.load(std::memory_order_acquire); }

  uint64_t Commit(int place) {
    std::lock_guard lock(mutex_);
    changes_[place].push_back(last() + 1);
    last_.store(last() + 1, std::memory_order_release);
    return last();
  }

  uint64_t ValueAt(int place, uint64_t txn) const {
    std::lock_guard lock(mutex_);
    return *std::prev(std::ranges::upper_bound(changes_[place], txn));
  }

 private:
  mutable std::mutex mutex_;
  std::atomic<uint64_t> last_ = 0;
  std::vector<std::vector<uint64_t>> changes_;
};

TEST(MemoryTierProperty, HoldsForThreadsThatReadAndCommit) {
  constexpr int kPlaces = 50;
  constexpr int kCommits = 2000;
  MemoryTier tier(size_t{64} << 10);
  SharedHistory history(kPlaces);
  std::vector<Place> places;
  for (int i = 0; i < kPlaces; ++i) places.push_back(At(std::to_string(i)));
  std::atomic<int> committing = 3;
  std::atomic<int> wrong = 0;

  const auto commit = [&](bool announces, uint64_t seed) {
    std::mt19937_64 random(seed);
    for (int i = 0; i < kCommits; ++i) {
      const int place = static_cast<int>(random() % kPlaces);
      const uint64_t txn = history.Commit(place);
      if (announces) tier.Committed(txn, {&places[place], 1});
      if (random() % 4 == 0) std::this_thread::yield();
    }
    --committing;
  };
  const auto read = [&](uint64_t seed) {
    std::mt19937_64 random(seed);
    while (committing > 0) {
      const int place = static_cast<int>(random() % kPlaces);
      const uint64_t txn = history.last();
      const std::optional<std::string> found = Find(tier, places[place], "key", txn);
      const std::string there = std::to_string(history.ValueAt(place, txn));
      wrong += found.has_value() && found != there;
      if (random() % 100 == 0) tier.Clear();
      tier.Insert(places[place], "key", {.value = there}, txn);
    }
  };

  const uint64_t seed = SeededRandom()();
  std::vector<std::thread> threads;
  for (const bool announces : {true, true, false}) {
    threads.emplace_back(commit, announces, seed + threads.size());
  }
  for (int i = 0; i < 3; ++i) threads.emplace_back(read, seed + threads.size());
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  for (int place = 0; place < kPlaces; ++place) {
    const std::string there = std::to_string(history.ValueAt(place, history.last()));
    tier.Insert(places[place], "key", {.value = there}, history.last());
    EXPECT_EQ(Find(tier, places[place], "key", history.last()), there);
  }
}

}  // namespace
}  // namespace permacache::storage
