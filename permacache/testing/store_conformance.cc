#include "permacache/testing/store_conformance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "permacache/storage/files.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/random.h"

namespace permacache::testing {

using storage::Depth;
using storage::EntryInfo;
using storage::KeyedRecord;
using storage::Record;
using storage::Store;
using storage::TimePoint;
using storage::Verdict;
using ::testing::Eq;
using ::testing::Optional;

namespace {

absl::Status PutValue(Store& store, std::string_view key, std::string_view value) {
  return store.Put(key, {.value = value});
}

TEST_P(StoreConformance, AnEmptyStoreHasNothing) {
  EXPECT_EQ(ValueOf(*store_, "key"), std::nullopt);
  EXPECT_EQ(store_->Erase("key").value(), false);
  EXPECT_EQ(store_->Size().value(), 0);
}

TEST_P(StoreConformance, GetGivesTheWholeRecordThatWasPut) {
  const TimePoint created(std::chrono::nanoseconds(1234567890123456789));
  const std::chrono::nanoseconds compute_time(987654321);
  ASSERT_TRUE(store_->Put("key", {"value", created, compute_time}).ok());
  int visits = 0;
  const absl::StatusOr<bool> found = store_->Get("key", [&](const Record& record) {
    ++visits;
    EXPECT_EQ(record.value, "value");
    EXPECT_EQ(record.created, created);
    EXPECT_EQ(record.compute_time, compute_time);
  });
  EXPECT_EQ(found.value(), true);
  EXPECT_EQ(visits, 1);
}

TEST_P(StoreConformance, WhatGetVisitsHoldsNothingAndTellsWhereItLies) {
  const std::string large(5 << 20, 'l');
  for (const std::string& value : {std::string("small"), large}) {
    ASSERT_TRUE(store_->Put("key", {.value = value, .held = std::make_shared<int>(1)}).ok());
    for (int i = 0; i < 3; ++i) {
      const absl::StatusOr<bool> found = store_->Get("key", [&](const Record& record) {
        EXPECT_TRUE(record.value == value);
        EXPECT_EQ(record.held, nullptr);
        EXPECT_TRUE(record.from_memory || GetParam().persistent);
        if (record.file < 0) return;
        std::string content(value.size() + 1, '\0');
        EXPECT_EQ(pread(record.file, content.data(), content.size(), 0),
                  static_cast<ssize_t>(value.size()));
        content.pop_back();
        EXPECT_TRUE(content == value);
      });
      EXPECT_EQ(found.value(), true);
    }
  }
}

TEST_P(StoreConformance, PutLetsGoOfWhatIsHeldAtLastWhenTheStoreGoes) {
  auto replaced = std::make_shared<int>(1), held = std::make_shared<int>(2);
  const std::weak_ptr<int> first = replaced, second = held;
  ASSERT_TRUE(store_->Put("key", {.value = "1", .held = std::move(replaced)}).ok());
  ASSERT_TRUE(store_->Put("key", {.value = "2", .held = std::move(held)}).ok());
  store_.reset();
  // What was replaced may have been on its way to the disk in another thread.
  while (!first.expired() || !second.expired()) std::this_thread::yield();
}

TEST_P(StoreConformance, PutTakesTheValueOfAFile) {
  for (const size_t size : {size_t{100}, size_t{5} << 20}) {
    const std::string value(size, 'v');
    const std::filesystem::path path = directory_.path() / "file";
    std::ofstream(path, std::ios::binary) << value;
    struct stat info;
    const absl::StatusOr<storage::File> file = storage::OpenToRead(path, 0, &info);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE(store_->Put("key", {.value = value, .file = file->fd()}).ok());
    std::ofstream(path, std::ios::binary) << "something else";
    EXPECT_TRUE(ValueOf(*store_, "key") == value);
    std::filesystem::remove(path);
  }
}

TEST_P(StoreConformance, GetManyVisitsEachThatIsThereOnce) {
  const std::string large(5 << 20, 'l');
  ASSERT_TRUE(PutValue(*store_, "large", large).ok());
  std::vector<std::string> keys = {"missing", "large"};
  std::vector<std::string> values = {"", large};
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(PutValue(*store_, std::to_string(i), "value of " + std::to_string(i)).ok());
    keys.push_back(std::to_string(i));
    values.push_back("value of " + std::to_string(i));
    keys.push_back("missing " + std::to_string(i));
    values.emplace_back();
  }
  keys.push_back("7");  // once more
  values.push_back("value of 7");
  for (int round = 0; round < 3; ++round) {
    std::vector<std::string> seen(keys.size());
    const absl::Status status = store_->GetMany(keys, [&](size_t index, const Record& record) {
      ASSERT_LT(index, keys.size());
      EXPECT_EQ(seen[index], "");
      seen[index] = record.value;
    });
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(seen == values);
  }
  EXPECT_TRUE(store_->GetMany({}, [](size_t, const Record&) { ADD_FAILURE(); }).ok());
}

TEST_P(StoreConformance, PutManyStoresAll) {
  const std::string large(5 << 20, 'l');
  const TimePoint created(std::chrono::nanoseconds(1234567890123456789));
  for (const bool synced : {false, true}) {
    ASSERT_TRUE(store_->Clear().ok());
    ASSERT_TRUE(PutValue(*store_, "1", "earlier").ok());
    std::weak_ptr<int> held;
    {
      const auto holder = std::make_shared<int>(1);
      held = holder;
      const std::vector<KeyedRecord> entries = {
          {"1", {"one", created, std::chrono::nanoseconds(5), holder}},
          {"large", {.value = large}},
          {"twice", {.value = "the first"}},
          {"twice", {.value = "the second"}},
      };
      const absl::Status status = store_->PutMany(entries, synced);
      ASSERT_TRUE(status.ok()) << status;
    }
    EXPECT_EQ(store_->Size().value(), 3);
    EXPECT_TRUE(ValueOf(*store_, "large") == large);
    EXPECT_THAT(ValueOf(*store_, "twice"), Optional(Eq("the second")));
    ASSERT_TRUE(*store_->Get("1", [&](const Record& record) {
      EXPECT_EQ(record.value, "one");
      EXPECT_EQ(record.created, created);
      EXPECT_EQ(record.compute_time, std::chrono::nanoseconds(5));
    }));
    EXPECT_TRUE(store_->PutMany({}, synced).ok());
    if (GetParam().persistent) {
      store_.reset();
      store_ = Open();
      EXPECT_EQ(store_->Size().value(), 3);
    }
    while (!held.expired()) std::this_thread::yield();
  }
}

TEST_P(StoreConformance, PutReplacesAnEarlierRecord) {
  ASSERT_TRUE(PutValue(*store_, "key", std::string(10000, 'a')).ok());
  ASSERT_TRUE(PutValue(*store_, "key", "short").ok());
  EXPECT_THAT(ValueOf(*store_, "key"), Optional(Eq("short")));
  EXPECT_EQ(store_->Size().value(), 1);
}

TEST_P(StoreConformance, KeysOfAnyLengthAndContentAreToldApart) {
  std::vector<std::string> keys = {"",    std::string(1, '\0'), std::string(2, '\0'), "a", "b",
                                   "\xff"};
  for (const size_t length : {511, 512, 5000, 100000}) {
    keys.push_back(std::string(length, 'k'));
    keys.push_back(std::string(length, 'k') + "1");
    keys.push_back(std::string(length, 'k') + "2");
  }
  for (const std::string& key : keys) ASSERT_TRUE(PutValue(*store_, key, "of " + key).ok());
  for (const std::string& key : keys) EXPECT_THAT(ValueOf(*store_, key), Optional(Eq("of " + key)));
  EXPECT_EQ(store_->Size().value(), static_cast<int64_t>(keys.size()));
}

TEST_P(StoreConformance, ValuesOfAnySizeComeBackBitForBit) {
  std::mt19937_64 random = SeededRandom();
  for (const size_t size : {size_t{0}, size_t{1}, size_t{100}, size_t{2000}, size_t{4095},
                            size_t{4096}, size_t{70000}, size_t{1} << 20, (size_t{1} << 24) + 3}) {
    std::string value(size, '\0');
    for (char& c : value) c = static_cast<char>(random());
    ASSERT_TRUE(PutValue(*store_, std::to_string(size), value).ok());
    EXPECT_TRUE(ValueOf(*store_, std::to_string(size)) == value) << size;
  }
}

TEST_P(StoreConformance, EraseRemovesOneEntry) {
  ASSERT_TRUE(PutValue(*store_, "a", "1").ok());
  ASSERT_TRUE(PutValue(*store_, "b", "2").ok());
  EXPECT_EQ(store_->Erase("a").value(), true);
  EXPECT_EQ(store_->Erase("a").value(), false);
  EXPECT_EQ(ValueOf(*store_, "a"), std::nullopt);
  EXPECT_THAT(ValueOf(*store_, "b"), Optional(Eq("2")));
}

TEST_P(StoreConformance, ClearRemovesAllEntriesAndTheStoreGoesOn) {
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(PutValue(*store_, std::to_string(i), "x").ok());
  ASSERT_TRUE(store_->Clear().ok());
  EXPECT_EQ(store_->Size().value(), 0);
  EXPECT_EQ(ValueOf(*store_, "1"), std::nullopt);
  ASSERT_TRUE(PutValue(*store_, "1", "again").ok());
  EXPECT_THAT(ValueOf(*store_, "1"), Optional(Eq("again")));
}

TEST_P(StoreConformance, RandomOperationsDoWhatAMapDoes) {
  std::mt19937_64 random = SeededRandom();
  std::map<std::string, std::string> model;
  for (int i = 0; i < 1000; ++i) {
    const std::string key = "key " + std::to_string(random() % 50);
    switch (random() % 10) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const std::string value(random() % 5000, static_cast<char>(random()));
        ASSERT_TRUE(PutValue(*store_, key, value).ok());
        model[key] = value;
        break;
      }
      case 4:
        ASSERT_EQ(store_->Erase(key).value(), model.erase(key) > 0);
        break;
      case 5:
        if (random() % 20 == 0) {
          ASSERT_TRUE(store_->Clear().ok());
          model.clear();
        }
        break;
      default: {
        const auto expected = model.find(key);
        const std::optional<std::string> value = ValueOf(*store_, key);
        ASSERT_EQ(value.has_value(), expected != model.end());
        if (value) {
          ASSERT_EQ(*value, expected->second);
        }
      }
    }
    ASSERT_EQ(store_->Size().value(), static_cast<int64_t>(model.size()));
  }
}

TEST_P(StoreConformance, ThreadsSeeWholeRecordsAndTheirOwnWritesAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 60;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        // A value repeats one letter, so that a mixture of two would show.
        const std::string value(1000 + 10 * i, static_cast<char>('a' + (t + i) % 26));
        const std::string own = "of thread " + std::to_string(t);
        wrong += !PutValue(*store_, own, value).ok();
        wrong += !PutValue(*store_, "of all", value).ok();
        wrong += ValueOf(*store_, own) != value;
        const std::optional<std::string> shared = ValueOf(*store_, "of all");
        wrong += !shared || *shared != std::string(shared->size(), shared->front());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(store_->Size().value(), kThreads + 1);
}

TEST_P(StoreConformance, AnotherObjectFindsEverything) {
  if (!GetParam().persistent) GTEST_SKIP() << "this store is not persistent";
  ASSERT_TRUE(PutValue(*store_, "key", "value").ok());
  const std::unique_ptr<Store> second = Open();
  EXPECT_THAT(ValueOf(*second, "key"), Optional(Eq("value")));
  ASSERT_TRUE(PutValue(*second, "key", "changed").ok());
  EXPECT_THAT(ValueOf(*store_, "key"), Optional(Eq("changed")));
}

TEST_P(StoreConformance, EverythingIsThereAfterReopening) {
  if (!GetParam().persistent) GTEST_SKIP() << "this store is not persistent";
  ASSERT_TRUE(PutValue(*store_, "key", "value").ok());
  store_.reset();
  store_ = Open();
  EXPECT_THAT(ValueOf(*store_, "key"), Optional(Eq("value")));
}

TEST_P(StoreConformance, ProcessesShareOneStore) {
  if (!GetParam().persistent) GTEST_SKIP() << "this store is not persistent";
  constexpr int kProcesses = 4;
  constexpr int kEntries = 50;
  const int failed = RunProcesses(kProcesses, [&](int p) {
    int wrong = 0;
    // Half of them use the store that was open before the fork, half open their own.
    const std::unique_ptr<Store> own = p % 2 == 0 ? nullptr : Open();
    Store& store = own == nullptr ? *store_ : *own;
    for (int i = 0; i < kEntries; ++i) {
      const std::string key = std::to_string(p) + " " + std::to_string(i);
      wrong += !PutValue(store, key, "value of " + key).ok();
      wrong += ValueOf(store, key) != "value of " + key;
    }
    return wrong == 0 ? 0 : 1;
  });
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(store_->Size().value(), kProcesses * kEntries);
  for (int p = 0; p < kProcesses; ++p) {
    for (int i = 0; i < kEntries; ++i) {
      const std::string key = std::to_string(p) + " " + std::to_string(i);
      EXPECT_THAT(ValueOf(*store_, key), Optional(Eq("value of " + key)));
    }
  }
}

// What ForEach says of each key, with the value's size in place of the bytes of the whole record.
TEST_P(StoreConformance, ForEachVisitsEachEntryOnce) {
  const TimePoint created(std::chrono::days(20'000));
  std::mt19937_64 random = SeededRandom();
  std::map<std::string, size_t> sizes;
  for (int i = 0; i < 600; ++i) {
    const std::string key = "key " + std::to_string(i);
    sizes[key] = i % 100 == 7 ? 500'000 : i;
    std::string value(sizes[key], '\0');  // that no compression makes smaller
    for (char& c : value) c = static_cast<char>(random());
    ASSERT_TRUE(store_->Put(key, {value, created, std::chrono::nanoseconds(i)}).ok());
  }
  for (const Depth depth : {Depth::kHeads, Depth::kValues}) {
    std::map<std::string, int> visits;
    const absl::Status status = store_->ForEach(depth, [&](const EntryInfo& info) {
      const std::string key(info.key);
      ++visits[key];
      EXPECT_TRUE(info.status.ok()) << info.status;
      EXPECT_EQ(info.created, created);
      EXPECT_GE(info.last_used, created);
      EXPECT_EQ(key, "key " + std::to_string(info.compute_time.count()));
      EXPECT_GE(info.bytes, key.size() + sizes[key]);
      EXPECT_LE(info.bytes, 2 * (key.size() + sizes[key]) + 1000);
      return Verdict::kKeep;
    });
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(visits.size(), sizes.size());
    for (const auto& [key, count] : visits) EXPECT_EQ(count, 1) << key;
  }
  EXPECT_EQ(store_->Size().value(), 600);
}

// However a walk over them is divided.
TEST_P(StoreConformance, ForEachVisitsEntriesOfAllSizes) {
  std::map<std::string, int> visits;
  for (const size_t size : {10, 300'000, 1'500'000, 2'000'000, 4'000'000, 5'000'000}) {
    for (int i = 0; i < 3; ++i) {
      const std::string key = std::to_string(size) + " " + std::to_string(i);
      ASSERT_TRUE(PutValue(*store_, key, std::string(size, 'v')).ok());
      visits[key] = 0;
    }
  }
  for (const Depth depth : {Depth::kHeads, Depth::kValues}) {
    ASSERT_TRUE(store_
                    ->ForEach(depth,
                              [&](const EntryInfo& info) {
                                EXPECT_TRUE(info.status.ok()) << info.status;
                                ++visits[std::string(info.key)];
                                return Verdict::kKeep;
                              })
                    .ok());
  }
  EXPECT_EQ(visits.size(), 18u);
  for (const auto& [key, count] : visits) EXPECT_EQ(count, 2) << key;
}

TEST_P(StoreConformance, ForEachShowsValuesIfAskedTo) {
  std::map<std::string, std::string> values;
  for (const size_t size : {0, 1, 1000, 300'000, 5'000'000}) {
    values["key " + std::to_string(size)] = std::string(size, 'v');
  }
  for (const auto& [key, value] : values) ASSERT_TRUE(PutValue(*store_, key, value).ok());
  std::map<std::string, std::string> seen;
  ASSERT_TRUE(store_
                  ->ForEach(Depth::kValues,
                            [&](const EntryInfo& info) {
                              seen[std::string(info.key)] = std::string(info.value);
                              return Verdict::kKeep;
                            })
                  .ok());
  EXPECT_TRUE(seen == values);
}

TEST_P(StoreConformance, ForEachStopsWhenItIsToldTo) {
  for (int i = 0; i < 600; ++i) ASSERT_TRUE(PutValue(*store_, std::to_string(i), "value").ok());
  for (const int last : {1, 550}) {
    int visits = 0;
    ASSERT_TRUE(store_
                    ->ForEach(Depth::kHeads,
                              [&](const EntryInfo&) {
                                return ++visits == last ? Verdict::kStop : Verdict::kKeep;
                              })
                    .ok());
    EXPECT_EQ(visits, last);
  }
  EXPECT_EQ(store_->Size().value(), 600);
}

TEST_P(StoreConformance, ForEachRemovesWhatItIsToldTo) {
  for (int i = 0; i < 600; ++i) ASSERT_TRUE(PutValue(*store_, std::to_string(i), "value").ok());
  const absl::Status status = store_->ForEach(Depth::kHeads, [&](const EntryInfo& info) {
    return info.key.ends_with('3') ? Verdict::kRemove : Verdict::kKeep;
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(store_->Size().value(), 600 - 60);
  EXPECT_EQ(ValueOf(*store_, "23"), std::nullopt);
  EXPECT_THAT(ValueOf(*store_, "32"), Optional(Eq("value")));
}

TEST_P(StoreConformance, ForEachDoesNotRemoveWhatWasReplacedMeanwhile) {
  if (!GetParam().persistent) GTEST_SKIP() << "there can be no other object";
  ASSERT_TRUE(PutValue(*store_, "key", "old").ok());
  const std::unique_ptr<Store> other = Open();
  const absl::Status status = store_->ForEach(Depth::kHeads, [&](const EntryInfo&) {
    EXPECT_TRUE(PutValue(*other, "key", "new").ok());
    return Verdict::kRemove;
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(ValueOf(*store_, "key"), Optional(Eq("new")));
}

TEST_P(StoreConformance, ForEachOfAnEmptyStoreVisitsNothing) {
  const absl::Status status = store_->ForEach(Depth::kValues, [&](const EntryInfo&) {
    ADD_FAILURE();
    return Verdict::kKeep;
  });
  EXPECT_TRUE(status.ok()) << status;
}

}  // namespace
}  // namespace permacache::testing
