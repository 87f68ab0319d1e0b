#include "permacache/storage/recent_entries.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "permacache/storage/memory_tier.h"
#include "permacache/storage/of_this_thread.h"

namespace permacache::storage {
namespace {

constexpr StoreState kSeen = {.tier = 1, .clears = 0, .txn = 7};

Place At(std::string_view key) { return {0, DigestOfKey(key)}; }

MemoryEntry::Share EntryOf(std::string_view key, std::string_view value) {
  return MemoryEntry::Make(At(key), key, {.value = value}, kSeen.txn);
}

std::optional<std::string> Find(RecentEntries& entries, std::string_view key,
                                const StoreState& seen = kSeen) {
  std::optional<std::string> value;
  entries.Visit(At(key), key, seen, [&](const Record& record) { value = record.value; });
  return value;
}

TEST(RecentEntriesTest, FindsWhatWasKept) {
  RecentEntries entries;
  EXPECT_EQ(Find(entries, "a"), std::nullopt);
  entries.Keep(EntryOf("a", "1"), kSeen);
  EXPECT_EQ(Find(entries, "a"), "1");
  EXPECT_EQ(Find(entries, "b"), std::nullopt);
}

TEST(RecentEntriesTest, FindsNothingForAnotherTierOrAfterAClearOrACommit) {
  RecentEntries entries;
  entries.Keep(EntryOf("a", "1"), kSeen);
  EXPECT_EQ(Find(entries, "a", {.tier = 2, .clears = 0, .txn = 7}), std::nullopt);
  EXPECT_EQ(Find(entries, "a", {.tier = 1, .clears = 1, .txn = 7}), std::nullopt);
  EXPECT_EQ(Find(entries, "a", {.tier = 1, .clears = 0, .txn = 8}), std::nullopt);
  EXPECT_EQ(Find(entries, "a"), "1");
}

TEST(RecentEntriesTest, FindsNoOtherKeyOfTheSameDigest) {
  RecentEntries entries;
  entries.Keep(EntryOf("a", "1"), kSeen);
  EXPECT_FALSE(entries.Visit(At("a"), "b", kSeen, [](const Record&) { FAIL(); }));
}

TEST(RecentEntriesTest, DoesNotKeepLargeEntries) {
  RecentEntries entries;
  entries.Keep(EntryOf("a", std::string(RecentEntries::kLargestEntry, 'v')), kSeen);
  EXPECT_EQ(Find(entries, "a"), std::nullopt);
}

TEST(RecentEntriesTest, OnlyWhatIsAskedForTwiceInARowIsRepeated) {
  RecentEntries entries;
  const Place a = At("a");
  Place b = At("b");
  b.digest[1] = a.digest[1];  // of the same slot
  EXPECT_FALSE(entries.IsRepeated(a));
  EXPECT_FALSE(entries.IsRepeated(b));
  EXPECT_FALSE(entries.IsRepeated(a));
  EXPECT_TRUE(entries.IsRepeated(a));
}

TEST(RecentEntriesTest, AnEntryStaysWhileItIsVisited) {
  RecentEntries entries;
  entries.Keep(EntryOf("a", "1"), kSeen);
  const bool found = entries.Visit(At("a"), "a", kSeen, [&](const Record& record) {
    entries.Keep(EntryOf("a", "2"), kSeen);
    EXPECT_EQ(record.value, "1");
  });
  EXPECT_TRUE(found);
  EXPECT_EQ(Find(entries, "a"), "1");
  entries.Keep(EntryOf("a", "2"), kSeen);
  EXPECT_EQ(Find(entries, "a"), "2");
}

TEST(RecentEntriesTest, AThreadSeesNoneOfAnother) {
  OfThisThread<RecentEntries>()->Keep(EntryOf("a", "1"), kSeen);
  std::thread([] { EXPECT_EQ(Find(*OfThisThread<RecentEntries>(), "a"), std::nullopt); }).join();
  EXPECT_EQ(Find(*OfThisThread<RecentEntries>(), "a"), "1");
}

// By way of the tier, whose entry is found often enough to be kept here.
TEST(RecentEntriesTest, ATierThatIsClearedOrToldOfACommitFindsNothingOld) {
  MemoryTier tier(size_t{1} << 20);
  const auto find = [&](uint64_t txn) {
    std::optional<std::string> value;
    tier.Find(At("k"), "k", txn, [&](const Record& record) { value = record.value; });
    return value;
  };
  tier.Insert(At("k"), "k", {.value = "1"}, 1);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(find(1), "1");
  const Place changed = At("k");
  tier.Committed(2, {&changed, 1});
  EXPECT_EQ(find(2), std::nullopt);
  tier.Insert(At("k"), "k", {.value = "2"}, 2);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(find(2), "2");
  tier.Clear();
  EXPECT_EQ(find(2), std::nullopt);
}

// Another tier may take the memory, and with it the address, of one that is gone.
TEST(RecentEntriesTest, ATierDoesNotFindWhatWasInAnother) {
  std::optional<MemoryTier> tier(std::in_place, size_t{1} << 20);
  const auto find = [&] { return tier->Find(At("k"), "k", 1, [](const Record&) {}); };
  tier->Insert(At("k"), "k", {.value = "1"}, 1);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(find());
  tier.emplace(size_t{1} << 20);
  EXPECT_FALSE(find());
}

}  // namespace
}  // namespace permacache::storage
