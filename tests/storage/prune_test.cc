#include "permacache/storage/prune.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "permacache/storage/memory_store.h"

namespace permacache::storage {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using ::testing::UnorderedElementsAre;

const TimePoint kNow = TimePoint(std::chrono::days(20'000));

class PruneTest : public ::testing::Test {
 protected:
  PruneTest() {
    for (int i = 0; i < 2; ++i) stores_.push_back(std::make_unique<MemoryStore>());
  }

  void Put(const std::string& key, nanoseconds age, size_t size, nanoseconds compute_time,
           int store = 0) {
    const std::string value(size, 'x');
    ASSERT_TRUE(stores_[store]->Put(key, {value, kNow - age, compute_time}).ok());
  }

  PruneReport Prune(const PruneLimits& limits) {
    const auto report = storage::Prune(stores_, limits, kNow, [this](int64_t done, int64_t total) {
      EXPECT_LE(done, total);
      done_ = done;
      total_ = total;
    });
    EXPECT_TRUE(report.ok()) << report.status();
    return *report;
  }

  std::vector<std::string> Keys() {
    std::vector<std::string> keys;
    for (const auto& store : stores_) {
      EXPECT_TRUE(store
                      ->ForEach(Depth::kHeads,
                                [&](const EntryInfo& info) {
                                  keys.emplace_back(info.key);
                                  return Verdict::kKeep;
                                })
                      .ok());
    }
    return keys;
  }

  // The bytes that an entry takes up.
  uint64_t BytesOf(const std::string& key) {
    uint64_t bytes = 0;
    for (const auto& store : stores_) {
      EXPECT_TRUE(store
                      ->ForEach(Depth::kHeads,
                                [&](const EntryInfo& info) {
                                  if (info.key == key) bytes = info.bytes;
                                  return Verdict::kKeep;
                                })
                      .ok());
    }
    return bytes;
  }

  Stores stores_;
  int64_t done_ = -1;
  int64_t total_ = -1;
};

TEST_F(PruneTest, WithoutLimitsRemovesNothing) {
  Put("a", hours(100000), 10, {});
  const PruneReport report = Prune({});
  EXPECT_EQ(report.removed_entries, 0);
  EXPECT_EQ(report.kept_entries, 1);
  EXPECT_EQ(report.kept_bytes, BytesOf("a"));
  EXPECT_EQ(done_, 1);
  EXPECT_EQ(total_, 1);
}

TEST_F(PruneTest, RemovesWhatIsOlder) {
  Put("old", hours(49), 10, seconds(100));
  Put("young", hours(47), 10, {}, 1);
  const uint64_t bytes = BytesOf("old");
  const PruneReport report = Prune({.older_than = hours(48)});
  EXPECT_THAT(Keys(), UnorderedElementsAre("young"));
  EXPECT_EQ(report.removed_entries, 1);
  EXPECT_EQ(report.removed_bytes, bytes);
  EXPECT_EQ(report.kept_entries, 1);
}

TEST_F(PruneTest, ADryRunSaysWhatWouldGoAndRemovesNothing) {
  Put("old and dear", hours(49), 10'000, seconds(1000));
  Put("cheap", hours(1), 100'000, milliseconds(1));
  Put("dear", hours(1), 100, seconds(1000), 1);
  PruneLimits limits{.older_than = hours(48), .max_bytes = 1000, .dry_run = true};
  const PruneReport would = Prune(limits);
  EXPECT_THAT(Keys(), UnorderedElementsAre("old and dear", "cheap", "dear"));
  limits.dry_run = false;
  const PruneReport did = Prune(limits);
  EXPECT_THAT(Keys(), UnorderedElementsAre("dear"));
  EXPECT_EQ(would.removed_entries, 2);
  EXPECT_EQ(did.removed_entries, 2);
  EXPECT_EQ(would.removed_bytes, did.removed_bytes);
  EXPECT_EQ(would.kept_entries, 1);
  EXPECT_EQ(would.kept_bytes, did.kept_bytes);
}

TEST_F(PruneTest, RemovesWhatWasNotUsed) {
  Put("used", hours(100), 10, {});
  Put("unused", hours(100), 10, {});
  ASSERT_TRUE(*stores_[0]->Get("used", [](const Record&) {}));  // now, which is after kNow
  Prune({.unused_for = hours(50)});
  EXPECT_THAT(Keys(), UnorderedElementsAre("used"));
}

TEST_F(PruneTest, RemovesTheLeastSecondsPerByteUntilTheRestFits) {
  Put("cheap and large", hours(1), 100'000, milliseconds(1));
  Put("dear and large", hours(1), 100'000, seconds(1000));
  Put("cheap and small", hours(1), 10, milliseconds(1), 1);
  Put("cheap and middling", hours(1), 10'000, milliseconds(1), 1);
  const uint64_t all = BytesOf("cheap and large") + BytesOf("dear and large") +
                       BytesOf("cheap and small") + BytesOf("cheap and middling");

  EXPECT_EQ(Prune({.max_bytes = all}).removed_entries, 0);
  const PruneReport first = Prune({.max_bytes = all - 1});
  EXPECT_THAT(Keys(),
              UnorderedElementsAre("dear and large", "cheap and small", "cheap and middling"));
  EXPECT_EQ(first.removed_entries, 1);
  EXPECT_EQ(first.kept_entries, 3);
  EXPECT_LT(first.kept_bytes, all);
  Prune({.max_bytes = BytesOf("dear and large") + BytesOf("cheap and small")});
  EXPECT_THAT(Keys(), UnorderedElementsAre("dear and large", "cheap and small"));
  Prune({.max_bytes = BytesOf("dear and large")});
  EXPECT_THAT(Keys(), UnorderedElementsAre("dear and large"));
  Prune({.max_bytes = 0});
  EXPECT_THAT(Keys(), UnorderedElementsAre());
}

TEST_F(PruneTest, OfEqualValuesOnlyAsManyGoAsMust) {
  for (int i = 0; i < 100; ++i) {
    Put("key " + std::to_string(100 + i), hours(1), 1000, seconds(1), i % 2);
  }
  const uint64_t each = BytesOf("key 100");
  const PruneReport report = Prune({.max_bytes = 40 * each + 10});
  EXPECT_EQ(report.kept_entries, 40);
  EXPECT_EQ(report.removed_entries, 60);
  EXPECT_EQ(Keys().size(), 40u);
}

TEST_F(PruneTest, AgeCountsBeforeSize) {
  Put("old", hours(100), 1000, seconds(1000));
  Put("young", hours(1), 1000, seconds(1));
  Prune({.older_than = hours(50), .max_bytes = 1500});
  EXPECT_THAT(Keys(), UnorderedElementsAre("young"));
}

// A store whose entries cannot be read.
class Unreadable : public MemoryStore {
 public:
  explicit Unreadable(absl::Status status) : status_(std::move(status)) {}

  absl::Status ForEach(Depth depth, absl::FunctionRef<Verdict(const EntryInfo&)> visit) override {
    return MemoryStore::ForEach(depth, [&](const EntryInfo& info) {
      return visit({.status = status_, .bytes = info.bytes});
    });
  }

 private:
  const absl::Status status_;
};

TEST_F(PruneTest, WhatCannotBeReadGoesFirstUnlessItIsNewer) {
  stores_[0] = std::make_unique<Unreadable>(absl::DataLossError("damaged"));
  stores_[1] = std::make_unique<Unreadable>(absl::UnimplementedError("newer"));
  Put("damaged", hours(1), 100, seconds(1000), 0);
  Put("newer", hours(1), 100, seconds(1000), 1);
  EXPECT_EQ(Prune({.older_than = nanoseconds(0)}).removed_entries, 0);
  EXPECT_EQ(Prune({.max_bytes = 0}).removed_entries, 1);
  EXPECT_EQ(*stores_[0]->Size(), 0);
  EXPECT_EQ(*stores_[1]->Size(), 1);
}

TEST_F(PruneTest, SaysWhatGoesWrong) {
  class Failing : public MemoryStore {
    absl::Status ForEach(Depth, absl::FunctionRef<Verdict(const EntryInfo&)>) override {
      return absl::InternalError("no");
    }
  };
  stores_.push_back(std::make_unique<Failing>());
  const auto report = storage::Prune(stores_, {}, kNow, [](int64_t, int64_t) {});
  EXPECT_TRUE(absl::IsInternal(report.status()));
}

}  // namespace
}  // namespace permacache::storage
